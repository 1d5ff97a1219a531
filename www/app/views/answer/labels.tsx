/**
 * Any number of labels, each with the score that it has and the one that it takes.
 */
import type { LabelsForm } from "graftlet";
import { thresholdsOf } from "../../state/tasks.js";
import { Bars } from "./bars.js";

export function LabelsView({ task, result }: { task: string; result: LabelsForm }) {
  const own = thresholdsOf(task);
  const chosen = new Set(result.labels.map(({ label }) => label));
  return (
    <>
      <p class={chosen.size === 0 ? "verdict rejected" : "verdict"} data-testid="verdict">
        {chosen.size === 0 ? "none of the labels" : [...chosen].join(", ")}
      </p>
      <Bars
        scores={result.scores}
        chosen={(label) => chosen.has(label)}
        threshold={(label) => own.get(label)}
      />
      <p class="hint key-mark">A label is given once its score passes its own mark.</p>
    </>
  );
}

/**
 * One label, or that the text fits none of them.
 */
import type { LabelForm } from "graftlet";
import { NOUNS, sort } from "../../state/sort.js";
import { Bars } from "./bars.js";

export function LabelView({ result }: { result: LabelForm }) {
  return (
    <>
      <p class={result.rejected ? "verdict rejected" : "verdict"} data-testid="verdict">
        {result.rejected ? "none of these" : result.label}
      </p>
      {result.rejected && (
        <p class="verdict-words">
          The {NOUNS[sort.value]} seems to be out of scope (“{result.label}”): no label is likely
          enough.
        </p>
      )}
      <Bars scores={result.scores} chosen={(label) => !result.rejected && label === result.label} />
    </>
  );
}

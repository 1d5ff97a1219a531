/**
 * Labels with their scores as bars; of many the likeliest, and all of them on demand.
 */
import type { Score } from "graftlet";
import { useState } from "preact/hooks";
import { count, probability } from "../../format/units.js";

/** With more labels than this, only the likeliest are shown at first. */
const MOST_BARS = 8;

interface Props {
  scores: readonly Score[];
  chosen: (label: string) => boolean;
  /** What a label's score must reach, drawn as a mark. */
  threshold?: (label: string) => number | undefined;
}

export function Bars({ scores, chosen, threshold }: Props) {
  const [all, setAll] = useState(false);
  const many = scores.length > MOST_BARS;
  const sorted = many ? scores.toSorted((a, b) => b.score - a.score) : scores;
  const shown = many && !all ? sorted.slice(0, MOST_BARS) : sorted;
  return (
    <>
      <ul class="bars">
        {shown.map(({ label, score }) => (
          <Bar
            key={label}
            label={label}
            score={score}
            chosen={chosen(label)}
            mark={threshold?.(label)}
          />
        ))}
      </ul>
      {many && (
        <button type="button" class="link" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? `Only the ${MOST_BARS} likeliest` : `All ${count(scores.length)} labels`}
        </button>
      )}
    </>
  );
}

interface BarProps {
  label: string;
  score: number;
  chosen: boolean;
  mark: number | undefined;
}

function Bar({ label, score, chosen, mark }: BarProps) {
  return (
    <li class={chosen ? "bar best" : "bar"}>
      <span class="bar-label">
        {label}
        {chosen && mark !== undefined && <span class="visually-hidden"> (chosen)</span>}
      </span>
      <span class="bar-track" aria-hidden="true">
        <span class="bar-fill" style={{ transform: `scaleX(${score})` }} />
        {mark !== undefined && <span class="bar-mark" style={{ left: `${mark * 100}%` }} />}
      </span>
      <span class="bar-score" data-score={score}>
        {probability(score)}
        {mark !== undefined && (
          <span class="visually-hidden"> of the {probability(mark)} it takes</span>
        )}
      </span>
    </li>
  );
}

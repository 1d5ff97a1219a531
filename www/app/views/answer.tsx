/**
 * The answer: the label in words, all scores as bars, and what it took.
 */
import { useEffect, useState } from "preact/hooks";
import { counted, milliseconds, probability } from "../format/units.js";
import { type Answer, answer, pair, text } from "../state/answer.js";
import { engine } from "../state/engine.js";
import { selected, trouble } from "../state/tasks.js";

/** With more labels than this, only the highest are shown, in order of score. */
const MOST_BARS = 8;

export function AnswerView() {
  const shown = answer.value;
  return (
    <section class="answer" aria-label="Answer">
      <Spoken answer={shown} />
      {shown.status === "failed" && (
        <p class="trouble" role="alert">
          {shown.sentence}
        </p>
      )}
      {shown.status === "none" && <p class="hint">{hint()}</p>}
      {shown.status === "given" && (
        <Given result={shown.result} stale={shown.task !== selected.value} />
      )}
    </section>
  );
}

function hint(): string {
  if (engine.value.status === "loading")
    return "The answer appears here once the backbone is ready.";
  if (engine.value.status === "failed") return "Without the backbone there is no answer.";
  if (text.value.trim() === "") return "The answer appears here as you type.";
  if (pair.value) return "The answer appears here once both texts are given.";
  return trouble.value === null ? "Fetching the adapter…" : "There is no answer yet.";
}

type Result = Extract<Answer, { status: "given" }>["result"];

function Given({ result, stale }: { result: Result; stale: boolean }) {
  const many = result.scores.length > MOST_BARS;
  const bars = many
    ? result.scores.toSorted((a, b) => b.score - a.score).slice(0, MOST_BARS)
    : result.scores;
  return (
    <div class={stale ? "given stale" : "given"}>
      <p class="verdict" data-testid="verdict">
        {result.label}
      </p>
      <ul class="bars">
        {bars.map(({ label, score }) => (
          <li key={label} class={label === result.label ? "bar best" : "bar"}>
            <span class="bar-label">{label}</span>
            <span class="bar-track" aria-hidden="true">
              <span class="bar-fill" style={{ transform: `scaleX(${score})` }} />
            </span>
            <span class="bar-score" data-score={score}>
              {probability(score)}
            </span>
          </li>
        ))}
      </ul>
      <p class="figures">
        {milliseconds(result.ms)} · {counted(result.tokens, "token")}
        {many && ` · the ${MOST_BARS} likeliest of ${result.scores.length} labels`}
      </p>
      {result.truncated && (
        <p class="notice">
          The text is longer than the backbone reads: the answer rests on its first {result.tokens}{" "}
          tokens.
        </p>
      )}
    </div>
  );
}

/** Tells screen readers the answer once it has stood still: every keystroke's would be noise. */
function Spoken({ answer }: { answer: Answer }) {
  const [spoken, setSpoken] = useState("");
  const sentence =
    answer.status === "given" ? `${answer.result.label}, ${probability(answer.result.score)}` : "";
  useEffect(() => {
    const timer = setTimeout(() => setSpoken(sentence), 700);
    return () => clearTimeout(timer);
  }, [sentence]);
  return (
    <p class="visually-hidden" aria-live="polite">
      {spoken}
    </p>
  );
}

/**
 * The answer to the text, by what its task answers, and what it took.
 */
import type { Answer } from "graftlet";
import { useEffect, useState } from "preact/hooks";
import { counted, decimal, milliseconds, probability } from "../../format/units.js";
import { type Answered, answer, type Given, pair, text } from "../../state/answer.js";
import { engine } from "../../state/engine.js";
import { selected, trouble } from "../../state/tasks.js";
import { LabelView } from "./label.js";
import { LabelsView } from "./labels.js";
import { NumberView } from "./number.js";
import { SpansView } from "./spans.js";

export function AnswerView() {
  const shown = answer.value;
  return (
    <section class="answer" aria-label="Answer">
      <SpokenSentence sentence={spokenOf(shown)} />
      {shown.status === "failed" && (
        <p class="trouble" role="alert">
          {shown.sentence}
        </p>
      )}
      {shown.status === "none" && <p class="hint">{hint()}</p>}
      {shown.status === "given" && <GivenView given={shown} />}
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

function GivenView({ given }: { given: Given }) {
  const { answers, task } = given;
  const classes = [
    "given",
    ...(answers.length > 1 ? ["side-by-side"] : []),
    ...(task === selected.value ? [] : ["stale"]),
  ];
  return (
    <div class={classes.join(" ")}>
      {answers.map(({ result, texts }, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the first text's answer stays the first
        <div key={index} class="one-answer">
          {answers.length > 1 && <h3>{index === 0 ? "First text" : "Second text"}</h3>}
          <Body task={task} result={result} texts={texts} />
          <p class="figures">
            {milliseconds(result.ms)} · {counted(result.tokens, "token")}
          </p>
          {result.windows > 1 && (
            <p class="notice">
              The text is longer than the model reads at once: it was read in {result.windows}{" "}
              windows.
            </p>
          )}
          {result.truncated && (
            <p class="notice">
              The text is longer than the model reads: the answer is about its first {result.tokens}{" "}
              tokens.
            </p>
          )}
        </div>
      ))}
    </div>
  );
}

interface BodyProps {
  task: string;
  result: Answer;
  texts: readonly string[];
}

export function Body({ task, result, texts }: BodyProps) {
  switch (result.form) {
    case "label":
      return <LabelView key={task} result={result} />;
    case "labels":
      return <LabelsView key={task} task={task} result={result} />;
    case "number":
      return <NumberView result={result} />;
    case "spans":
      return <SpansView result={result} texts={texts} />;
  }
}

function spokenOf(answer: Answered): string {
  if (answer.status !== "given") return "";
  return answer.answers.map(({ result, texts }) => sentenceOf(result, texts)).join(". ");
}

/** Tells screen readers the answer once it has stood still: every keystroke's would be noise. */
export function SpokenSentence({ sentence }: { sentence: string }) {
  const [spoken, setSpoken] = useState("");
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

export function sentenceOf(result: Answer, texts: readonly string[]): string {
  const scored = ({ label, score }: { label: string; score: number }) =>
    `${label}, ${probability(score)}`;
  switch (result.form) {
    case "label":
      return result.rejected ? `${result.label}: none of the labels` : scored(result);
    case "labels":
      return result.labels.length === 0
        ? "none of the labels"
        : result.labels.map(scored).join("; ");
    case "number":
      return decimal(result.value);
    case "spans":
      if (result.spans.length === 0) return "nothing found";
      return result.spans
        .map(
          ({ start, end, label, second }) =>
            `${texts[Number(second)]?.slice(start, end)}: ${label}`,
        )
        .join("; ");
  }
}

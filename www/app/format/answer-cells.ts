/**
 * Answers as cells of a table.
 */
import type { Answer, Form } from "graftlet";

/** Between the labels of a text that has several. */
export const SEPARATOR = "|";

/** What the cells of answers are called. */
export const HEADERS: Record<Form, string[]> = {
  label: ["answer", "score"],
  labels: ["answers", "scores"],
  number: ["answer"],
  spans: ["spans"],
};

export function cellsOf(answer: Answer): string[] {
  switch (answer.form) {
    case "label":
      return [answer.label, rounded(answer.score)];
    case "labels":
      return [
        answer.labels.map(({ label }) => label).join(SEPARATOR),
        answer.labels.map(({ score }) => rounded(score)).join(SEPARATOR),
      ];
    case "number":
      return [rounded(answer.value)];
    case "spans":
      // Offsets say where: a text may hold one name twice.
      return [
        JSON.stringify(
          answer.spans.map(({ start, end, label, score, second }) => ({
            start,
            end,
            label,
            score: Number(rounded(score)),
            ...(second ? { second } : {}),
          })),
        ),
      ];
  }
}

/** The labels that an answer gives; none of numbers and spans. */
export function labelsOf(answer: Answer): string[] {
  switch (answer.form) {
    case "label":
      return [answer.label];
    case "labels":
      return answer.labels.map(({ label }) => label);
    default:
      return [];
  }
}

function rounded(value: number): string {
  return String(Math.round(value * 1e4) / 1e4);
}

/**
 * A table with answers beside its rows, to be written as CSV.
 */
import type { Answer } from "graftlet";
import { SEPARATOR } from "./problem.js";
import type { Table } from "./table.js";

/** The header, then every row of the table; rows that were not answered have empty cells. */
export function* answeredTable(
  table: Table,
  rows: readonly number[],
  answers: readonly Answer[],
): Generator<string[]> {
  const [first] = answers;
  yield [...table.columns, ...headerOf(first)];
  const empty = headerOf(first).map(() => "");
  const answerOf = new Map(rows.map((row, index) => [row, answers[index]]));
  for (const [index, cells] of table.rows.entries()) {
    const answer = answerOf.get(index);
    yield [...cells, ...(answer ? cellsOf(answer) : empty)];
  }
}

function headerOf(answer: Answer | undefined): string[] {
  switch (answer?.problem) {
    case "multi_label":
      return ["answer", "scores"];
    case "regression":
      return ["answer"];
    case "token_classification":
      return ["spans"];
    default:
      return ["answer", "score"];
  }
}

function cellsOf(answer: Answer): string[] {
  switch (answer.problem) {
    case "single_label":
      return [answer.label, rounded(answer.score)];
    case "multi_label":
      return [
        answer.labels.map(({ label }) => label).join(SEPARATOR),
        answer.labels.map(({ score }) => rounded(score)).join(SEPARATOR),
      ];
    case "regression":
      return [rounded(answer.value)];
    case "token_classification":
      // Offsets say where; a text may hold one name twice.
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

function rounded(value: number): string {
  return String(Math.round(value * 1e4) / 1e4);
}

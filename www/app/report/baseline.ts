/**
 * What there would be without learning: the score of the answer that looks at no text.
 */
import type { Problem, TrainReport } from "graftlet";

/** Null where it depends on more than the report knows. */
export function baselineOf(problem: Problem, { metric, evaluation }: TrainReport): number | null {
  switch (problem) {
    case "single_label":
      return ofCommonest(metric, evaluation.perLabel);
    case "multi_label":
      // No label for any text: nothing is found. How many texts have no label the report does not say.
      return metric === "macro_f1" || metric === "micro_f1" ? 0 : null;
    case "regression":
      return metric === "spearman" || metric === "pearson" ? 0 : null;
    case "token_classification":
      return metric === "accuracy" ? null : 0;
  }
}

/** Always answering the commonest label. */
function ofCommonest(metric: string, perLabel: readonly { rows: number }[]): number | null {
  const rows = perLabel.map((label) => label.rows);
  const all = rows.reduce((a, b) => a + b, 0);
  if (all === 0) return null;
  const part = Math.max(...rows) / all;
  switch (metric) {
    case "accuracy":
    case "micro_f1":
      return part;
    case "macro_f1":
      // Of that label precision is its part and recall is 1; all others score 0.
      return (2 * part) / (1 + part) / rows.length;
    case "matthews":
      return 0;
    default:
      return null;
  }
}

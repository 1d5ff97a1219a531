/**
 * What there would be without learning: the score of the answer that looks at no text.
 */
import { PROBLEMS, type Problem, type TrainReport } from "graftlet";

/** Null where it depends on more than the report knows. */
export function baselineOf(problem: Problem, { metric, evaluation }: TrainReport): number | null {
  const { classes, measures } = PROBLEMS[problem];
  if (classes) return ofCommonest(metric, evaluation.perLabel);
  const known: Record<string, { title: string; chance?: number }> = measures;
  return known[metric]?.chance ?? null;
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

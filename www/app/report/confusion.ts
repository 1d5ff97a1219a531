/**
 * Which labels are taken for which.
 */

export interface Confused {
  truth: string;
  answer: string;
  /** Rows of `truth` that were answered so. */
  rows: number;
  /** All rows of `truth`. */
  of: number;
}

/** The pairs of labels that are confused, most rows first. */
export function mostConfused(
  labels: readonly string[],
  confusion: readonly (readonly number[])[],
  most = Infinity,
): Confused[] {
  const pairs = confusion.flatMap((row, i) => {
    const of = row.reduce((a, b) => a + b, 0);
    return row.flatMap((rows, j) =>
      i === j || rows === 0 ? [] : [{ truth: labels[i] ?? "", answer: labels[j] ?? "", rows, of }],
    );
  });
  return pairs.sort((a, b) => b.rows - a.rows || b.rows / b.of - a.rows / a.of).slice(0, most);
}

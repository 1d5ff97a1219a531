/** A row of the result. */

/** Median, smallest and largest of the samples, behind what they are of. */
export function summary(row, samples) {
  const sorted = samples.toSorted((a, b) => a - b);
  const median = (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
  return { ...row, median, min: sorted[0], max: sorted.at(-1), n: sorted.length };
}

/** A row of the result. */

/** Median, smallest and largest of the samples, and the samples in their order, behind what they are of. */
export function summary(row, samples) {
  const sorted = samples.toSorted((a, b) => a - b);
  const median = (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
  const inOrder =
    samples.length > 1 ? { samples: samples.map((x) => Number(x.toPrecision(4))) } : {};
  return { ...row, median, min: sorted[0], max: sorted.at(-1), n: sorted.length, ...inOrder };
}

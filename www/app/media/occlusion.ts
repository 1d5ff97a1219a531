/**
 * Which parts of a picture an answer depends on: each square of a grid is covered in turn, and the score is looked at again.
 */

/** Squares along each side. */
export const GRID = 7;

/** What is used of an `ImageData`. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

/** Copies of the picture, each with one square in the picture's mean colour; row by row. */
export function* covered({ width, height, data }: Pixels): Generator<Pixels> {
  const mean = meanOf(data);
  for (let square = 0; square < GRID * GRID; square += 1) {
    const [row, column] = [Math.floor(square / GRID), square % GRID];
    const copy = new Uint8ClampedArray(data);
    for (let y = edge(row, height); y < edge(row + 1, height); y += 1) {
      for (let x = edge(column, width); x < edge(column + 1, width); x += 1) {
        copy.set(mean, 4 * (y * width + x));
      }
    }
    yield { width, height, data: copy };
  }
}

/**
 * How far a label is ahead of the next, as the logarithm of how many times as likely it is: that still moves where a score
 * of 100 % hardly does. Negative where another label is ahead.
 */
export function lead(scores: readonly { label: string; score: number }[], label: string): number {
  const logarithm = (score: number) => Math.log(Math.max(LEAST_SCORE, score));
  const own = scores.find((entry) => entry.label === label)?.score ?? 0;
  const others = scores.filter((entry) => entry.label !== label).map(({ score }) => score);
  return logarithm(own) - logarithm(Math.max(0, ...others));
}

/** Below this all scores are alike. */
const LEAST_SCORE = 1e-30;

/** How far the lead fell with each square covered; 0 where it rose. */
export function falls(whole: number, leads: readonly number[]): number[] {
  return leads.map((lead) => Math.max(0, whole - lead));
}

function edge(at: number, size: number): number {
  return Math.round((at * size) / GRID);
}

function meanOf(data: Uint8ClampedArray): [number, number, number, number] {
  const sums: [number, number, number, number] = [0, 0, 0, 255];
  const pixels = data.length / 4;
  for (let at = 0; at < data.length; at += 4) {
    for (const channel of [0, 1, 2] as const) sums[channel] += (data[at + channel] ?? 0) / pixels;
  }
  return sums;
}

/**
 * Recorded sound as numbers: how loud it is, where it begins and ends, whether it is distorted, and how it is drawn.
 */

/** One channel. Full scale is 1. */
export interface Samples {
  readonly samples: Float32Array;
  /** Samples a second. */
  readonly rate: number;
}

/** A window that loudness is measured in. */
const WINDOW_SECONDS = 0.02;
/** How far a sound is above the background of its recording, in decibels. */
const ABOVE_BACKGROUND = 12;
/** What is fainter than its loudest part by this is an echo… */
const ECHO = 35;
/** …and what is within this of it belongs to the sound, however loud the background seems. */
const NEAR_LOUDEST = 15;
/** Fainter than this is silence in any recording. */
const SILENCE = -60;
/** What is kept before and after a sound: words begin and end softly. */
const MARGIN_SECONDS = 0.12;
/** A word of which less is left was not one. */
const SHORTEST_SECONDS = 0.08;

const FULL_SCALE = 0.999;
/** The share of samples at full scale from which a recording is distorted. */
const MOST_CLIPPED = 0.01;

export function secondsOf({ samples, rate }: Samples): number {
  return samples.length / rate;
}

/** Root mean square in decibels below full scale; silence is `-100`. */
export function loudness(samples: Float32Array): number {
  let sum = 0;
  for (const value of samples) sum += value * value;
  const level = samples.length === 0 ? 0 : sum / samples.length;
  return level <= 1e-10 ? -100 : 10 * Math.log10(level);
}

/** Loudness as a meter shows it: 0 is silence, 1 is full scale. */
export function meter(decibels: number): number {
  return Math.min(1, Math.max(0, 1 + decibels / -SILENCE));
}

/** Whether so much of it is at full scale that it was recorded too loud. */
export function isClipped({ samples }: Samples): boolean {
  let clipped = 0;
  for (const value of samples) if (Math.abs(value) >= FULL_SCALE) clipped += 1;
  return clipped > samples.length * MOST_CLIPPED;
}

/** The loudness from which a window holds a sound, given all windows of a recording. */
function threshold(levels: readonly number[]): number {
  const sorted = levels.toSorted((a, b) => a - b);
  const background = sorted[Math.floor(sorted.length / 10)] ?? SILENCE;
  const loudest = sorted.at(-1) ?? SILENCE;
  const above = Math.min(background + ABOVE_BACKGROUND, loudest - NEAR_LOUDEST);
  return Math.max(SILENCE, loudest - ECHO, above);
}

/** Without the silence at both ends; null where no sound is in it. */
export function trim(sound: Samples): Samples | null {
  const { samples, rate } = sound;
  const size = Math.round(rate * WINDOW_SECONDS);
  const levels: number[] = [];
  for (let at = 0; at + size <= samples.length; at += size) {
    levels.push(loudness(samples.subarray(at, at + size)));
  }
  const least = threshold(levels);
  const loud = (level: number) => level >= least && level > SILENCE;
  const first = levels.findIndex(loud);
  const last = levels.findLastIndex(loud);
  if (first < 0 || (last + 1 - first) * size < SHORTEST_SECONDS * rate) return null;
  const margin = Math.round(rate * MARGIN_SECONDS);
  const from = Math.max(0, first * size - margin);
  const to = Math.min(samples.length, (last + 1) * size + margin);
  return { samples: samples.slice(from, to), rate };
}

/** Pieces of one second; a rest of less than half a second is left out. What is shorter than a second stays whole. */
export function cutIntoSeconds({ samples, rate }: Samples): Samples[] {
  const size = Math.round(rate);
  if (samples.length <= size) return [{ samples, rate }];
  const pieces: Samples[] = [];
  for (let at = 0; at + size / 2 <= samples.length; at += size) {
    pieces.push({ samples: samples.slice(at, at + size), rate });
  }
  return pieces;
}

/** The last seconds of a recording. */
export function lastOf({ samples, rate }: Samples, seconds: number): Samples {
  return { samples: samples.slice(-Math.round(rate * seconds)), rate };
}

export function joined(chunks: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const all = new Float32Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

/** The highest value of each of `count` equal parts, for a drawing. */
export function peaks({ samples }: Samples, count: number): number[] {
  return Array.from({ length: count }, (_, part) => {
    const from = Math.floor((part * samples.length) / count);
    const to = Math.floor(((part + 1) * samples.length) / count);
    let peak = 0;
    for (let at = from; at < to; at += 1) peak = Math.max(peak, Math.abs(samples[at] ?? 0));
    return peak;
  });
}

/**
 * What a model reads, and streams of it. Plain data, as all in `types.ts`.
 */
import type { Score } from "./types.js";

/**
 * One input: a text, or a pair of texts for a task that compares two (entailment, paraphrase). It has the form of a
 * `Row`, whose label is ignored. Only the first 100,000 characters of each text are read; if a text is longer, the answer
 * says `truncated`.
 */
export type Text = string | { readonly text: string; readonly text2?: string };

/** Recorded sound: samples of one channel, from -1 to 1, and how many of them are a second. */
export interface Samples {
  readonly samples: Float32Array;
  /** In hertz, from 1,000 to 384,000. What is not the model's rate is resampled. */
  readonly rate: number;
}

/** What is used of the Web Audio API's `AudioBuffer`, whose channels are averaged. */
export interface SoundBuffer {
  readonly numberOfChannels: number;
  readonly length: number;
  readonly sampleRate: number;
  getChannelData(channel: number): Float32Array;
}

/**
 * A recording. A `Blob` (a `File` is one) holds a file: of WAV the engine reads it, of any other format the browser decodes it,
 * which only a page can and no worker. `docs/sounds-and-pictures.md` says what is read of it.
 */
export type Sound = Blob | SoundBuffer | Samples;

/** The pixels of a picture, as an `ImageData` has them: red, green, blue and opacity, a byte each, row by row. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray | Uint8Array;
}

/** What is used of an `ImageBitmap`. */
export interface Bitmap {
  readonly width: number;
  readonly height: number;
  close(): void;
}

/**
 * A picture of any size. A `Blob` (a `File` is one) holds a file that the browser decodes; Node.js decodes none, so give
 * it the pixels. Opacity is left out.
 */
export type Picture = Blob | Bitmap | Pixels;

/** One input of a model, which reads one of the three: `BackboneInfo.reads` says which. */
export type Input = Text | Sound | Picture;

/** How `listen` listens. Times are in seconds. */
export interface ListenOptions {
  /** The adapter, which answers with one label; by default the active one. */
  with?: string;
  /** How much of the stream is answered at once, from 0.2 to 10: a little more than the longest word takes. */
  window?: number;
  /** Time from one window to the next, from 0.02 to the window. */
  hop?: number;
  /** Windows whose scores are averaged, from 1 to 100. */
  smoothing?: number;
  /** What the averaged score of a label must reach, above 0 and at most 1. */
  threshold?: number;
  /** Time after a detection in which nothing is detected, from 0 to 60. */
  refractory?: number;
  /** Labels that are never detected: those of sounds that are none of the words. By default `background`. */
  background?: readonly string[];
}

/** A word that was heard. Times are in seconds since listening began. */
export interface Detection {
  label: string;
  /** The averaged score. */
  score: number;
  /** Where sound begins and ends in the window that decided. */
  start: number;
  end: number;
  /** Where that window ends. */
  at: number;
}

/** A stream of sound under way. */
export interface Listening {
  /** Takes in what comes next, in pieces of any size at one rate, and gives the words that it completes. */
  push(samples: Float32Array, rate: number): Promise<Detection[]>;
  /** The averaged scores after the last window. */
  readonly scores: readonly Score[];
  /** Gives the words that the end of the stream completes. Nothing can be pushed any more. */
  end(): Promise<Detection[]>;
}

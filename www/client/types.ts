/**
 * The values that Graftlet takes and gives. They are plain data: every one of them can be cloned into a worker.
 */
import type { ErrorCode } from "./errors.js";
import type { AdapterSizes, SizeName } from "./kinds.js";
import type { PROBLEMS } from "./problems.js";

export type { AdapterOptions, AdapterSizes, SizeName } from "./kinds.js";
export type * from "./training-types.js";

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

/** A folder as file name → bytes, for instance `{ "adapter_config.json": …, "adapter_model.safetensors": … }`. */
export type AdapterFiles = Record<string, Uint8Array>;

/** `peft` is Hugging Face PEFT's folder, `adapterhub` that of AdapterHub's `adapters` library. */
export type AdapterFormat = "peft" | "adapterhub";

/**
 * Several loaded adapters as one, or many in one pass; a name stands for itself. What may be inside what, and what each
 * block computes, is in `docs/composition.md`.
 */
export type Composition =
  | string
  /** One after the other in each place; the last one's head answers. */
  | { stack: readonly Composition[] }
  /** The weighted sum of what each changes; `head` names the adapter whose head answers. */
  | { average: readonly Part<"weight">[]; head?: string }
  /** Each for its own texts: as many successive ones as `rows` says, 1 by default. */
  | { split: readonly Part<"rows">[] }
  /** Each for all texts; ask for the answers with `classify(texts, { with: [it] })`. */
  | { parallel: readonly Composition[] }
  /** Bottlenecks mixed by a loaded fusion. */
  | { fuse: readonly Composition[]; fusion: string };

/** A part of an average with its weight, or of a split with its number of rows. */
export type Part<Setting extends "weight" | "rows"> =
  | Composition
  | ({ adapter: Composition } & { [S in Setting]?: number });

/**
 * A new adapter of the parameters of others. Without a `method` parameters are summed where all settings agree, and
 * LoRAs that differ are summed as updates and cut to a `rank` (`svd`), by default the largest of theirs.
 */
export interface Recipe {
  average: readonly (string | Recipe | { adapter: string | Recipe; weight: number })[];
  /** The adapter whose head the new one gets; by default the heads are summed too, where they agree. */
  head?: string;
  method?: "linear" | "svd";
  rank?: number;
}

/** The frozen encoder that every adapter shares. */
export interface BackboneInfo {
  name: string;
  hiddenSize: number;
  layers: number;
  heads: number;
  /** Number of word pieces; absent where the model reads no texts. */
  vocabulary?: number;
  /** What the model reads. */
  reads: "texts" | "sounds" | "pictures";
  /** A text with more tokens is read in windows (`docs/long-texts.md`); the answer says in how many. */
  maxTokens: number;
  dtype: "int8" | "q4" | "f16" | "f32";
  parameters: number;
  /** Identifies the weights, so that an adapter is not put on another model by mistake. */
  fingerprint: string;
}

/**
 * The engine as it is built: with WebAssembly's 128-bit vectors, or with the relaxed ones as well, whose fused
 * multiply-add makes f32 products faster.
 */
export type EngineBuild = "simd128" | "relaxed";

/**
 * The variants of the relaxed build's kernels. `dot` multiplies integers with the processor's dot product of 8-bit lanes, and is
 * half as fast where the processor has none.
 */
export type EngineKernels = "relaxed-simd" | "dot";

/** What computes. */
export interface RuntimeInfo {
  build: EngineBuild;
  /** The variant of the kernels in use: `simd128`, `relaxed-simd` or `dot`. */
  kernels: string;
  /** The engine's version. */
  version: string;
}

/** One loaded adapter. */
export interface AdapterInfo extends AdapterSizes {
  name: string;
  /** A `KindInfo.name`, such as `lora`. */
  kind: string;
  title: string;
  /** What it answers; absent where it came without a head. */
  problem?: Problem;
  /** Whether it compares two texts, false if it reads one; absent where the folder does not say. */
  pair?: boolean;
  /**
   * How its head reads the two texts of a pair. `apart`: each is a sequence of its own, so `embed` gives vectors whose cosine the
   * head was trained with.
   */
  pairs?: "joint" | "apart";
  labels: string[];
  /** What each label's score must reach, 0 to 1, one a label; only where a text may have several labels. */
  thresholds?: number[];
  /** What is answered where the best label's score is below the threshold, 0 to 1; `label` is none of `labels`. */
  reject?: { label: string; threshold: number };
  /** Trained parameters, the classification head included. */
  parameters: number;
  /** `parameters` as a part of the backbone's, 0 to 1. */
  share: number;
  bytes: number;
  /** The library whose folder the adapter is written as. */
  format: AdapterFormat;
  /** Where in the encoder the adapter sits, such as `query` and `value`. */
  sites: string[];
  metric?: string;
  score?: number;
  task?: string;
}

/** An adapter that was just loaded. */
export interface AddedAdapter extends AdapterInfo {
  /**
   * Why the browser does not keep it, where it was asked to. The adapter answers all the same until the page is closed:
   * offer it for download (`exportAdapter`), or try again with `keep`.
   */
  unkept?: { code: ErrorCode; message: string };
}

/** What this browser keeps for the page's origin. */
export interface StorageReport {
  /** Bytes in use and the most that the browser gives; null where it does not say. */
  usage: number | null;
  quota: number | null;
  /** True when the browser does not clear it by itself if the disk runs full. */
  persistent: boolean;
  /** Why nothing can be kept, where that is so: a private window, blocked site data, a page that is not secure. */
  denied?: { code: ErrorCode; message: string };
  /** Whether the loaded backbone is kept. If not, it is downloaded again at each visit. */
  backboneKept: boolean;
  /** The adapters, the least recently used first. Nothing is ever removed without being asked for. */
  adapters: KeptFolder[];
  /** The training runs. */
  runs: KeptFolder[];
}

/** What is kept under a name. */
export interface KeptFolder {
  name: string;
  bytes: number;
  /** Milliseconds since 1970; 0 where an earlier version kept it. */
  savedAt: number;
  /** When it was last saved or restored. */
  usedAt: number;
}

/** An adapter kind that can be trained, with what a form needs to offer it. */
export interface KindInfo {
  name: string;
  title: string;
  description: string;
  format: AdapterFormat;
  /** The one number that sets the adapter's size, and the `TrainOptions` field it belongs in; absent where it cannot be chosen. */
  size?: {
    name: SizeName;
    title: string;
    default: number;
    choices: number[];
  };
}

/** What an adapter answers: one label a text, any number of labels, a number, labelled parts of the text, or which of two texts is better. */
export type Problem = keyof typeof PROBLEMS;

/** In which form an answer is given. */
export type Form = (typeof PROBLEMS)[Problem]["forms"][number];

interface Forms {
  label: LabelForm;
  labels: LabelsForm;
  number: NumberForm;
  spans: SpansForm;
}

/** An answer to a problem: one type for each form that its answers have. */
export type AnswerOf<P extends Problem> = {
  [F in (typeof PROBLEMS)[P]["forms"][number]]: Forms[F] & { problem: P };
}[(typeof PROBLEMS)[P]["forms"][number]];

/** The answer to one text, by the problem of the adapter that gave it and the form of the answer. */
export type Answer = { [P in Problem]: AnswerOf<P> }[Problem];

/** One label a text. */
export type Classification = AnswerOf<"single_label">;
/** Any number of labels a text. */
export type LabelsAnswer = AnswerOf<"multi_label">;
/** A number. */
export type NumberAnswer = AnswerOf<"regression">;
/** Parts of the text with a label. */
export type SpansAnswer = AnswerOf<"token_classification">;
/** Which of two texts is better (`label` is `first` or `second`), or the score of a single text: the difference of two such scores is the logit of the probability. */
export type RankingAnswer = AnswerOf<"ranking">;

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

/** How texts are read. */
export interface ReadOptions {
  /**
   * True to read only the beginning of a text that is longer than the model. By default all of it is read, in windows
   * that overlap, and what they say is combined (`docs/long-texts.md`).
   */
  truncate?: boolean;
  /** Aborting rejects the call at once with code `aborted`, and the engine stops at the next window. */
  signal?: AbortSignal;
  /** Is told how far a call is that takes several windows or parts. */
  onProgress?: (progress: ManyProgress) => void;
}

/** How `classify` answers. */
export interface ClassifyOptions extends ReadOptions {
  /**
   * What answers in place of what is active: an adapter or a composition, or several of them in one pass. Of several,
   * the answers are a list for each (a `parallel` block counts as each of its parts).
   */
  with?: Composition | readonly Composition[];
  /**
   * Workers that share many texts, by default those that compute every text together (see `LoadOptions.workers`). Where
   * more are asked for, they start for this call, and each reads other texts. Each has the backbone in its memory for as long as it takes; where one
   * is not available the others do its part. A `split`, which is told how many texts come together, takes one.
   */
  workers?: number | "auto";
}

/** How `embed` makes vectors. */
export interface EmbedOptions extends ReadOptions {
  /** What makes the vectors in place of what is active. */
  with?: Composition;
  /** True for an `Embedded` for each text in place of the bare vector. */
  details?: boolean;
}

/** The vector of a text, and what was read of the text. */
export interface Embedded {
  vector: Float32Array;
  /** As of answers. */
  tokens: number;
  windows: number;
  truncated: boolean;
}

/** What every answer has. */
export interface AnswerBase {
  /** One a label; of an adapter that labels words `[tokens, labels]`, row by row. */
  logits: number[];
  /** Tokens of the text; those that two windows share count once. */
  tokens: number;
  /** How many windows the text was read in: 1 unless it is longer than `BackboneInfo.maxTokens`. */
  windows: number;
  /** True when the end of the text was not read: with `ReadOptions.truncate`, or after its 100,000th character. */
  truncated: boolean;
  /** Time the forward pass took, in milliseconds. */
  ms: number;
}

/** A label and how likely it is, 0 to 1. */
export interface Score {
  label: string;
  score: number;
}

/** One label. */
export interface LabelForm extends AnswerBase {
  form: "label";
  /** The label with the highest score, or the one that stands for none of them. */
  label: string;
  /** The highest score, 0 to 1. */
  score: number;
  /** All labels in the adapter's order; the scores sum to 1. */
  scores: Score[];
  /** True when no label's score was good enough: then `label` is none of `scores`. */
  rejected: boolean;
}

/** Any number of labels, none of them included. */
export interface LabelsForm extends AnswerBase {
  form: "labels";
  /** Those that the text has, in the adapter's order. */
  labels: Score[];
  /** All labels in the adapter's order, each with a score of its own. */
  scores: Score[];
}

/** A number. */
export interface NumberForm extends AnswerBase {
  form: "number";
  value: number;
}

/** Parts of the text with a label, in their order. */
export interface SpansForm extends AnswerBase {
  form: "spans";
  spans: Span[];
}

/** A part of the text: `text.slice(start, end)` is what it says. */
export interface Span {
  /** Without its "B-" or "I-". */
  label: string;
  /** Where it starts and ends in its text, as JavaScript counts (UTF-16 units). */
  start: number;
  end: number;
  score: number;
  /** True when it lies in the second text of a pair. */
  second: boolean;
}

/** How far a `classify` or `embed` is. `done` and `share` never fall; they end at `total` and at 1. */
export interface ManyProgress {
  /** Texts that are answered. */
  done: number;
  total: number;
  /** How much of all texts has been read, 0 to 1; it grows within a long text too. */
  share: number;
  /** Workers that are at it. */
  workers: number;
}

/**
 * Progress of loading, in bytes over the engine's module and all files of the backbone. `loaded` never falls, `total` is
 * constant, and the last event is `ready` with `loaded === total`. What the browser has kept counts as loaded at once.
 */
export type LoadProgress =
  | {
      type: "download";
      /** The file that bytes arrived for. */
      file: string;
      loaded: number;
      total: number;
      /** How fast it came over the network in the last seconds; null while that cannot be said. */
      bytesPerSecond: number | null;
      secondsLeft: number | null;
    }
  | { type: "ready"; loaded: number; total: number };

/** Something did not work while loading, and loading goes on. */
export interface LoadNotice {
  /**
   * `retry`: a download failed and is tried again in `seconds`. `cache`: the browser does not keep the backbone, so each
   * visit fetches it again. `backbone`: the server's backbone could not be had, and the one that the browser kept is used.
   */
  about: "retry" | "cache" | "backbone";
  code: ErrorCode;
  message: string;
  /** Until the next attempt, of `retry`. */
  seconds?: number;
}

/**
 * The values that Graftlet takes and gives. They are plain data: every one of them can be cloned into a worker.
 */

/** One input: a text, or a pair of texts for a task that compares two (entailment, paraphrase). */
export type Text = string | readonly [string, string];

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
  /** Each for all texts; ask for the answers with `classifyWith`. */
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
  /** Number of word pieces. */
  vocabulary: number;
  /** Longer texts are truncated to this many tokens, and their classification says so. */
  maxTokens: number;
  dtype: "int8" | "f16" | "f32";
  parameters: number;
  /** Identifies the weights, so that an adapter is not put on another model by mistake. */
  fingerprint: string;
}

/**
 * The engine as it is built: with WebAssembly's 128-bit vectors, or with the relaxed ones as well, whose fused
 * multiply-add makes f32 products faster.
 */
export type EngineBuild = "simd128" | "relaxed";

/** What computes. */
export interface RuntimeInfo {
  build: EngineBuild;
  /** The variant of the kernels in use, such as `relaxed-simd`. */
  kernels: string;
  /** The engine's version. */
  version: string;
}

/** One loaded adapter. */
export interface AdapterInfo {
  name: string;
  /** A `KindInfo.name`, such as `lora`. */
  kind: string;
  title: string;
  labels: string[];
  /** Trained parameters, the classification head included. */
  parameters: number;
  /** `parameters` as a part of the backbone's, 0 to 1. */
  share: number;
  bytes: number;
  /** The library whose folder the adapter is written as. */
  format: AdapterFormat;
  /** Where in the encoder the adapter sits, such as `query` and `value`. */
  sites: string[];
  rank?: number;
  alpha?: number;
  bottleneckSize?: number;
  /** Virtual tokens of prefix and prompt tuning. */
  virtualTokens?: number;
  metric?: string;
  score?: number;
  task?: string;
}

/** An adapter kind that can be trained, with what a form needs to offer it. */
export interface KindInfo {
  name: string;
  title: string;
  description: string;
  format: AdapterFormat;
  /** The one number that sets the adapter's size, and the `TrainOptions` field it belongs in; absent where it cannot be chosen. */
  size?: {
    name: "rank" | "reductionFactor" | "virtualTokens";
    title: string;
    default: number;
    choices: number[];
  };
}

/** The answer to one text. */
export interface Classification {
  /** The label with the highest score. */
  label: string;
  /** Its probability, 0 to 1. */
  score: number;
  /** All labels in the adapter's order; the scores sum to 1. */
  scores: { label: string; score: number }[];
  logits: number[];
  tokens: number;
  /** True when the text was longer than `BackboneInfo.maxTokens` and its end was not read. */
  truncated: boolean;
  /** Time the forward pass took, in milliseconds. */
  ms: number;
}

/** One labelled example. */
export interface Row {
  text: string;
  text2?: string;
  label: string;
}

/** What `train` needs; whatever is left out gets the engine's default. */
export interface TrainOptions {
  /** The new adapter's name. */
  name: string;
  /** A `KindInfo.name`. */
  kind: string;
  epochs?: number;
  batchSize?: number;
  learningRate?: number;
  /** Two runs with one seed on the same rows give the same adapter. */
  seed?: number;
  rank?: number;
  reductionFactor?: number;
  /** Virtual tokens of prefix and prompt tuning. */
  virtualTokens?: number;
  /** What the task is, in a sentence; the adapter's card keeps it. */
  task?: string;
  /** Part of the rows held out to judge the adapter by, 0 to 1. */
  devShare?: number;
  /** The loaded bottlenecks that a new one of kind `fusion` mixes. */
  adapters?: readonly string[];
}

/**
 * What happens in a training run, in order. `step` never falls and never passes `steps`, `steps` is constant
 * within a run, and a run that is not aborted ends with `done`.
 */
export type TrainEvent =
  | {
      type: "step";
      step: number;
      steps: number;
      epoch: number;
      epochs: number;
      /** Mean cross-entropy of the batch, in nats. */
      loss: number;
      learningRate: number;
    }
  | { type: "evaluating"; done: number; total: number; step: number; steps: number }
  | {
      type: "eval";
      epoch: number;
      epochs: number;
      metric: string;
      score: number;
      loss: number;
      /** True when this is the best score so far: the adapter that is kept. */
      best: boolean;
      step: number;
      steps: number;
    }
  | {
      type: "done";
      name: string;
      metric: string;
      score: number;
      epochs: number;
      steps: number;
      trainRows: number;
      devRows: number;
      parameters: number;
    };

/**
 * Progress of the backbone's download, in bytes over all of its files. `loaded` never falls, `total` is constant,
 * and the last event is `ready` with `loaded === total`.
 */
export type LoadProgress =
  | { type: "download"; file: string; loaded: number; total: number }
  | { type: "ready"; loaded: number; total: number };

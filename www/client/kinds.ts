/**
 * The settings of fresh adapters and what is known of their sizes: the rows of the kinds in `src/adapter`, written here
 * by `tests/kind_table.rs`.
 */
// biome-ignore-all format: written by a program
import type { Linear } from "./training-types.js";

/** Settings of a fresh adapter. */
export interface AdapterOptions {
  /** Rank of the update. Kinds: lora. */
  rank?: number;
  /** Another name of `rank`. */
  r?: number;
  /** The update is scaled by `alpha / rank`. Kinds: lora. */
  alpha?: number;
  /** Another name of `alpha`. */
  loraAlpha?: number;
  /** Whether the update is scaled by `alpha / sqrt(rank)` instead. Kinds: lora. */
  rankStabilised?: boolean;
  /** Another name of `rankStabilised`. */
  useRslora?: boolean;
  /** Probability with which an input of the update is left out in training. Kinds: lora. */
  dropout?: number;
  /** Another name of `dropout`. */
  loraDropout?: number;
  /** Biases of the backbone that are trained too. Kinds: lora. */
  bias?: "none" | "all" | "lora_only";
  /** Linear layers of a block that the adapter acts on, or the pooler. Kinds: lora, ia3. */
  targets?: readonly Linear[];
  /** Zero-based layers that the adapter is in; what lies below the lowest is computed only once. Kinds: lora, ia3, bottleneck, prefix. */
  layers?: readonly number[];
  /** Another name of `layers`. */
  layersToTransform?: number | readonly number[];
  /** Modules that the adapter acts on, by PEFT's rules: ends of their names, a regular expression, or `all-linear`. Kinds: lora, ia3. */
  targetModules?: string | readonly string[];
  /** Modules that `targetModules` names and that are left out all the same. Kinds: lora, ia3. */
  excludeModules?: string | readonly string[];
  /** Names of the list of layers that `layersToTransform` counts in. Kinds: lora. */
  layersPattern?: string | readonly string[];
  /** Ranks of single modules, by the end of their names. Kinds: lora. */
  rankPattern?: Record<string, number>;
  /** Alphas of single modules, by the end of their names. Kinds: lora. */
  alphaPattern?: Record<string, number>;
  /** Whether the update has a bias. Kinds: lora. */
  loraBias?: boolean;
  /** Whether weights are decomposed into magnitude and direction (DoRA). Kinds: lora. */
  useDora?: boolean;
  /** Modules whose input is scaled, in place of the output. Kinds: ia3. */
  feedforwardModules?: string | readonly string[];
  /** Hidden size over bottleneck size. Kinds: bottleneck. */
  reductionFactor?: number;
  /** Nonlinearity inside the bottleneck, such as `relu`, `gelu` or `swish`. Kinds: bottleneck. */
  nonLinearity?: string;
  /** Virtual tokens. Kinds: prefix, prompt. */
  virtualTokens?: number;
  /** Another name of `virtualTokens`. */
  numVirtualTokens?: number;
  /** Another name of `virtualTokens`. */
  prefixLength?: number;
  /** Another name of `virtualTokens`. */
  promptLength?: number;
}

/** What each of them must be. */
export const ADAPTER_OPTIONS = {
  rank: "number",
  r: "number",
  alpha: "number",
  loraAlpha: "number",
  rankStabilised: "boolean",
  useRslora: "boolean",
  dropout: "number",
  loraDropout: "number",
  bias: ["none", "all", "lora_only"],
  targets: "words",
  layers: "numbers",
  layersToTransform: "number or numbers",
  targetModules: "word or words",
  excludeModules: "word or words",
  layersPattern: "word or words",
  rankPattern: "numbers by name",
  alphaPattern: "numbers by name",
  loraBias: "boolean",
  useDora: "boolean",
  feedforwardModules: "word or words",
  reductionFactor: "number",
  nonLinearity: "string",
  virtualTokens: "number",
  numVirtualTokens: "number",
  prefixLength: "number",
  promptLength: "number",
} as const;

/** Numbers that say how large an adapter is; which of them there are depends on its kind. */
export interface AdapterSizes {
  /** Rank of the update. */
  rank?: number;
  /** The update is scaled by `alpha / rank`. */
  alpha?: number;
  /** Width inside the bottleneck. */
  bottleneckSize?: number;
  /** Virtual tokens. */
  virtualTokens?: number;
}

/** Settings that a form offers as the one number for an adapter's size. */
export type SizeName = "rank" | "reductionFactor" | "virtualTokens";

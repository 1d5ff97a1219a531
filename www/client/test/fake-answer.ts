/** How the double of the engine answers: a bag of words, compared with centroids. */
import { MAX_CHARACTERS } from "../check.js";
import type { BackboneInfo, Classification, Composition, Text } from "../types.js";

export const BACKBONE: BackboneInfo = {
  name: "fake-minilm",
  hiddenSize: 384,
  layers: 6,
  heads: 12,
  vocabulary: 30522,
  reads: "texts",
  maxTokens: 512,
  dtype: "int8",
  parameters: 22_713_216,
  fingerprint: "fake",
};

/** The engine's errors: an `Error` with this name and a code. */
export function engineError(code: string, message: string): Error {
  return Object.assign(new Error(message), { name: "GraftletError", code });
}

/** What a fake adapter's config holds: label → word → weight. */
export interface Centroids {
  kind: string;
  /** As in `graftlet.json`. */
  pair?: boolean;
  labels: string[];
  words: Record<string, Record<string, number>>;
}

export function wordsOf(text: Text): string[] {
  const joined = typeof text === "string" ? text : `${text.text} ${text.text2 ?? ""}`;
  return joined.toLowerCase().split(/\W+/).filter(Boolean);
}

export function isCut(text: Text): boolean {
  const parts = typeof text === "string" ? [text] : [text.text, text.text2 ?? ""];
  return parts.some((part) => part.length > MAX_CHARACTERS && [...part].length > MAX_CHARACTERS);
}

export function softmax(logits: number[]): number[] {
  const top = Math.max(...logits);
  const exps = logits.map((logit) => Math.exp(logit - top));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((e) => e / sum);
}

export function answer(
  adapter: Centroids,
  text: Text,
  truncate: boolean,
  number: number,
): Classification {
  const words = wordsOf(text);
  const pair = typeof text !== "string" && text.text2 !== undefined;
  if (adapter.pair === true && !pair)
    throw engineError("text2_missing", `Text ${number} has no second text: give both.`);
  if (adapter.pair === false && pair)
    throw engineError("text2_unexpected", `Text ${number} is a pair: leave the second out.`);
  if (words.length === 0)
    throw engineError("text_empty", `Text ${number} is empty: give at least one character.`);
  const logits = adapter.labels.map((label) =>
    words.reduce((sum, word) => sum + (adapter.words[label]?.[word] ?? 0), 0),
  );
  const scores = softmax(logits).map((score, i) => ({ label: adapter.labels[i] ?? "", score }));
  const best = scores.reduce((a, b) => (b.score > a.score ? b : a));
  return {
    problem: "single_label",
    form: "label",
    ...best,
    rejected: false,
    scores,
    logits,
    tokens: truncate ? Math.min(words.length + 2, BACKBONE.maxTokens) : words.length + 2,
    windows: truncate ? 1 : Math.max(1, Math.ceil(words.length / (BACKBONE.maxTokens - 2))),
    truncated: (truncate && words.length + 2 > BACKBONE.maxTokens) || isCut(text),
    ms: 12.3,
  };
}

/** The adapters of a composition; one that is no block is refused, as by the engine. */
export function namesIn(what: Composition): string[] {
  if (typeof what === "string") return [what];
  const block = what as Partial<Record<string, unknown>>;
  const parts = ["stack", "average", "split", "parallel", "fuse"]
    .map((name) => block[name])
    .find(Array.isArray);
  if (!parts) throw engineError("composition_invalid", "The composition names no block.");
  return parts.flatMap((part: Composition | { adapter: Composition }) =>
    namesIn(typeof part === "object" && "adapter" in part ? part.adapter : part),
  );
}

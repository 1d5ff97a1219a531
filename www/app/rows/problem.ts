/**
 * What the labels of a column say, guessed from how they look.
 */
import type { Problem } from "graftlet";
import { TAG } from "./conll.js";

/** Between the labels of a text that has several. */
export const SEPARATOR = "|";

/** More whole numbers than this are not classes. */
const MOST_NUMBERED_CLASSES = 20;

/** Names that data sets give to texts that have none of the other labels. */
const OUTSIDE = /^(oos|ood|out[ _-]?of[ _-]?(scope|domain)|outside|none[ _-]of[ _-]these)$/i;

export function guessProblem(texts: readonly string[], labels: readonly string[]): Problem {
  const filled = labels.map((label) => label.trim()).filter((label) => label !== "");
  if (filled.length === 0) return "single_label";
  const tagged = labels.filter(
    (label, i) => tagsOf(label)?.length === wordsOf(texts[i] ?? "").length,
  );
  if (tagged.length >= 0.8 * filled.length && filled.some((label) => label.includes("B-"))) {
    return "token_classification";
  }
  const numbers = filled.map(numberOf);
  const read = numbers.filter((number) => number !== undefined);
  if (read.length >= 0.95 * filled.length) {
    const whole = read.every(Number.isInteger);
    return whole && new Set(read).size <= MOST_NUMBERED_CLASSES ? "single_label" : "regression";
  }
  const several = filled.filter((label) => labelsOf(label).length > 1);
  return several.length > 0 && partsRecur(filled) ? "multi_label" : "single_label";
}

/** The label that stands for none of the others, if there seems to be one. */
export function guessOutside(labels: readonly string[]): string | null {
  return labels.find((label) => OUTSIDE.test(label.trim()))?.trim() ?? null;
}

/** The labels of a text that may have several. */
export function labelsOf(label: string): string[] {
  const parts = label.split(SEPARATOR).map((part) => part.trim());
  return [...new Set(parts.filter((part) => part !== ""))];
}

/** A number, with a decimal point or a decimal comma. */
export function numberOf(label: string): number | undefined {
  const plain = label.trim().replace(/^([-+]?\d+),(\d+)$/, "$1.$2");
  const number = plain === "" ? Number.NaN : Number(plain);
  return Number.isFinite(number) ? number : undefined;
}

/** The tags of a sentence's words, or nothing where it is something else. */
export function tagsOf(label: string): string[] | undefined {
  const tags = wordsOf(label);
  return tags.length > 0 && tags.every((tag) => TAG.test(tag)) ? tags : undefined;
}

export function wordsOf(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

/** A bar in labels that are otherwise never the same is part of a name. */
function partsRecur(labels: readonly string[]): boolean {
  const parts = labels.flatMap(labelsOf);
  return new Set(parts).size <= parts.length / 2;
}

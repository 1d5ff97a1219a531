/**
 * The classes of labels, and how many rows (of tags, how many spans) each has.
 */
import type { Problem } from "graftlet";
import { labelsOf, wordsOf } from "./problem.js";

export interface ClassCount {
  label: string;
  rows: number;
}

/** Largest first. */
export function countClasses(labels: readonly string[], problem: Problem): ClassCount[] {
  const counts = new Map<string, number>();
  for (const label of labels) {
    for (const name of namesOf(label, problem)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts]
    .map(([label, rows]) => ({ label, rows }))
    .sort((a, b) => b.rows - a.rows || (a.label < b.label ? -1 : 1));
}

function namesOf(label: string, problem: Problem): string[] {
  switch (problem) {
    case "single_label":
      return [label];
    case "multi_label":
      return labelsOf(label);
    case "regression":
      return [];
    case "token_classification":
      return wordsOf(label)
        .filter((tag) => tag.startsWith("B-"))
        .map((tag) => tag.slice(2));
  }
}

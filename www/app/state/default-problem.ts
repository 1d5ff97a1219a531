import type { Problem } from "graftlet";

/** The problem where nothing is said. */
export const DEFAULT_PROBLEM = "single_label" satisfies Problem;

/**
 * How many workers share a task. Each holds the backbone, some 80 MB with what it needs to compute.
 */
import { GraftletError } from "./errors.js";

export const MOST_WORKERS = 16;
/** Gigabytes of memory from which on a second worker is no burden; browsers that do not tell are not asked. */
const ENOUGH_MEMORY = 4;

/** Workers that compute a text together: more do not make it faster. */
const MOST_TOGETHER = 4;

/**
 * How many compute a text together: the number asked for, or by default as many as help. Half of the cores, since two of
 * them may be one that takes turns, and the page needs one too; both of two. `isShared` says whether a further worker gets
 * the backbone without another download.
 */
export function workersTogether(wanted: number | "auto" = "auto", isShared = true): number {
  if (wanted !== "auto") return workersFor(wanted);
  const { cores, memory } = machine();
  if (!isShared || memory < ENOUGH_MEMORY) return 1;
  return Math.min(MOST_TOGETHER, cores, Math.max(2, Math.ceil(cores / 2)));
}

/** Cores, and gigabytes of memory, as far as a browser tells. */
function machine(): { cores: number; memory: number } {
  const { hardwareConcurrency: cores = 1, deviceMemory: memory = ENOUGH_MEMORY } =
    (globalThis.navigator as { hardwareConcurrency?: number; deviceMemory?: number } | undefined) ??
    {};
  return { cores, memory };
}

/** The number asked for; `auto` takes two where that leaves a core for the page. */
export function workersFor(wanted: number | "auto" = 1): number {
  if (wanted === "auto") {
    const { cores, memory } = machine();
    return memory < ENOUGH_MEMORY ? 1 : Math.max(1, Math.min(2, cores - 1));
  }
  if (Number.isInteger(wanted) && wanted >= 1 && wanted <= MOST_WORKERS) return wanted;
  throw new GraftletError(
    "option_invalid",
    `workers is ${wanted}: give a whole number from 1 to ${MOST_WORKERS}, or "auto".`,
  );
}

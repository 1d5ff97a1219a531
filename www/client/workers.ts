/**
 * How many workers share a task. Each holds the backbone, some 80 MB with what it needs to compute.
 */
import { GraftletError } from "./errors.js";

export const MOST_WORKERS = 16;
/** Gigabytes of memory from which on a second worker is no burden; browsers that do not tell are not asked. */
const ENOUGH_MEMORY = 4;

/** The number asked for; `auto` takes two where that leaves a core for the page. */
export function workersFor(wanted: number | "auto" = 1): number {
  if (wanted === "auto") {
    const { hardwareConcurrency = 1, deviceMemory = ENOUGH_MEMORY } =
      (globalThis.navigator as
        | { hardwareConcurrency?: number; deviceMemory?: number }
        | undefined) ?? {};
    return deviceMemory < ENOUGH_MEMORY ? 1 : Math.max(1, Math.min(2, hardwareConcurrency - 1));
  }
  if (Number.isInteger(wanted) && wanted >= 1 && wanted <= MOST_WORKERS) return wanted;
  throw new GraftletError(
    "option_invalid",
    `workers is ${wanted}: give a whole number from 1 to ${MOST_WORKERS}, or "auto".`,
  );
}

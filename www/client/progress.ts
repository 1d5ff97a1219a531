/**
 * Holds what `LoadProgress` promises whatever the engine reports: a retried file would make the count fall, and a
 * backbone that is in the cache already might report nothing at all.
 */
import type { LoadProgress } from "./types.js";

export interface ProgressGuard {
  report(at: { file: string; loaded: number; total: number }): void;
  /** Sends the one `ready` event. */
  finish(): void;
}

export function progressGuard(onProgress: (event: LoadProgress) => void): ProgressGuard {
  let total: number | undefined;
  let highest = 0;
  return {
    report(at) {
      total ??= at.total;
      const loaded = Math.min(at.loaded, total);
      if (loaded < highest) return;
      highest = loaded;
      onProgress({ type: "download", file: at.file, loaded, total });
    },
    finish() {
      const end = total ?? 0;
      onProgress({ type: "ready", loaded: end, total: end });
    },
  };
}

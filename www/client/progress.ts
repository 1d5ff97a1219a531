/**
 * Holds what `LoadProgress` promises whatever the worker reports: a file that begins again would make the count fall, and
 * a backbone that is in the cache already might report nothing at all. Adds speed and time left.
 */
import type { LoadProgress } from "./types.js";

export interface DownloadCount {
  file: string;
  loaded: number;
  total: number;
  /** Bytes that came over the network in this visit; they alone make the speed. */
  received: number;
}

export interface ProgressGuard {
  report(at: DownloadCount): void;
  /** Sends the one `ready` event. */
  finish(): void;
}

/** The speed is that of the last seconds. */
const WINDOW_MS = 5000;
/** Less says nothing about the speed. */
const LEAST_MS = 500;

export function progressGuard(
  onProgress: (event: LoadProgress) => void,
  now: () => number = () => performance.now(),
): ProgressGuard {
  let total: number | undefined;
  let highest = 0;
  const marks: { at: number; received: number }[] = [];

  const speed = (received: number): number | null => {
    const at = now();
    marks.push({ at, received });
    while ((marks[1]?.at ?? at) < at - WINDOW_MS) marks.shift();
    const [first] = marks;
    if (!first || at - first.at < LEAST_MS || received <= first.received) return null;
    return ((received - first.received) / (at - first.at)) * 1000;
  };

  return {
    report({ file, received, ...at }) {
      total ??= at.total;
      const loaded = Math.min(at.loaded, total);
      const bytesPerSecond = speed(received);
      if (loaded < highest) return;
      highest = loaded;
      const secondsLeft = bytesPerSecond === null ? null : (total - loaded) / bytesPerSecond;
      onProgress({ type: "download", file, loaded, total, bytesPerSecond, secondsLeft });
    },
    finish() {
      const end = total ?? 0;
      onProgress({ type: "ready", loaded: end, total: end });
    },
  };
}

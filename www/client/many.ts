/**
 * Classifying many texts: several workers take them in parts out of one queue.
 */
import { GraftletError } from "./errors.js";
import { membersOf } from "./members.js";
import type { Remote } from "./remote.js";
import type { Answer, ManyProgress, Text } from "./types.js";
import { workersFor } from "./workers.js";

export interface Many {
  texts: readonly Text[];
  /** Whether only the beginnings of long texts are read. */
  truncate: boolean;
  /** Workers, the main one included. */
  workers: number | "auto" | undefined;
  signal: AbortSignal | undefined;
  onProgress: ((progress: ManyProgress) => void) | undefined;
  main: Remote;
  /** Starts a worker that has the backbone and the adapters of those names, in their order; it may fail. */
  hire(names: readonly string[]): Promise<Remote>;
  retire(worker: Remote): void;
}

/** Texts of a part: the engine batches them, and progress is told after each. */
const PART = 64;

/** One answer a text, by what is active. */
export async function classifyMany(many: Many): Promise<Answer[]> {
  const { texts, truncate, main, signal, onProgress } = many;
  throwIfAborted(signal);
  const most = workersFor(many.workers);
  // Asked once: whatever is used meanwhile, all texts are answered by the same.
  const active = await main.call("active", []);
  const members = active === null ? undefined : membersOf(active);
  // One call answers, or says why it cannot.
  if (active === null || !members) return main.call("classify", [texts, truncate]);
  const answers: Answer[] = new Array(texts.length);
  const parts = Array.from({ length: Math.ceil(texts.length / PART) }, (_, part) => part * PART);
  /** What workers are at. */
  const underWay = new Set<Promise<void>>();
  let done = 0;
  let workers = 1;

  const answer = async (worker: Remote, start: number): Promise<void> => {
    const part = texts.slice(start, start + PART);
    const [found = []] = await worker.call("classifyWith", [part, [active], truncate]);
    for (const [index, answer] of found.entries()) answers[start + index] = answer;
    done += part.length;
    throwIfAborted(signal);
    onProgress?.({ done, total: texts.length, workers });
  };
  /** Takes parts until none is left. */
  const work = async (worker: Remote): Promise<void> => {
    for (let start = parts.shift(); start !== undefined; start = parts.shift()) {
      const own = start;
      const task = answer(worker, own).catch((error: unknown) => {
        // Left to the main worker, whose failure is that of all.
        if (worker === main) throw error;
        parts.unshift(own);
        throw error;
      });
      const settled = task.then(
        () => {},
        () => {},
      );
      underWay.add(settled);
      try {
        await task;
      } finally {
        underWay.delete(settled);
      }
    }
  };
  const help = async (): Promise<void> => {
    const worker = await many.hire(members);
    workers += 1;
    try {
      await work(worker);
    } finally {
      workers -= 1;
      many.retire(worker);
    }
  };

  const useful = Math.min(most, parts.length);
  // A worker that cannot be had, or fails, is done without.
  for (let helper = 1; helper < useful; helper += 1) help().catch(() => {});
  try {
    while (done < texts.length) {
      await work(main);
      if (done < texts.length) await Promise.race(underWay);
    }
  } finally {
    parts.length = 0;
  }
  return answers;
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new GraftletError("aborted", "Classifying was cancelled.");
}

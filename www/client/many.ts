/**
 * Many texts: they go to the workers in parts, so that a call can be cancelled and progress be told between two of them.
 */
import { MAX_CHARACTERS } from "./check.js";
import { GraftletError } from "./errors.js";
import { membersOf } from "./members.js";
import type { Calls, ReadEvent } from "./protocol.js";
import { type Caller, type Remote, tell } from "./remote.js";
import type { Answer, Composition, Embedded, ManyProgress, Text } from "./types.js";
import { workersFor } from "./workers.js";

export interface Many {
  texts: readonly Text[];
  /** What answers; absent for what is active. */
  of: readonly Composition[] | undefined;
  /** Whether only the beginnings of long texts are read. */
  truncate: boolean;
  /** Workers, the main one included. */
  workers: number | "auto" | undefined;
  signal: AbortSignal | undefined;
  onProgress: ((progress: ManyProgress) => void) | undefined;
  main: Caller;
  /** How many workers compute what the main one is asked for. */
  together(): number;
  /** Starts a worker that has the backbone and the adapters of those names, in their order; it may fail. */
  hire(names: readonly string[]): Promise<Remote>;
  retire(worker: Remote): void;
}

/** Most texts of a part. */
const PART = 64;

interface Range {
  start: number;
  end: number;
}

/** Parts of at most `PART` texts, which together are no longer than one text may be. */
function partsOf(texts: readonly Text[]): Range[] {
  const parts: Range[] = [];
  let start = 0;
  let units = 0;
  for (const [index, text] of texts.entries()) {
    const own =
      typeof text === "string" ? text.length : text.text.length + (text.text2?.length ?? 0);
    if (index > start && (index - start === PART || units + own > MAX_CHARACTERS)) {
      parts.push({ start, end: index });
      start = index;
      units = 0;
    }
    units += own;
  }
  parts.push({ start, end: texts.length });
  return parts;
}

/** What is told of a call, over all of its parts. */
class Progress {
  readonly #total: number;
  readonly #listener: Many["onProgress"];
  readonly #workers: () => number;
  /** How much is read of each part that is under way. */
  readonly #reading = new Map<Range, number>();
  #done = 0;
  #share = 0;

  constructor(total: number, listener: Many["onProgress"], workers: () => number) {
    this.#total = total;
    this.#listener = listener;
    this.#workers = workers;
  }

  read(part: Range, share: number): void {
    this.#reading.set(part, share);
    this.#tell();
  }

  finish(part: Range): void {
    this.#reading.delete(part);
    this.#done += part.end - part.start;
    this.#tell();
  }

  #tell(): void {
    let read = this.#done;
    for (const [{ start, end }, share] of this.#reading) read += share * (end - start);
    // A part that a worker could not finish is begun again by another.
    this.#share = Math.max(this.#share, Math.min(1, read / this.#total));
    const [done, total, share] = [this.#done, this.#total, this.#share];
    tell(this.#listener, { done, total, share, workers: this.#workers() });
  }
}

/** One answer a text, of each composition; what is active counts as one. */
export function classifyMany(many: Many): Promise<Answer[][]> {
  return abortable(many.signal, "Classifying was cancelled.", () => answers(many));
}

async function answers(many: Many): Promise<Answer[][]> {
  const { texts, truncate, main, signal, onProgress } = many;
  const most = workersFor(many.workers);
  const parts = partsOf(texts);
  const all = { start: 0, end: texts.length };
  const total = texts.length;
  const helpers = new Set<Remote>();
  const progress = new Progress(total, onProgress, () => many.together() + helpers.size);
  const ask = async (worker: Caller, of: readonly Composition[] | null, range: Range) => {
    const { start, end } = range;
    const part = texts.slice(start, end);
    const listen = ({ share }: ReadEvent) => progress.read(range, share);
    const found = await worker.call("classify", [part, of, truncate, start], listen, [], signal);
    if (!signal?.aborted) progress.finish(range);
    return found;
  };
  const whole = (of: readonly Composition[] | null) => ask(main, of, all);
  if (parts.length === 1) return whole(many.of ?? null);
  // Asked once: whatever is used meanwhile, all texts are answered by the same.
  const active = many.of ? null : await main.call("active", []);
  const of = many.of ?? (active === null ? null : [active]);
  // One call says why it cannot.
  if (of === null) return whole(null);
  const { names, together } = membersOf(...of);
  if (together) return whole(of);

  const lists: Answer[][] = [];
  /** What workers are at. */
  const underWay = new Set<Promise<void>>();
  let done = 0;
  let over = false;

  const answer = async (worker: Caller, part: Range): Promise<void> => {
    const found = await ask(worker, of, part);
    throwIfAborted(signal);
    for (const [channel, answers] of found.entries()) {
      lists[channel] ??= new Array(total);
      for (const [index, answer] of answers.entries()) lists[channel][part.start + index] = answer;
    }
    done += part.end - part.start;
  };
  /** Takes parts until none is left. */
  const work = async (worker: Caller): Promise<void> => {
    for (let part = parts.shift(); part; part = parts.shift()) {
      const own = part;
      const task = answer(worker, own).catch((error: unknown) => {
        // Left to the main worker, whose failure is that of all.
        if (worker !== main && !over) parts.unshift(own);
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
    const worker = await many.hire(names);
    if (!over) helpers.add(worker);
    try {
      if (!over) await work(worker);
    } finally {
      helpers.delete(worker);
      many.retire(worker);
    }
  };

  const useful = Math.min(most, parts.length);
  // If a worker cannot be started, or fails, the call continues without it.
  for (let worker = many.together(); worker < useful; worker += 1) help().catch(() => {});
  const stop = () => {
    over = true;
    parts.length = 0;
    for (const worker of helpers) many.retire(worker);
  };
  signal?.addEventListener("abort", stop, { once: true });
  try {
    while (done < total) {
      await work(main);
      throwIfAborted(signal);
      if (done < total) await Promise.race(underWay);
    }
  } finally {
    signal?.removeEventListener("abort", stop);
    stop();
  }
  return lists;
}

export interface Vectors {
  texts: readonly Text[];
  /** What makes them; absent for what is active. */
  of: Composition | undefined;
  truncate: boolean;
  signal: AbortSignal | undefined;
  onProgress: Many["onProgress"];
  main: Caller;
  together: Many["together"];
}

/** One vector a text. */
export function embedMany(vectors: Vectors): Promise<Embedded[]> {
  const { texts, of, truncate, signal, onProgress, main, together: workers } = vectors;
  return abortable(signal, "Embedding was cancelled.", async () => {
    const parts = partsOf(texts);
    const { together } = of === undefined ? { together: false } : membersOf(of);
    let by: Composition | null | undefined = of;
    if (parts.length > 1 && of === undefined) by = await main.call("active", []);
    const ranges =
      together || (by && membersOf(by).together) ? [{ start: 0, end: texts.length }] : parts;
    const found: Embedded[] = [];
    const progress = new Progress(texts.length, onProgress, workers);
    for (const range of ranges) {
      const { start, end } = range;
      throwIfAborted(signal);
      const part = texts.slice(start, end);
      // One after the other, so that those that are not begun can be left out.
      const args: Parameters<Calls["embed"]> = [part, by, truncate, start];
      const listen = ({ share }: ReadEvent) => progress.read(range, share);
      for (const one of await main.call("embed", args, listen, [], signal)) found.push(one);
      progress.finish(range);
    }
    return found;
  });
}

/** Runs the task; when the signal says so, rejects at once, whatever the task is waiting for. */
export async function abortable<T>(
  signal: AbortSignal | undefined,
  sentence: string,
  task: () => Promise<T>,
): Promise<T> {
  if (!signal) return task();
  const aborted = new GraftletError("aborted", sentence);
  if (signal.aborted) throw aborted;
  let abort = () => {};
  const cancelled = new Promise<never>((_, reject) => {
    abort = () => reject(aborted);
  });
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([task(), cancelled]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new GraftletError("aborted", "The call was cancelled.");
}

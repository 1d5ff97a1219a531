/**
 * Many inputs: they go to the workers in parts, so that a call can be cancelled and progress be told between two of them.
 */
import { MAX_CHARACTERS } from "./check.js";
import { bytesOf, type Media, type Reads } from "./check-media.js";
import { GraftletError } from "./errors.js";
import { membersOf } from "./members.js";
import type { Calls, Given, ReadEvent, ReadInput } from "./protocol.js";
import { type Caller, type Remote, tell } from "./remote.js";
import { prepared } from "./sounds.js";
import type { Answer, Composition, Embedded, ManyProgress, Text } from "./types.js";
import { workersFor } from "./workers.js";

/** Inputs of a call, as they were checked. */
export interface Inputs {
  /** What they are. */
  reads: Reads;
  inputs: readonly (Text | Media)[];
}

export interface Many extends Inputs {
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
/** Most recordings or pictures of a part, and about the most bytes of them. */
const MEDIA_PART = 8;
const MEDIA_BYTES = 64_000_000;

interface Range {
  start: number;
  end: number;
}

/**
 * Parts of at most `PART` texts, which together are no longer than one text may be, or of a few recordings or pictures.
 */
function partsOf({ inputs, reads }: Inputs): Range[] {
  const areTexts = reads === "texts";
  const [most, units] = areTexts ? [PART, MAX_CHARACTERS] : [MEDIA_PART, MEDIA_BYTES];
  const parts: Range[] = [];
  let start = 0;
  let together = 0;
  for (const [index, input] of inputs.entries()) {
    const own = areTexts ? lengthOf(input as Text) : bytesOf(input as Media);
    if (index > start && (index - start === most || together + own > units)) {
      parts.push({ start, end: index });
      start = index;
      together = 0;
    }
    together += own;
  }
  parts.push({ start, end: inputs.length });
  return parts;
}

function lengthOf(text: Text): number {
  return typeof text === "string" ? text.length : text.text.length + (text.text2?.length ?? 0);
}

/** Some of the inputs, as a worker takes them. */
async function given({ inputs, reads }: Inputs, { start, end }: Range): Promise<Given[]> {
  const part: Given[] = [];
  for (const [index, input] of inputs.slice(start, end).entries()) {
    part.push(await prepared(input as Media, `Input ${start + index + 1}`, reads));
  }
  return part;
}

/** What goes to a worker at once, without a wait where there is nothing to wait for. */
function partOf(call: Inputs, range: Range): readonly Given[] | Promise<readonly Given[]> {
  const { start, end } = range;
  return call.reads === "texts" ? (call.inputs.slice(start, end) as Text[]) : given(call, range);
}

/**
 * The call's inputs for a composition that has to have them all at once: recordings and pictures were read before, part by part,
 * because their originals may be too much for one message.
 */
async function readBefore(
  call: Inputs & { truncate: boolean },
  main: Caller,
  signal?: AbortSignal,
): Promise<ReadInput[]> {
  const keep = call.truncate ? "beginning" : "long";
  const all: ReadInput[] = [];
  for (const range of partsOf(call)) {
    throwIfAborted(signal);
    const part = await partOf(call, range);
    const args: Parameters<Calls["read"]> = [part, "Input", range.start, keep];
    const read = await main.call("read", args, undefined, [], signal);
    all.push(...read);
  }
  return all;
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
  const { inputs, truncate, main, signal, onProgress } = many;
  const most = workersFor(many.workers);
  const areTexts = many.reads === "texts";
  const parts = partsOf(many);
  const total = inputs.length;
  const all = { start: 0, end: total };
  const helpers = new Set<Remote>();
  const progress = new Progress(total, onProgress, () => many.together() + helpers.size);
  const ask = async (
    worker: Caller,
    of: readonly Composition[] | null,
    range: Range,
    read?: readonly ReadInput[],
  ) => {
    const { start } = range;
    const sent = read ?? partOf(many, range);
    const part = sent instanceof Promise ? await sent : sent;
    const listen = ({ share }: ReadEvent) => progress.read(range, share);
    const found = await worker.call("classify", [part, of, truncate, start], listen, [], signal);
    if (!signal?.aborted) progress.finish(range);
    return found;
  };
  if (parts.length === 1 && areTexts) return ask(main, many.of ?? null, all);
  // Asked once: whatever is used meanwhile, also while files are decoded, all inputs are answered by the same.
  const active = many.of ? null : await main.call("active", []);
  const of = many.of ?? (active === null ? null : [active]);
  if (of === null) {
    // One call says why it cannot, before anything is decoded.
    if (areTexts) return ask(main, of, all);
    await main.call("classify", [[], of, truncate, 0]);
    return answers(many);
  }
  if (parts.length === 1) return ask(main, of, all);
  const { names, together } = membersOf(...of);
  if (together) {
    return ask(main, of, all, areTexts ? undefined : await readBefore(many, main, signal));
  }

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

export interface Vectors extends Inputs {
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
  const { inputs, of, truncate, signal, onProgress, main, together: workers } = vectors;
  return abortable(signal, "Embedding was cancelled.", async () => {
    const parts = partsOf(vectors);
    const { together } = of === undefined ? { together: false } : membersOf(of);
    let by: Composition | null | undefined = of;
    const isLater = parts.length > 1 || vectors.reads !== "texts";
    if (isLater && of === undefined) by = await main.call("active", []);
    const atOnce = together || (by && membersOf(by).together);
    const ranges = atOnce ? [{ start: 0, end: inputs.length }] : parts;
    const found: Embedded[] = [];
    const progress = new Progress(inputs.length, onProgress, workers);
    const isReadBefore = vectors.reads !== "texts" && ranges.length < parts.length;
    const read = isReadBefore ? await readBefore(vectors, main, signal) : undefined;
    for (const range of ranges) {
      const { start } = range;
      throwIfAborted(signal);
      const sent = read ?? partOf(vectors, range);
      const part = sent instanceof Promise ? await sent : sent;
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

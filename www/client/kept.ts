/**
 * Training runs that the browser keeps, so that they can go on after their page went away. A record is a folder of the
 * store: the rows in parts and `run.json`, which appear at once when all rows are there, and after an epoch
 * `checkpoint` with `progress.json`. The page of a run under way has its name reserved, so that other tabs leave it
 * alone.
 */

import type { Draft } from "./draft.js";
import { type ErrorShape, GraftletError, toShape } from "./errors.js";
import { isFree, reserveNow } from "./locks.js";
import type { Store } from "./store.js";
import type { InterruptedRun, TrainOptions } from "./types.js";
import { MOST_WORKERS } from "./workers.js";

/** What a run was started with. */
export interface KeptRun {
  /** Tells it from another run of that name; empty in what an earlier version kept. */
  id: string;
  options: TrainOptions;
  /** Workers that shared it. */
  workers: number;
  /** Whether the finished adapter is to be kept in the browser. */
  persist: boolean;
  rows: number;
}

export interface Progress {
  epoch: number;
  epochs: number;
}

interface SavedProgress extends Progress {
  /** Milliseconds since 1970. */
  savedAt: number;
}

const RUN = "run.json";
const CHECKPOINT = "checkpoint";
const PROGRESS = "progress.json";

const partName = (part: number) => `rows-${part}.jsonl`;

/** The record of a run under way. */
export class RunRecord {
  readonly #store: Store;
  readonly #name: string;
  /** Until all rows are there. What is left of another run of this name stays until then. */
  #draft: Draft | undefined;
  #parts = 0;

  private constructor(store: Store, name: string, draft?: Draft) {
    this.#store = store;
    this.#name = name;
    this.#draft = draft;
  }

  static async begin(store: Store, name: string): Promise<RunRecord> {
    return new RunRecord(store, name, await store.begin(name));
  }

  /** That of an interrupted run. */
  static async take(store: Store, name: string): Promise<{ record: RunRecord; run: KeptRun }> {
    const run = await readRun(store, name);
    if (!run) {
      throw new GraftletError(
        "run_unknown",
        `This browser keeps no interrupted training of “${name}”: see interrupted() for those that it keeps.`,
      );
    }
    return { record: new RunRecord(store, name), run };
  }

  /** Keeps some more rows. */
  async addRows(lines: Uint8Array): Promise<void> {
    await this.#draft?.add(partName(this.#parts), lines);
    this.#parts += 1;
  }

  /** All rows are there: from now on the run can be gone on with. */
  async complete(run: KeptRun): Promise<void> {
    // One that goes on is complete already.
    const draft = this.#draft;
    if (!draft) return;
    this.#draft = undefined;
    await draft.fill({ [RUN]: json(run) });
    await draft.publish();
  }

  /** Gives up what has been kept of a run that is not complete. */
  async discard(): Promise<void> {
    await this.#draft?.discard();
    this.#draft = undefined;
  }

  /** That of an interrupted run; a new one has none, whatever is still there of another of its name. */
  async checkpoint(): Promise<Uint8Array | undefined> {
    return this.#draft ? undefined : this.#store.getFile(this.#name, CHECKPOINT);
  }

  /** Losing it loses what a list of runs says, and not the run. */
  progress(): Promise<Progress | undefined> {
    return readProgress(this.#store, this.#name);
  }

  save(checkpoint: Uint8Array, progress: Progress): Promise<void> {
    const saved: SavedProgress = { ...progress, savedAt: Date.now() };
    return this.#store.putFiles(this.#name, { [CHECKPOINT]: checkpoint, [PROGRESS]: json(saved) });
  }
}

/** Removes a run; with an id only that one. What is left of one that was not complete goes too. */
export async function forgetRun(store: Store, name: string, id: string | null): Promise<void> {
  const kept = id === null ? undefined : await readRun(store, name);
  if (id === null || kept?.id === id) await store.remove(name);
  else await store.sweep();
}

/** The rows of a kept run, in their parts. */
export async function* keptRows(store: Store, name: string): AsyncGenerator<Uint8Array, void> {
  for (let part = 0; ; part += 1) {
    const lines = await store.getFile(name, partName(part));
    if (!lines) return;
    yield lines;
  }
}

/**
 * Runs that can go on, and those whose record is damaged, which say so. What another tab is at is left out.
 */
export async function interrupted(store: Store): Promise<InterruptedRun[]> {
  const names = await store.list();
  const free = await Promise.all(names.map(isFree));
  const found = names.filter((_, index) => free[index]).map((name) => describe(store, name));
  return (await Promise.all(found)).filter((run) => run !== undefined);
}

/** A run for the list; undefined where it was removed meanwhile. */
async function describe(store: Store, name: string): Promise<InterruptedRun | undefined> {
  try {
    const run = await readRun(store, name);
    if (!run) {
      await removeIncomplete(store, name);
      return undefined;
    }
    const { options, rows } = run;
    const progress = await readProgress(store, name);
    const { epoch = 0, epochs = null, savedAt = null } = progress ?? {};
    return { name, kind: options.kind, rows, epoch, epochs, savedAt, options };
  } catch (thrown) {
    return damaged(name, toShape(thrown));
  }
}

/** An earlier version kept rows before it was known whether all would come. */
async function removeIncomplete(store: Store, name: string): Promise<void> {
  const reservation = await reserveNow(name);
  if (!reservation) return;
  try {
    if (!(await store.getFile(name, RUN))) await store.remove(name);
  } finally {
    reservation.release();
  }
}

function damaged(name: string, broken: ErrorShape): InterruptedRun {
  const options = { name, kind: "" };
  return { name, kind: "", rows: 0, epoch: 0, epochs: null, savedAt: null, options, broken };
}

/** What a run was started with. */
async function readRun(store: Store, name: string): Promise<KeptRun | undefined> {
  const content = await store.getFile(name, RUN);
  if (!content) return undefined;
  const run = parse(content) as Partial<KeptRun> | null | undefined;
  const { options, rows, workers } = run ?? {};
  const problem =
    (typeof options !== "object" || options === null
      ? "it has no options"
      : options.name !== name || typeof options.kind !== "string"
        ? "its options are of another adapter, or of no kind"
        : undefined) ??
    (isCount(rows) ? undefined : "it does not say how many rows there are") ??
    (isCount(workers) && workers > 0 && workers <= MOST_WORKERS
      ? undefined
      : "it does not say how many workers there are");
  if (problem === undefined) return { id: "", ...run } as KeptRun;
  throw new GraftletError(
    "run_broken",
    `What this browser keeps of the training of “${name}” cannot be read (${RUN}: ${problem}): forget it, and train again.`,
  );
}

/** Nothing depends on it, so one that cannot be read is passed over. */
async function readProgress(store: Store, name: string): Promise<SavedProgress | undefined> {
  const content = await store.getFile(name, PROGRESS);
  const { epoch, epochs, savedAt } = ((content && parse(content)) ?? {}) as Partial<SavedProgress>;
  if (!isCount(epoch) || !isCount(epochs)) return undefined;
  return { epoch, epochs, savedAt: typeof savedAt === "number" ? savedAt : 0 };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function json(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function parse(content: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(content));
  } catch {
    return undefined;
  }
}

/**
 * Training runs that the browser keeps, so that they can go on after their page went away. A record is a folder of the
 * store: the rows in parts, `run.json` (written once all rows are there), and after an epoch `checkpoint` with
 * `progress.json`. A run under way holds a lock, so that other tabs leave it alone.
 */
import type { Store } from "./engine.js";
import { GraftletError } from "./errors.js";
import type { InterruptedRun, TrainOptions } from "./types.js";

/** What a run was started with. */
export interface KeptRun {
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

const RUN = "run.json";
const CHECKPOINT = "checkpoint";
const PROGRESS = "progress.json";
const LOCK = "graftlet run ";
/** A worker that was just ended holds its lock for a moment longer. */
const LOCK_WAIT_MS = 2000;
/** A run that has come to its end is kept until its adapter is. */
const REMOVAL_WAIT_MS = 500;

const partName = (part: number) => `rows-${part}.jsonl`;

/** The record of a run under way. */
export class RunRecord {
  readonly #store: Store;
  readonly #name: string;
  #parts = 0;

  private constructor(store: Store, name: string) {
    this.#store = store;
    this.#name = name;
  }

  /** A new one, in place of what is left of another run of that name. */
  static async begin(store: Store, name: string): Promise<RunRecord> {
    await hold(name);
    await store.remove(name);
    return new RunRecord(store, name);
  }

  /** That of an interrupted run. */
  static async take(store: Store, name: string): Promise<{ record: RunRecord; run: KeptRun }> {
    await hold(name);
    const run = await readJson<KeptRun>(store, name, RUN);
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
    await this.#store.putFile(this.#name, partName(this.#parts), lines);
    this.#parts += 1;
  }

  /** All rows are there. */
  complete(run: KeptRun): Promise<void> {
    return this.#writeJson(RUN, run);
  }

  discard(): Promise<void> {
    return this.#store.remove(this.#name);
  }

  checkpoint(): Promise<Uint8Array | undefined> {
    return this.#store.getFile(this.#name, CHECKPOINT);
  }

  progress(): Promise<Progress | undefined> {
    return readJson(this.#store, this.#name, PROGRESS);
  }

  async save(checkpoint: Uint8Array, progress: Progress): Promise<void> {
    await this.#store.putFile(this.#name, CHECKPOINT, checkpoint);
    await this.#writeJson(PROGRESS, { ...progress, savedAt: Date.now() });
  }

  #writeJson(file: string, value: unknown): Promise<void> {
    const content = new TextEncoder().encode(JSON.stringify(value));
    return this.#store.putFile(this.#name, file, content);
  }
}

/** The rows of a kept run, in their parts. */
export async function* keptRows(store: Store, name: string): AsyncGenerator<Uint8Array, void> {
  for (let part = 0; ; part += 1) {
    const lines = await store.getFile(name, partName(part));
    if (!lines) return;
    yield lines;
  }
}

/** Runs that can go on. What was interrupted before all of its rows were kept cannot, and is removed. */
export async function interrupted(store: Store): Promise<InterruptedRun[]> {
  const found: InterruptedRun[] = [];
  for (const name of await store.list()) {
    if (!(await isLeft(name))) continue;
    const run = await readJson<KeptRun>(store, name, RUN);
    if (!run) {
      await store.remove(name);
      continue;
    }
    const progress = await readJson<Progress & { savedAt: number }>(store, name, PROGRESS);
    const { options, rows } = run;
    const { epoch = 0, epochs = null, savedAt = null } = progress ?? {};
    found.push({ name, kind: options.kind, rows, epoch, epochs, savedAt, options });
  }
  return found;
}

async function readJson<T>(store: Store, name: string, file: string): Promise<T | undefined> {
  const content = await store.getFile(name, file);
  return content && (JSON.parse(new TextDecoder().decode(content)) as T);
}

/** Takes the run's lock, until the worker ends. Node, where unit tests run, may have none. */
function hold(name: string): Promise<void> {
  const locks = globalThis.navigator?.locks;
  if (!locks) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const waiting = new AbortController();
    const timer = setTimeout(() => waiting.abort(), LOCK_WAIT_MS);
    const forever = () => {
      clearTimeout(timer);
      resolve();
      return new Promise<never>(() => {});
    };
    locks
      .request(LOCK + name, { signal: waiting.signal }, forever)
      .catch(() =>
        reject(
          new GraftletError(
            "run_unknown",
            `Training of “${name}” is under way in another tab: end it there, or choose another name.`,
          ),
        ),
      );
  });
}

/** Whether no tab is at the run. One that lets go of it just now may have come to its end, and then removes it. */
async function isLeft(name: string): Promise<boolean> {
  const locks = globalThis.navigator?.locks;
  const { held = [] } = (await locks?.query()) ?? {};
  if (!locks || !held.some((lock) => lock.name === LOCK + name)) return true;
  const options = { mode: "shared", signal: AbortSignal.timeout(LOCK_WAIT_MS) } as const;
  const free = await locks.request(LOCK + name, options, () => true).catch(() => false);
  if (free) await new Promise((resolve) => setTimeout(resolve, REMOVAL_WAIT_MS));
  return free;
}

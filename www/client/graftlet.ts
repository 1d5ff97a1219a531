/**
 * The class a page uses. Each method is one call to the worker; nothing here computes.
 */
import { type ErrorShape, GraftletError } from "./errors.js";
import { type Reservation, reserve } from "./locks.js";
import { classifyMany } from "./many.js";
import { checkName } from "./names.js";
import { PatientWorker } from "./patient-worker.js";
import { type DownloadCount, progressGuard } from "./progress.js";
import type { Loaded } from "./protocol.js";
import { Remote, type WorkerLike } from "./remote.js";
import { partsOf } from "./rows.js";
import { type Change, Tabs } from "./tabs.js";
import { type Run, train } from "./training.js";
import type {
  AdapterFiles,
  AdapterFormat,
  AdapterInfo,
  AddedAdapter,
  Answer,
  BackboneInfo,
  Composition,
  EngineBuild,
  InterruptedRun,
  KindInfo,
  LoadNotice,
  LoadProgress,
  ManyProgress,
  ReadOptions,
  Recipe,
  Row,
  RuntimeInfo,
  StorageReport,
  SuggestEvent,
  Suggestion,
  SuggestOptions,
  TaggedRow,
  Text,
  TrainFromOptions,
  TrainOptions,
  TrainRun,
} from "./types.js";

export interface LoadOptions {
  /** URL of the backbone's folder, the one with `manifest.json`; relative to the page. */
  backbone: string | URL;
  onProgress?: (event: LoadProgress) => void;
  /** Told of what did not work while loading goes on. */
  onNotice?: (notice: LoadNotice) => void;
  /** Aborting ends the download; `load` then rejects with code `aborted`. */
  signal?: AbortSignal;
  /** Forces one of the engine's builds, for tests and measurements; by default it is the best that the browser runs. */
  build?: EngineBuild;
  /** Starts a worker from the package's `worker.js`; only for pages that serve it from elsewhere. */
  worker?: () => Worker;
}

/** A frozen backbone in a worker, and the adapters that make it a specialist. Every rejection is a `GraftletError`. */
export class Graftlet {
  /** What was loaded. */
  readonly backbone: BackboneInfo;
  /** What runs it, here and in training. */
  readonly runtime: RuntimeInfo;
  readonly #backboneUrl: string;
  readonly #spawn: () => WorkerLike;
  readonly #remote: Remote;
  /** Further workers, of training runs and of many texts. */
  readonly #hired = new Set<Remote>();
  /** Names of the runs under way. */
  readonly #training = new Set<string>();
  /** Finished runs whose adapter is loaded and could not be kept, with the runs' ids. */
  readonly #unkept = new Map<string, string>();
  readonly #tabs = new Tabs();

  private constructor(
    { backbone, runtime }: Loaded,
    backboneUrl: string,
    spawn: () => WorkerLike,
    remote: Remote,
  ) {
    this.backbone = backbone;
    this.runtime = runtime;
    this.#backboneUrl = backboneUrl;
    this.#spawn = spawn;
    this.#remote = remote;
  }

  /** Starts the worker and loads a backbone: from the network the first time, then from the browser's cache. */
  static async load(options: LoadOptions): Promise<Graftlet> {
    const { signal } = options;
    const aborted = new GraftletError("aborted", "Loading of the backbone was cancelled.");
    if (signal?.aborted) throw aborted;
    const url = folderUrl(options.backbone);
    const spawn = () => new PatientWorker(options.worker ?? startWorker);
    const remote = new Remote(spawn());
    const abort = () => remote.end(aborted);
    signal?.addEventListener("abort", abort, { once: true });
    const progress = progressGuard(options.onProgress ?? (() => {}));
    try {
      const loaded = await remote.call("load", [url, options.build ?? null], (event) => {
        const { type, ...told } = event;
        if (type === "download") progress.report(told as DownloadCount);
        else options.onNotice?.(told as LoadNotice);
      });
      progress.finish();
      // Where nothing can be kept nothing was left behind.
      remote.call("sweep", []).catch(() => {});
      return new Graftlet(loaded, url, spawn, remote);
    } catch (error) {
      remote.end(aborted);
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** The adapter kinds that can be trained. */
  kinds(): Promise<KindInfo[]> {
    return this.#remote.call("kinds", []);
  }

  /**
   * Loads an adapter of PEFT or AdapterHub from its folder's URL or from its files; a loaded one of that name is
   * replaced. With `persist` it is kept in the browser too, for `saved` and `restore`; where that fails the answer's
   * `unkept` says why. Rejects with `name_in_use` while a run trains under the name.
   */
  async addAdapter(
    name: string,
    source: string | URL | AdapterFiles,
    options: { persist?: boolean } = {},
  ): Promise<AddedAdapter> {
    checkName(name);
    const from = typeof source === "string" || source instanceof URL ? folderUrl(source) : source;
    return this.#saving(name, options.persist ?? false, (persist) =>
      this.#remote.call("addAdapter", [name, from, persist]),
    );
  }

  /** Unloads an adapter; one that is kept in the browser stays there. */
  removeAdapter(name: string): Promise<void> {
    return this.#remote.call("removeAdapter", [name]);
  }

  /** The loaded adapters. */
  adapters(): Promise<AdapterInfo[]> {
    return this.#remote.call("adapters", []);
  }

  /**
   * Makes a loaded adapter, or a composition of several, the active one; `null` is the bare backbone. No byte of the
   * backbone is touched. A composition that cannot be is rejected here, before anything runs.
   */
  use(what: Composition | null): Promise<void> {
    return this.#remote.call("use", [what]);
  }

  /** The active adapter's name, the active composition, or null. */
  active(): Promise<Composition | null> {
    return this.#remote.call("active", []);
  }

  /**
   * Makes a new adapter of the parameters of loaded ones. It depends on none of them any more, and can be used and
   * exported like any other; with `persist` it is kept in the browser too.
   */
  async compose(
    name: string,
    recipe: Recipe,
    options: { persist?: boolean } = {},
  ): Promise<AddedAdapter> {
    checkName(name);
    return this.#saving(name, options.persist ?? false, (persist) =>
      this.#remote.call("compose", [name, recipe, persist]),
    );
  }

  /** Classifies with what is active, one answer a text. */
  classify(texts: readonly Text[], options: ReadOptions = {}): Promise<Answer[]> {
    return this.#remote.call("classify", [texts, options.truncate ?? false]);
  }

  /**
   * Classifies with several loaded adapters or compositions in one pass: the outer index is the adapter's (a `parallel`
   * block counts as each of its parts), the inner one the text's.
   */
  classifyWith(
    texts: readonly Text[],
    of: readonly Composition[],
    options: ReadOptions = {},
  ): Promise<Answer[][]> {
    return this.#remote.call("classifyWith", [texts, of, options.truncate ?? false]);
  }

  /**
   * One vector per text, as the backbone's `manifest.json` says (longest text, pooling, normalisation). By default it is the
   * mean over the tokens, of length `backbone.hiddenSize`, L2-normalised.
   */
  embed(texts: readonly Text[], options: ReadOptions = {}): Promise<Float32Array[]> {
    return this.#remote.call("embed", [texts, options.truncate ?? false]);
  }

  /** A loaded adapter as a folder, by default in the format of its kind. */
  exportAdapter(name: string, options: { format?: AdapterFormat } = {}): Promise<AdapterFiles> {
    return this.#remote.call("exportAdapter", [name, options.format ?? null]);
  }

  /**
   * A copy of the backbone with a loaded adapter merged into its weights, in f32: `model.safetensors`, to stand
   * beside the backbone's own `config.json` and `tokenizer.json`, and the adapter's head in
   * `graftlet_head.safetensors` with `graftlet.json`. Kinds that do more than change weights are refused.
   */
  exportMerged(name: string): Promise<AdapterFiles> {
    return this.#remote.call("exportMerged", [name]);
  }

  /** Names of the adapters that this browser keeps. */
  saved(): Promise<string[]> {
    return this.#remote.call("saved", []);
  }

  /** Keeps a loaded adapter in the browser, in place of a kept one of that name. */
  async keep(name: string): Promise<void> {
    checkName(name);
    const reservation = await reserve(name);
    try {
      await this.#remote.call("keep", [name]);
      const run = this.#unkept.get(name);
      if (run !== undefined) await this.#remote.call("forgetRun", [name, run]);
      this.#unkept.delete(name);
    } finally {
      reservation.release();
    }
    this.#tabs.tell({ type: "saved", name });
  }

  /** Loads an adapter that this browser keeps. */
  restore(name: string): Promise<AdapterInfo> {
    return this.#remote.call("restore", [name]);
  }

  /** Deletes an adapter from the browser; if it is loaded it stays so. */
  async forget(name: string): Promise<void> {
    await this.#remote.call("forget", [name]);
    this.#tabs.tell({ type: "forgotten", name });
  }

  /** Calls `listener` when another tab saves or forgets an adapter, or begins or ends a training; the answer stops that. */
  onChange(listener: (change: Change) => void): () => void {
    return this.#tabs.listen(listener);
  }

  /** What this browser keeps for the page, and how much room there is. */
  storage(): Promise<StorageReport> {
    return this.#remote.call("storage", [this.#backboneUrl]);
  }

  /**
   * Asks the browser not to clear what it keeps for this origin when the disk runs full, and tells whether it agrees.
   * Some browsers ask their user, so say what it is for before you call it, such as beside the button that does.
   */
  async persistStorage(): Promise<boolean> {
    return (await globalThis.navigator?.storage?.persist?.()) ?? false;
  }

  /**
   * Reserves a name for a training to come, among all tabs: others cannot train or save under it. Rejects with
   * `name_in_use`. `train` does it by itself; this is for what takes time before it, such as `suggest`.
   */
  async reserve(name: string): Promise<Reservation> {
    checkName(name);
    return reserve(name);
  }

  /**
   * Classifies many texts with what is active, one answer a text; with several workers each has the backbone in
   * its memory for as long as it takes. Where one cannot be had the others do its part. A `split`, which is told how
   * many texts come together, is computed by one worker.
   */
  classifyMany(
    texts: readonly Text[],
    options: ReadOptions & {
      workers?: number | "auto";
      signal?: AbortSignal;
      onProgress?: (progress: ManyProgress) => void;
    } = {},
  ): Promise<Answer[]> {
    return classifyMany({
      texts,
      truncate: options.truncate ?? false,
      workers: options.workers,
      signal: options.signal,
      onProgress: options.onProgress,
      main: this.#remote,
      hire: async (names) => {
        const worker = this.#hire();
        try {
          const folders = await Promise.all(names.map((name) => this.exportAdapter(name)));
          await worker.call("load", [this.#backboneUrl, this.runtime.build]);
          for (const [index, files] of folders.entries()) {
            await worker.call("addAdapter", [names[index] as string, files, false]);
          }
        } catch (error) {
          this.#retire(worker);
          throw error;
        }
        return worker;
      },
      retire: (worker) => this.#retire(worker),
    });
  }

  /**
   * Trains an adapter, a fusion of `options.adapters`, or `options.from` further, on the rows, in workers of its own. When
   * `done` comes, the adapter is loaded under `options.name` and, unless `persist` is false, kept in the browser; where
   * that fails, a `notice` about `storage` says so first. Aborting, or leaving the loop, ends the run at once; after an
   * abort the generator throws code `aborted`. While another tab trains or saves under the name it throws `name_in_use`
   * before anything is done.
   *
   * Until then the run itself is kept in the browser, unless `checkpoints` is false (by default as `persist`): if the
   * page goes away, `interrupted` lists it and `continueTraining` goes on from its last epoch.
   */
  train(
    options: TrainOptions | TrainFromOptions,
    rows: readonly (Row | TaggedRow)[],
    settings: {
      signal?: AbortSignal;
      persist?: boolean;
      checkpoints?: boolean;
      /** Of the same name; a run that has begun releases it at its end. */
      reservation?: Reservation;
    } = {},
  ): TrainRun {
    const { signal, persist = true, checkpoints: keep = persist, reservation } = settings;
    const whole: TrainOptions = { kind: "", ...options };
    return this.#train(options.name, { options: whole, rows, keep }, signal, persist, reservation);
  }

  /** Training runs that this browser keeps and that no tab is at. */
  async interrupted(): Promise<InterruptedRun[]> {
    const before = new Set(this.#training);
    const found = await this.#remote.call("interrupted", []);
    // One that has ended meanwhile was still there when it was looked for.
    const isOurs = (name: string) => this.#training.has(name) || this.#unkept.has(name);
    return found.filter(({ name }) => !before.has(name) && !isOurs(name));
  }

  /**
   * Goes on with an interrupted run from its last epoch, to the same adapter as if nothing had happened. Rejects with
   * `run_unknown` if the browser keeps none of that name.
   */
  continueTraining(
    name: string,
    settings: { signal?: AbortSignal; persist?: boolean; reservation?: Reservation } = {},
  ): TrainRun {
    const { signal, persist, reservation } = settings;
    return this.#train(name, "continue", signal, persist, reservation);
  }

  /** Removes what is kept of an interrupted run; rejects with `name_in_use` while another tab is at it. */
  async forgetTraining(name: string): Promise<void> {
    const reservation = await reserve(name);
    try {
      await this.#remote.call("forgetRun", [name, null]);
    } finally {
      reservation.release();
    }
  }

  /**
   * Compares a head alone, LoRA and a bottleneck by cross-validation on at least five rows, in a worker of its own, and
   * says which kind to train.
   */
  async suggest(
    rows: readonly (Row | TaggedRow)[],
    options: SuggestOptions = {},
    settings: { signal?: AbortSignal; onProgress?: (event: SuggestEvent) => void } = {},
  ): Promise<Suggestion> {
    const { signal, onProgress } = settings;
    const aborted = new GraftletError("aborted", "The comparison was cancelled.");
    if (signal?.aborted) throw aborted;
    const worker = this.#hire();
    const abort = () => worker.end(aborted);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      await worker.call("load", [this.#backboneUrl, this.runtime.build]);
      for (const lines of partsOf(rows)) await worker.call("addRows", [lines]);
      return await worker.call("suggest", [options], onProgress);
    } finally {
      signal?.removeEventListener("abort", abort);
      this.#retire(worker);
    }
  }

  #train(
    name: string,
    begin: Run["begin"],
    signal: AbortSignal | undefined,
    persist: boolean | undefined,
    reservation: Reservation | undefined,
  ): TrainRun {
    // Nothing of others is in the way of a run that keeps nothing.
    const keepsNothing = begin !== "continue" && !begin.keep && !persist;
    return train({
      name,
      backboneUrl: this.#backboneUrl,
      build: this.runtime.build,
      begin,
      signal,
      persist,
      members: (name) => this.exportAdapter(name),
      spawn: () => {
        if (!this.#training.has(name)) this.#tabs.tell({ type: "training", name });
        this.#training.add(name);
        return this.#hire();
      },
      retire: (worker) => this.#retire(worker),
      reserve: async () => {
        checkName(name);
        if (reservation?.name === name || keepsNothing) return reservation;
        return reserve(name);
      },
      adopt: async (files, persist, id): Promise<ErrorShape | undefined> => {
        const { unkept } = await this.#remote.call("addAdapter", [name, files, persist]);
        if (unkept) this.#unkept.set(name, id);
        else this.#unkept.delete(name);
        if (persist && !unkept) this.#tabs.tell({ type: "saved", name });
        return unkept;
      },
      forget: (id) => this.#remote.call("forgetRun", [name, id]),
      ended: () => {
        this.#training.delete(name);
        this.#tabs.tell({ type: "trained", name });
      },
    });
  }

  /** Loads and keeps under a name that is reserved meanwhile. */
  async #saving(
    name: string,
    persist: boolean,
    load: (persist: boolean) => Promise<AddedAdapter>,
  ): Promise<AddedAdapter> {
    if (!persist) return load(false);
    const reservation = await reserve(name);
    try {
      const added = await load(true);
      if (!added.unkept) this.#tabs.tell({ type: "saved", name });
      return added;
    } finally {
      reservation.release();
    }
  }

  #hire(): Remote {
    const worker = new Remote(this.#spawn());
    this.#hired.add(worker);
    return worker;
  }

  #retire(worker: Remote): void {
    this.#hired.delete(worker);
    worker.end(new GraftletError("disposed", "This worker is done."));
  }

  /** Ends the worker and any training; calls that wait, and later ones, reject with code `disposed`. */
  async dispose(): Promise<void> {
    const reason = new GraftletError("disposed", "This Graftlet was disposed of: load a new one.");
    for (const worker of [this.#remote, ...this.#hired]) worker.end(reason);
    this.#tabs.close();
  }
}

/** Absolute, and with the slash at the end that makes file names resolve inside the folder. */
function folderUrl(url: string | URL): string {
  const absolute = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
  if (!absolute.pathname.endsWith("/")) absolute.pathname += "/";
  return absolute.href;
}

function startWorker(): Worker {
  return new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "graftlet" });
}

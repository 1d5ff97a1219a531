/**
 * The class a page uses. Each method is one call to the worker; nothing here computes.
 */
import * as check from "./check.js";
import { type Check, checked } from "./check.js";
import { type ErrorShape, GraftletError } from "./errors.js";
import { folderUrl, urlOf } from "./folder-url.js";
import { isFolder, sourceOf } from "./given-folder.js";
import { type Reservation, reserve } from "./locks.js";
import { MainWorker, type RestartEvent } from "./main-worker.js";
import { abortable, classifyMany, embedMany } from "./many.js";
import { PatientWorker } from "./patient-worker.js";
import { startFrom, startWorker } from "./platform.js";
import { type DownloadCount, progressGuard } from "./progress.js";
import type { Calls, LoadEvent, Loaded } from "./protocol.js";
import { Remote, tell, type WorkerLike } from "./remote.js";
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
  ClassifyOptions,
  Composition,
  Embedded,
  EmbedOptions,
  EngineBuild,
  InterruptedRun,
  KindInfo,
  LoadNotice,
  LoadProgress,
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
import { wasmSource } from "./wasm-source.js";

export interface LoadOptions {
  /**
   * The backbone: the URL of a folder, relative to the page, or a folder's files. It is a folder that was converted, with
   * `manifest.json`, or a text encoder's as a hub has it, with `config.json` and `model.safetensors` or
   * `pytorch_model.bin`. That is converted here, in a worker; from a URL the result is kept in the browser.
   */
  backbone: BackboneSource;
  /** How the weights of a model that is converted here are stored, `int8` by default. A converted folder stays as it is. */
  dtype?: BackboneInfo["dtype"];
  onProgress?: (event: LoadProgress) => void;
  /** Told of what did not work while loading goes on. */
  onNotice?: (notice: LoadNotice) => void;
  /**
   * Is told when the engine was started again, because a call stopped it or its worker ended. Calls go on meanwhile, and
   * what was loaded is loaded again.
   */
  onRestart?: (event: RestartEvent) => void;
  /** Aborting ends the download; `load` then rejects with code `aborted`. */
  signal?: AbortSignal;
  /** Forces one of the engine's builds, for tests and measurements; by default it is the best that the browser runs. */
  build?: EngineBuild;
  /**
   * Where the package's wasm files are, if not beside its `worker.js`: the URL of their folder (with a slash at its end), of
   * one file, or of each build's file.
   */
  wasmUrl?: string | URL | Partial<Record<EngineBuild, string | URL>>;
  /** One of the package's wasm files, compiled already; nothing is fetched then. */
  wasm?: WebAssembly.Module;
  /** Where the package's `worker.js` is, if not beside its `index.js`; may be of another origin. */
  workerUrl?: string | URL;
  /** Starts a worker from the package's `worker.js`, for what `workerUrl` cannot do. */
  worker?: () => Worker;
}

/**
 * A folder: its URL, or its files as an input element with `webkitdirectory` gives them, or by their paths below the
 * folder, such as `{ "config.json": blob, "1_Pooling/config.json": bytes }`.
 */
export type BackboneSource =
  | string
  | URL
  | FileList
  | readonly File[]
  | Record<string, Blob | Uint8Array>;

export type { RestartEvent };

type LoadCall = Parameters<Calls["load"]>;

/** A frozen backbone in a worker, and the adapters that make it a specialist. Every rejection is a `GraftletError`. */
export class Graftlet {
  /** What was loaded. */
  readonly backbone: BackboneInfo;
  /** What runs it, here and in training. */
  readonly runtime: RuntimeInfo;
  /** How another worker gets the same engine. */
  readonly #load: LoadCall;
  /** Of the backbone's folder, if it has one. */
  readonly #address: string | null;
  readonly #spawn: () => WorkerLike;
  readonly #remote: MainWorker;
  /** Further workers, of training runs and of many texts. */
  readonly #hired = new Set<Remote>();
  /** Names of the runs under way. */
  readonly #training = new Set<string>();
  /** Finished runs whose adapter is loaded and could not be kept, with the runs' ids. */
  readonly #unkept = new Map<string, string>();
  readonly #tabs = new Tabs();

  private constructor(
    { backbone, runtime }: Loaded,
    load: LoadCall,
    address: string | null,
    spawn: () => WorkerLike,
    remote: MainWorker,
  ) {
    this.backbone = backbone;
    this.runtime = runtime;
    this.#load = load;
    this.#address = address;
    this.#spawn = spawn;
    this.#remote = remote;
  }

  /**
   * Starts the worker and loads a backbone: from the network the first time, then from the browser's cache. `load(backbone,
   * options)` is the same as `load({ backbone, ...options })`.
   */
  static load(backbone: BackboneSource, options?: Omit<LoadOptions, "backbone">): Promise<Graftlet>;
  static load(options: LoadOptions): Promise<Graftlet>;
  static async load(
    first: BackboneSource | LoadOptions,
    more: Omit<LoadOptions, "backbone"> = {},
  ): Promise<Graftlet> {
    const options = checked(first, "the backbone", isOptions)
      ? first
      : { ...checked(more, "the options of load", check.furtherOptions), backbone: first };
    const given = checked(options, "the options of load", check.loadOptions);
    const { signal, onProgress, onNotice, onRestart, build = null, dtype = "int8" } = given;
    const aborted = new GraftletError("aborted", "Loading of the backbone was cancelled.");
    if (signal?.aborted) throw aborted;
    const backbone = sourceOf(given.backbone);
    const script = given.workerUrl === undefined ? undefined : urlOf(given.workerUrl, "worker.js");
    const start = given.worker ?? (script ? () => startFrom(script) : startWorker);
    const spawn = () => new PatientWorker(start);
    const wasm = given.wasm ?? wasmSource(given.wasmUrl);
    let remote = new Remote(spawn());
    const abort = () => remote.end(aborted);
    signal?.addEventListener("abort", abort, { once: true });
    const progress = progressGuard((event) => tell(onProgress, event));
    try {
      const listen = (event: LoadEvent) => {
        const { type, ...told } = event;
        if (type === "download") progress.report(told as DownloadCount);
        else tell(onNotice, told as LoadNotice);
      };
      let load: LoadCall = [backbone, build, wasm, dtype];
      let loaded = await remote.call("load", load, listen);
      if (!("backbone" in loaded)) {
        // The worker that converted a model ends, and with it the memory that this took.
        remote.end(new GraftletError("disposed", "The model is converted."));
        remote = new Remote(spawn());
        if (signal?.aborted) throw aborted;
        load = [loaded.folder, build, loaded.wasm, dtype];
        loaded = await remote.call("load", load);
      }
      if (!("backbone" in loaded)) throw new GraftletError("internal", "It was converted twice.");
      progress.finish();
      const again: LoadCall = [loaded.folder ?? load[0], loaded.runtime.build, load[2], dtype];
      const main = new MainWorker(remote, {
        spawn: () => new Remote(spawn()),
        load: (worker) => worker.call("load", again),
        onRestart,
      });
      // Where nothing can be kept nothing was left behind.
      main.call("sweep", []).catch(() => {});
      const address = typeof backbone === "string" ? backbone : null;
      return new Graftlet(loaded, again, address, spawn, main);
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
   * `unkept` says why. Rejects with `name_in_use` while a run trains under the name. Aborting `signal` ends the download.
   */
  async addAdapter(
    name: string,
    source: string | URL | AdapterFiles,
    options: { persist?: boolean; signal?: AbortSignal } = {},
  ): Promise<AddedAdapter> {
    const own = checked(name, "name", check.name);
    const given = checked(source, "source", check.source);
    const settings = checked(options, "options", check.addOptions);
    const { persist = false, signal } = settings;
    const from = typeof given === "string" || given instanceof URL ? folderUrl(given) : given;
    return abortable(signal, `Loading “${own}” was cancelled.`, () =>
      this.#saving(own, persist, (persist) =>
        this.#remote.call("addAdapter", [own, from, persist], undefined, [], signal),
      ),
    );
  }

  /** Unloads an adapter; one that is kept in the browser stays there. */
  async removeAdapter(name: string): Promise<void> {
    return this.#remote.call("removeAdapter", [checked(name, "name", check.name)]);
  }

  /** The loaded adapters. */
  adapters(): Promise<AdapterInfo[]> {
    return this.#remote.call("adapters", []);
  }

  /**
   * Makes a loaded adapter, or a composition of several, the active one; `null` is the bare backbone. No byte of the
   * backbone is touched. A composition that cannot be is rejected here, before anything runs.
   */
  async use(what: Composition | null): Promise<void> {
    const given = what === null ? null : checked(what, "the composition", check.composition);
    return this.#remote.call("use", [given]);
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
    const own = checked(name, "name", check.name);
    const given = checked(recipe, "the recipe", check.recipe);
    const { persist = false } = checked(options, "options", check.persistOptions);
    return this.#saving(own, persist, (persist) =>
      this.#remote.call("compose", [own, given, persist]),
    );
  }

  /**
   * Classifies a text, or many texts, with what is active or with `options.with`: one answer a text. With several
   * adapters or compositions in `with` the outer index is theirs, and all of them are computed in one pass.
   */
  classify(text: Text, options?: ClassifyOptions & { with?: Composition }): Promise<Answer>;
  classify(
    texts: readonly Text[],
    options?: ClassifyOptions & { with?: Composition },
  ): Promise<Answer[]>;
  classify(
    text: Text,
    options: ClassifyOptions & { with: readonly Composition[] },
  ): Promise<Answer[]>;
  classify(
    texts: readonly Text[],
    options: ClassifyOptions & { with: readonly Composition[] },
  ): Promise<Answer[][]>;
  async classify(
    input: Text | readonly Text[],
    options: ClassifyOptions = {},
  ): Promise<Answer | Answer[] | Answer[][]> {
    const given = checked(input, "texts", check.texts);
    const settings = checked(options, "options", check.classifyOptions);
    const { with: by, truncate = false, workers, signal, onProgress } = settings;
    const several = Array.isArray(by);
    const lists = await classifyMany({
      texts: Array.isArray(given) ? given : [given],
      of: by === undefined ? undefined : ((several ? by : [by]) as Composition[]),
      truncate,
      workers,
      signal,
      onProgress,
      main: this.#remote,
      hire: (names) => this.#hireWith(names),
      retire: (worker) => this.#retire(worker),
    });
    if (several) {
      return Array.isArray(given) ? lists : lists.map(([answer]) => answer as Answer);
    }
    const [answers = []] = lists;
    if (lists.length > 1) {
      throw new GraftletError(
        "composition_invalid",
        `The composition gives ${lists.length} answers to each text: put it in an array, \`{ with: [composition] }\`, to get all of them.`,
      );
    }
    return Array.isArray(given) ? answers : (answers[0] as Answer);
  }

  /**
   * One vector per text, by what is active or by `options.with`, as the backbone's `manifest.json` says (longest text,
   * pooling, normalisation). By default it is the mean over the tokens, of length `backbone.hiddenSize`, L2-normalised.
   * With `details` each comes with how much of the text was read.
   */
  embed(text: Text, options?: EmbedOptions & { details?: false }): Promise<Float32Array>;
  embed(
    texts: readonly Text[],
    options?: EmbedOptions & { details?: false },
  ): Promise<Float32Array[]>;
  embed(text: Text, options: EmbedOptions & { details: true }): Promise<Embedded>;
  embed(texts: readonly Text[], options: EmbedOptions & { details: true }): Promise<Embedded[]>;
  async embed(
    input: Text | readonly Text[],
    options: EmbedOptions = {},
  ): Promise<Float32Array | Embedded | (Float32Array | Embedded)[]> {
    const given = checked(input, "texts", check.texts);
    const settings = checked(options, "options", check.embedOptions);
    const { with: of, truncate = false, details = false, signal, onProgress } = settings;
    const found = await embedMany({
      texts: Array.isArray(given) ? given : [given],
      of,
      truncate,
      signal,
      onProgress,
      main: this.#remote,
    });
    const vectors = details ? found : found.map(({ vector }) => vector);
    return Array.isArray(given) ? vectors : (vectors[0] as Float32Array | Embedded);
  }

  /** A loaded adapter as a folder, by default in the format of its kind. */
  async exportAdapter(
    name: string,
    options: { format?: AdapterFormat } = {},
  ): Promise<AdapterFiles> {
    const own = checked(name, "name", check.name);
    const { format = null } = checked(options, "options", check.exportOptions);
    return this.#remote.call("exportAdapter", [own, format]);
  }

  /**
   * A copy of the backbone with a loaded adapter merged into its weights, in f32: `model.safetensors`, to stand
   * beside the backbone's own `config.json` and `tokenizer.json`, and the adapter's head in
   * `graftlet_head.safetensors` with `graftlet.json`. Kinds that do more than change weights are refused.
   */
  async exportMerged(name: string): Promise<AdapterFiles> {
    return this.#remote.call("exportMerged", [checked(name, "name", check.name)]);
  }

  /** Names of the adapters that this browser keeps. */
  saved(): Promise<string[]> {
    return this.#remote.call("saved", []);
  }

  /** Keeps a loaded adapter in the browser, in place of a kept one of that name. */
  async keep(name: string): Promise<void> {
    const own = checked(name, "name", check.name);
    const reservation = await reserve(own);
    try {
      await this.#remote.call("keep", [own]);
      const run = this.#unkept.get(own);
      if (run !== undefined) await this.#remote.call("forgetRun", [own, run]);
      this.#unkept.delete(own);
    } finally {
      reservation.release();
    }
    this.#tabs.tell({ type: "saved", name: own });
  }

  /** Loads an adapter that this browser keeps. */
  async restore(name: string): Promise<AdapterInfo> {
    return this.#remote.call("restore", [checked(name, "name", check.name)]);
  }

  /** Deletes an adapter from the browser; if it is loaded it stays so. */
  async forget(name: string): Promise<void> {
    await this.#remote.call("forget", [checked(name, "name", check.name)]);
    this.#tabs.tell({ type: "forgotten", name });
  }

  /** Calls `listener` when another tab saves or forgets an adapter, or begins or ends a training; the answer stops that. */
  onChange(listener: (change: Change) => void): () => void {
    return this.#tabs.listen(checked(listener, "the listener", check.callback));
  }

  /** What this browser keeps for the page, and how much room there is. */
  storage(): Promise<StorageReport> {
    return this.#remote.call("storage", [this.#address]);
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
    return reserve(checked(name, "name", check.name));
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
    return lazily(() => {
      const given = checked(options, "the options", check.trainOptions);
      const all = checked(rows, "rows", check.rows) as readonly (Row | TaggedRow)[];
      const {
        signal,
        persist = true,
        checkpoints: keep = persist,
        reservation,
      } = checked(settings, "the settings", check.trainSettings);
      const begin = { options: given, rows: all, keep };
      return this.#train(given.name, begin, signal, persist, reservation);
    });
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
    return lazily(() => {
      const own = checked(name, "name", check.name);
      const given = checked(settings, "the settings", check.trainSettings);
      return this.#train(own, "continue", given.signal, given.persist, given.reservation);
    });
  }

  /** Removes what is kept of an interrupted run; rejects with `name_in_use` while another tab is at it. */
  async forgetTraining(name: string): Promise<void> {
    const own = checked(name, "name", check.name);
    const reservation = await reserve(own);
    try {
      await this.#remote.call("forgetRun", [own, null]);
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
    const all = checked(rows, "rows", check.rows);
    const chosen = checked(options, "the options", check.suggestOptions);
    const { signal, onProgress } = checked(settings, "the settings", check.suggestSettings);
    const aborted = new GraftletError("aborted", "The comparison was cancelled.");
    if (signal?.aborted) throw aborted;
    const worker = this.#hire();
    const abort = () => worker.end(aborted);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      await worker.call("load", this.#load);
      for (const lines of partsOf(all)) await worker.call("addRows", [lines]);
      return await worker.call("suggest", [chosen], onProgress);
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
      load: this.#load,
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

  /** A worker with the backbone and these adapters. */
  async #hireWith(names: readonly string[]): Promise<Remote> {
    const worker = this.#hire();
    try {
      const folders = await Promise.all(names.map((name) => this.exportAdapter(name)));
      await worker.call("load", this.#load);
      for (const [index, files] of folders.entries()) {
        await worker.call("addAdapter", [names[index] as string, files, false]);
      }
    } catch (error) {
      this.#retire(worker);
      throw error;
    }
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

const isOptions: Check<boolean> = (value) => !isFolder(value);

/** A run that is not begun before its first event is asked for: what is wrong with it is thrown there. */
function lazily(begin: () => TrainRun): TrainRun {
  let begun: TrainRun | undefined;
  const run = () => {
    begun ??= begin();
    return begun;
  };
  return {
    next: async () => run().next(),
    return: async (value) => run().return(value),
    throw: async (error) => run().throw(error),
    [Symbol.asyncIterator]() {
      return this;
    },
    pause: async () => run().pause(),
    resume: async () => run().resume(),
    cancel: async () => run().cancel(),
  };
}

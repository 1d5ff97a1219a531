/**
 * The class a page uses. Each method is one call to the worker; nothing here computes.
 */
import * as check from "./check.js";
import { checked } from "./check.js";
import { GraftletError } from "./errors.js";
import { MainWorker, type RestartEvent } from "./main-worker.js";
import { abortable, classifyMany, embedMany } from "./many.js";
import { progressGuard } from "./progress.js";
import type { Loaded } from "./protocol.js";
import { Remote, tell, type WorkerLike } from "./remote.js";
import { partsOf } from "./rows.js";
import { type Run, train } from "./training.js";
import type {
  AdapterFiles,
  AdapterFormat,
  AdapterInfo,
  Answer,
  BackboneInfo,
  ClassifyOptions,
  Composition,
  Embedded,
  EmbedOptions,
  EngineBuild,
  InterruptedRun,
  KindInfo,
  LoadProgress,
  Recipe,
  Row,
  RuntimeInfo,
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
  /**
   * Is told when the engine was started again, because a call stopped it or its worker ended. Calls go on meanwhile, and
   * what was loaded is loaded again.
   */
  onRestart?: (event: RestartEvent) => void;
  /** Aborting ends the download; `load` then rejects with code `aborted`. */
  signal?: AbortSignal;
  /** Forces one of the engine's builds, for tests and measurements; by default it is the best that the browser runs. */
  build?: EngineBuild;
  /** Starts a worker from the package's `worker.js`; only for pages that serve it from elsewhere. */
  worker?: () => Worker;
}

export type { RestartEvent };

/** A frozen backbone in a worker, and the adapters that make it a specialist. Every rejection is a `GraftletError`. */
export class Graftlet {
  /** What was loaded. */
  readonly backbone: BackboneInfo;
  /** What runs it, here and in training. */
  readonly runtime: RuntimeInfo;
  readonly #backboneUrl: string;
  readonly #spawn: () => WorkerLike;
  readonly #remote: MainWorker;
  /** Further workers, of training runs and of many texts. */
  readonly #hired = new Set<Remote>();
  /** Names of the runs under way. */
  readonly #training = new Set<string>();

  private constructor(
    { backbone, runtime }: Loaded,
    backboneUrl: string,
    spawn: () => WorkerLike,
    remote: MainWorker,
  ) {
    this.backbone = backbone;
    this.runtime = runtime;
    this.#backboneUrl = backboneUrl;
    this.#spawn = spawn;
    this.#remote = remote;
  }

  /** Starts the worker and loads a backbone: from the network the first time, then from the browser's cache. */
  static async load(options: LoadOptions): Promise<Graftlet> {
    const given = checked(options, "the options of load", check.loadOptions);
    const { signal, onProgress, onRestart, build = null } = given;
    const aborted = new GraftletError("aborted", "Loading of the backbone was cancelled.");
    if (signal?.aborted) throw aborted;
    const url = folderUrl(given.backbone);
    const spawn: () => WorkerLike = given.worker ?? startWorker;
    const remote = startedBy(spawn);
    const abort = () => remote.end(aborted);
    signal?.addEventListener("abort", abort, { once: true });
    const progress = progressGuard((event) => tell(onProgress, event));
    try {
      const loaded = await remote.call("load", [url, build], (at) => progress.report(at));
      progress.finish();
      const main = new MainWorker(remote, {
        spawn: () => startedBy(spawn),
        load: (worker) => worker.call("load", [url, loaded.runtime.build]),
        onRestart,
      });
      return new Graftlet(loaded, url, spawn, main);
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
   * replaced. With `persist` it is kept in the browser too, for `saved` and `restore`. Aborting `signal` ends the
   * download.
   */
  async addAdapter(
    name: string,
    source: string | URL | AdapterFiles,
    options: { persist?: boolean; signal?: AbortSignal } = {},
  ): Promise<AdapterInfo> {
    const own = checked(name, "name", check.name);
    const given = checked(source, "source", check.source);
    const settings = checked(options, "options", check.addOptions);
    const { persist = false, signal } = settings;
    const from = typeof given === "string" || given instanceof URL ? folderUrl(given) : given;
    return abortable(signal, `Loading “${own}” was cancelled.`, () =>
      this.#remote.call("addAdapter", [own, from, persist], undefined, [], signal),
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
  ): Promise<AdapterInfo> {
    const own = checked(name, "name", check.name);
    const given = checked(recipe, "the recipe", check.recipe);
    const { persist = false } = checked(options, "options", check.persistOptions);
    return this.#remote.call("compose", [own, given, persist]);
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
    const { with: of, truncate = false, details = false, signal } = settings;
    const found = await embedMany({
      texts: Array.isArray(given) ? given : [given],
      of,
      truncate,
      signal,
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

  /** Loads an adapter that this browser keeps. */
  async restore(name: string): Promise<AdapterInfo> {
    return this.#remote.call("restore", [checked(name, "name", check.name)]);
  }

  /** Deletes an adapter from the browser; if it is loaded it stays so. */
  async forget(name: string): Promise<void> {
    return this.#remote.call("forget", [checked(name, "name", check.name)]);
  }

  /**
   * Trains an adapter, a fusion of `options.adapters`, or `options.from` further, on the rows, in workers of its own. When
   * `done` comes, the adapter is loaded under `options.name` and, unless `persist` is false, kept in the browser. Aborting, or leaving the loop, ends the run at once;
   * after an abort the generator throws code `aborted`.
   *
   * Until then the run itself is kept in the browser, unless `checkpoints` is false (by default as `persist`): if the
   * page goes away, `interrupted` lists it and `continueTraining` goes on from its last epoch.
   */
  train(
    options: TrainOptions | TrainFromOptions,
    rows: readonly (Row | TaggedRow)[],
    settings: { signal?: AbortSignal; persist?: boolean; checkpoints?: boolean } = {},
  ): TrainRun {
    return lazily(() => {
      const given = checked(options, "the options", check.trainOptions);
      const all = checked(rows, "rows", check.rows) as readonly (Row | TaggedRow)[];
      const {
        signal,
        persist = true,
        checkpoints: keep = persist,
      } = checked(settings, "the settings", check.trainSettings);
      return this.#train(given.name, { options: given, rows: all, keep }, signal, persist);
    });
  }

  /** Training runs that this browser keeps and that no tab is at. */
  async interrupted(): Promise<InterruptedRun[]> {
    const before = new Set(this.#training);
    const found = await this.#remote.call("interrupted", []);
    // One that has ended meanwhile was still there when it was looked for.
    return found.filter(({ name }) => !before.has(name) && !this.#training.has(name));
  }

  /**
   * Goes on with an interrupted run from its last epoch, to the same adapter as if nothing had happened. Rejects with
   * `run_unknown` if the browser keeps none of that name.
   */
  continueTraining(
    name: string,
    settings: { signal?: AbortSignal; persist?: boolean } = {},
  ): TrainRun {
    return lazily(() => {
      const own = checked(name, "name", check.name);
      const { signal, persist } = checked(settings, "the settings", check.trainSettings);
      return this.#train(own, "continue", signal, persist);
    });
  }

  /** Removes what is kept of an interrupted run. */
  async forgetTraining(name: string): Promise<void> {
    return this.#remote.call("forgetRun", [checked(name, "name", check.name)]);
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
      await worker.call("load", [this.#backboneUrl, this.runtime.build]);
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
  ): TrainRun {
    return train({
      name,
      backboneUrl: this.#backboneUrl,
      build: this.runtime.build,
      begin,
      signal,
      persist,
      members: (name) => this.exportAdapter(name),
      spawn: () => {
        this.#training.add(name);
        return this.#hire();
      },
      retire: (worker) => this.#retire(worker),
      adopt: async (files, persist) => {
        await this.addAdapter(name, files, { persist });
      },
      forget: () => this.forgetTraining(name),
      ended: () => this.#training.delete(name),
    });
  }

  #hire(): Remote {
    const worker = startedBy(this.#spawn);
    this.#hired.add(worker);
    return worker;
  }

  /** A worker with the backbone and these adapters. */
  async #hireWith(names: readonly string[]): Promise<Remote> {
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
  }

  #retire(worker: Remote): void {
    this.#hired.delete(worker);
    worker.end(new GraftletError("disposed", "This worker is done."));
  }

  /** Ends the worker and any training; calls that wait, and later ones, reject with code `disposed`. */
  async dispose(): Promise<void> {
    const reason = new GraftletError("disposed", "This Graftlet was disposed of: load a new one.");
    for (const worker of [this.#remote, ...this.#hired]) worker.end(reason);
  }
}

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

/** Absolute, and with the slash at the end that makes file names resolve inside the folder. */
function folderUrl(url: string | URL): string {
  let absolute: URL;
  try {
    absolute = new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href);
  } catch {
    const given = String(url).slice(0, 100);
    throw new GraftletError("option_invalid", `“${given}” is no URL: give that of a folder.`);
  }
  if (!absolute.pathname.endsWith("/")) absolute.pathname += "/";
  return absolute.href;
}

/** A worker as `spawn` starts it, which may be the caller's own function. */
function startedBy(spawn: () => WorkerLike): Remote {
  try {
    return new Remote(spawn());
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new GraftletError(
      "worker_failed",
      `The engine's worker cannot be started (${reason}): check that worker.js is served.`,
    );
  }
}

function startWorker(): Worker {
  return new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "graftlet" });
}

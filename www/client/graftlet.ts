/**
 * The class a page uses. Each method is one call to the worker; nothing here computes.
 */
import * as check from "./check.js";
import { checked } from "./check.js";
import { GraftletError } from "./errors.js";
import { folderUrl } from "./folder-url.js";
import { lazily } from "./lazy-run.js";
import { listen } from "./listening.js";
import type { BackboneSource, LoadOptions } from "./load-options.js";
import { type Reservation, reserve } from "./locks.js";
import type { MainWorker, RestartEvent } from "./main-worker.js";
import { abortable, classifyMany, embedMany } from "./many.js";
import { saving } from "./saving.js";
import { type Started, start } from "./start.js";
import { suggestKind } from "./suggest.js";
import { type Change, Tabs } from "./tabs.js";
import { Trainings } from "./trainings.js";
import type {
  AdapterFiles,
  AdapterFormat,
  AdapterInfo,
  AddedAdapter,
  Answer,
  AnyRow,
  BackboneInfo,
  ClassifyOptions,
  Composition,
  Embedded,
  EmbedOptions,
  Input,
  InterruptedRun,
  KindInfo,
  Listening,
  ListenOptions,
  Recipe,
  RuntimeInfo,
  StorageReport,
  SuggestEvent,
  Suggestion,
  SuggestOptions,
  TrainFromOptions,
  TrainOptions,
  TrainRun,
} from "./types.js";

export type { BackboneSource, LoadOptions, RestartEvent };

/** A frozen backbone in a worker, and the adapters that make it a specialist. Every rejection is a `GraftletError`. */
export class Graftlet {
  /** What was loaded. */
  readonly backbone: BackboneInfo;
  /** What runs it, here and in training. */
  readonly runtime: RuntimeInfo;
  readonly #started: Started;
  readonly #remote: MainWorker;
  readonly #trainings: Trainings;
  readonly #tabs = new Tabs();

  private constructor(started: Started) {
    const { loaded, load, hired, main } = started;
    this.backbone = loaded.backbone;
    this.runtime = loaded.runtime;
    this.#started = started;
    this.#remote = main;
    const exported = (name: string) => this.exportAdapter(name);
    this.#trainings = new Trainings(main, hired, load, this.#tabs, exported);
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
    return new Graftlet(await start(first, more));
  }

  /**
   * How many workers compute a text together, once those that `load` was asked for have started. It starts them if no text
   * was read yet. A worker that cannot be started is not counted.
   */
  async workers(): Promise<number> {
    return this.#started.recruits.settled();
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
      saving(this.#tabs, own, persist, (persist) =>
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
    return saving(this.#tabs, own, persist, (persist) =>
      this.#remote.call("compose", [own, given, persist]),
    );
  }

  /**
   * Classifies an input, or many inputs, with what is active or with `options.with`: one answer an input. They are texts,
   * recordings or pictures, whichever the backbone reads. With several adapters or compositions in `with` the outer index is
   * theirs, and all of them are computed in one pass.
   */
  classify(input: Input, options?: ClassifyOptions & { with?: Composition }): Promise<Answer>;
  classify(
    inputs: readonly Input[],
    options?: ClassifyOptions & { with?: Composition },
  ): Promise<Answer[]>;
  classify(
    input: Input,
    options: ClassifyOptions & { with: readonly Composition[] },
  ): Promise<Answer[]>;
  classify(
    inputs: readonly Input[],
    options: ClassifyOptions & { with: readonly Composition[] },
  ): Promise<Answer[][]>;
  async classify(
    input: Input | readonly Input[],
    options: ClassifyOptions = {},
  ): Promise<Answer | Answer[] | Answer[][]> {
    const given = this.#inputs(input);
    const settings = checked(options, "options", check.classifyOptions);
    const { with: by, truncate = false, workers, signal, onProgress } = settings;
    const several = Array.isArray(by);
    const lists = await classifyMany({
      reads: this.backbone.reads,
      inputs: Array.isArray(given) ? given : [given],
      of: by === undefined ? undefined : ((several ? by : [by]) as Composition[]),
      truncate,
      workers,
      signal,
      onProgress,
      main: this.#remote,
      together: () => this.#started.recruits.workers,
      hire: (names) => this.#started.hired.hireWith(names, (name) => this.exportAdapter(name)),
      retire: (worker) => this.#started.hired.retire(worker),
    });
    this.#started.recruits.begin();
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
   * One vector per input, by what is active or by `options.with`, as the backbone's `manifest.json` says (longest text,
   * pooling, normalisation). By default it is the mean over the tokens, of length `backbone.hiddenSize`, L2-normalised.
   * With `details` each comes with how much of the text was read.
   */
  embed(input: Input, options?: EmbedOptions & { details?: false }): Promise<Float32Array>;
  embed(
    inputs: readonly Input[],
    options?: EmbedOptions & { details?: false },
  ): Promise<Float32Array[]>;
  embed(input: Input, options: EmbedOptions & { details: true }): Promise<Embedded>;
  embed(inputs: readonly Input[], options: EmbedOptions & { details: true }): Promise<Embedded[]>;
  async embed(
    input: Input | readonly Input[],
    options: EmbedOptions = {},
  ): Promise<Float32Array | Embedded | (Float32Array | Embedded)[]> {
    const given = this.#inputs(input);
    const settings = checked(options, "options", check.embedOptions);
    const { with: of, truncate = false, details = false, signal, onProgress } = settings;
    const found = await embedMany({
      reads: this.backbone.reads,
      inputs: Array.isArray(given) ? given : [given],
      of,
      truncate,
      signal,
      onProgress,
      main: this.#remote,
      together: () => this.#started.recruits.workers,
    });
    this.#started.recruits.begin();
    const vectors = details ? found : found.map(({ vector }) => vector);
    return Array.isArray(given) ? vectors : (vectors[0] as Float32Array | Embedded);
  }

  /**
   * Listens for words in a stream of sound, with an adapter that was trained on takes of each word: push what a microphone gives.
   * `docs/sounds-and-pictures.md` says how.
   */
  listen(options: ListenOptions = {}): Listening {
    return listen(checked(options, "the options", check.listenOptions), this.#remote);
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
    return this.#trainings.keep(own);
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
    return this.#remote.call("storage", [this.#started.address]);
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
    rows: readonly AnyRow[],
    settings: {
      signal?: AbortSignal;
      persist?: boolean;
      checkpoints?: boolean;
      /** Of the same name; a run that has begun releases it at its end. */
      reservation?: Reservation;
    } = {},
  ): TrainRun {
    return lazily(() => {
      const { replay = [], ...given } = checked(options, "the options", check.trainOptions);
      const all = checked(rows, "rows", check.rows);
      const {
        signal,
        persist = true,
        checkpoints: keep = persist,
        reservation,
      } = checked(settings, "the settings", check.trainSettings);
      const rowsOf = { reads: this.backbone.reads, rows: all, replay };
      const begin = { options: given, rows: rowsOf, keep };
      return this.#trainings.train(given.name, begin, signal, persist, reservation);
    });
  }

  /** Training runs that this browser keeps and that no tab is at. */
  async interrupted(): Promise<InterruptedRun[]> {
    return this.#trainings.interrupted();
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
      return this.#trainings.train(own, "continue", given.signal, given.persist, given.reservation);
    });
  }

  /** Removes what is kept of an interrupted run; rejects with `name_in_use` while another tab is at it. */
  async forgetTraining(name: string): Promise<void> {
    return this.#trainings.forget(checked(name, "name", check.name));
  }

  /**
   * Compares a head alone, LoRA and a bottleneck by cross-validation on at least five rows, in a worker of its own, and
   * says which kind to train.
   */
  async suggest(
    rows: readonly AnyRow[],
    options: SuggestOptions = {},
    settings: { signal?: AbortSignal; onProgress?: (event: SuggestEvent) => void } = {},
  ): Promise<Suggestion> {
    const all = checked(rows, "rows", check.rows);
    const chosen = checked(options, "the options", check.suggestOptions);
    const { signal, onProgress } = checked(settings, "the settings", check.suggestSettings);
    return suggestKind({
      rows: { reads: this.backbone.reads, rows: all, replay: [] },
      options: chosen,
      signal,
      onProgress,
      load: this.#started.load,
      hired: this.#started.hired,
    });
  }

  #inputs(given: unknown) {
    const { reads } = this.backbone;
    const at = reads === "texts" ? "texts" : "the inputs";
    return checked(given, at, check.inputs(reads));
  }

  /** Ends the worker and any training; calls that wait, and later ones, reject with code `disposed`. */
  async dispose(): Promise<void> {
    const reason = new GraftletError("disposed", "This Graftlet was disposed of: load a new one.");
    this.#remote.end(reason);
    this.#started.hired.end(reason);
    this.#tabs.close();
  }
}

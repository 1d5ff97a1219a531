/**
 * Everything that passes between the page and the worker, and nothing else does.
 *
 * The page sends a `Request`; the worker answers with any number of `event` replies and then exactly one `value` or
 * `error` of the same id. Requests are taken up in order. After an `error` with `trapped` the worker answers nothing
 * more, and the page ends it.
 *
 * `Cancel` ends what a call waits for, such as a download, and stops the reading of texts before its next window. It
 * interrupts no other computation: a training run has workers of its own, which are ended.
 */
import type { Media } from "./check-media.js";
import type { ErrorShape } from "./errors.js";
import type { KeptRun } from "./kept.js";
import type { DownloadCount } from "./progress.js";
import type { Pass } from "./split.js";
import type {
  AdapterFiles,
  AdapterFormat,
  AdapterInfo,
  AddedAdapter,
  Answer,
  BackboneInfo,
  Composition,
  Detection,
  Embedded,
  EngineBuild,
  InterruptedRun,
  KindInfo,
  ListenOptions,
  LoadNotice,
  Recipe,
  RuntimeInfo,
  Samples,
  Score,
  StorageReport,
  SuggestEvent,
  Suggestion,
  SuggestOptions,
  Text,
  TrainEvent,
} from "./types.js";

/** What the page may ask: method name, arguments, answer. URLs are absolute, as the worker's own base is another. */
export interface Calls {
  /**
   * Must be the first call; the others need its engine. Without a build it is the best that the browser runs, without
   * `kernels` they are the best that the processor runs, and without `wasm` the module is that beside the worker's script. A model's folder as a hub has it is converted to
   * `dtype`. Then the worker has no engine and is to be ended, which gives the memory of the conversion back.
   */
  load(
    backbone: string | GivenFolder,
    build: EngineBuild | null,
    wasm: WasmSource | null,
    dtype: BackboneInfo["dtype"],
    kernels: string | null,
  ): Loaded | Converted;
  kinds(): KindInfo[];
  addAdapter(name: string, source: string | AdapterFiles, persist: boolean): AddedAdapter;
  removeAdapter(name: string): void;
  adapters(): AdapterInfo[];
  use(what: Composition | null): void;
  active(): Composition | null;
  compose(name: string, recipe: Recipe, persist: boolean): AddedAdapter;
  /**
   * Answers of what is active, or of each of `of`: the outer index is the composition's. The inputs stand behind
   * `before` others of the caller's, which messages count too.
   */
  classify(
    inputs: readonly Given[],
    of: readonly Composition[] | null,
    truncate: boolean,
    before: number,
  ): Answer[][];
  /** Vectors by what is active, by `of`, or with null by the bare backbone. */
  embed(
    inputs: readonly Given[],
    of: Composition | null | undefined,
    truncate: boolean,
    before: number,
  ): Embedded[];
  /**
   * What the model reads of each, to be given in its place to this worker or others. Errors call an input `place` with its number,
   * behind `before` others.
   */
  read(inputs: readonly Given[], place: string, before: number, keep: Keep): ReadInput[];
  exportAdapter(name: string, format: AdapterFormat | null): AdapterFiles;
  exportMerged(name: string): AdapterFiles;
  /** Keeps a loaded adapter in the browser. */
  keep(name: string): void;
  saved(): string[];
  restore(name: string): AdapterInfo;
  forget(name: string): void;
  /** Runs that this browser keeps and that no tab is at. */
  interrupted(): InterruptedRun[];
  /** Removes what is kept of a run; with an id only of that one, and not of another of the same name. */
  forgetRun(name: string, id: string | null): void;
  /** Removes what writes that were cut off left behind in the browser. */
  sweep(): void;
  /** What this browser keeps for the page; the backbone's folder is at the URL, if it has one. */
  storage(backboneUrl: string | null): StorageReport;

  /**
   * Takes the next piece of a stream of sound in, or with null the end of it. A stream that this worker does not know begins with
   * it.
   */
  hear(
    stream: number,
    adapter: string,
    settings: Omit<ListenOptions, "with">,
    given: Samples | null,
  ): { found: Detection[]; scores: Score[]; isNew: boolean };

  // What follows is for workers that compute texts together.

  /** Answers calls that come over the port too: those of the worker that has the answers. */
  serveAt(port: MessagePort): void;
  /** From here on what this worker and the one of that number send each other goes over the port. */
  link(member: number, port: MessagePort): void;
  /** Computes this worker's part of a reading. */
  computePart(pass: Pass, order: ReadOrder): void;
  /** Takes in the worker of this number, which serves at the port; answers when it is lost, with why. */
  join(member: number, port: MessagePort): ErrorShape;
  /** Goes on without the worker of this number. */
  loseMember(member: number, error: ErrorShape): void;

  // What follows is for the workers of a training run, in this order.

  /** From now on the run is kept under this name. */
  openRun(name: string): void;
  /** Takes an interrupted run up, with its rows. */
  reopenRun(name: string): KeptRun;
  /** Takes rows in, as `rows.ts` writes them. */
  addRows(lines: Uint8Array): void;
  /** Takes the rows of a kept run in. */
  addKeptRows(name: string): void;
  /** Checks rows and options, and keeps what of the run is to be kept. */
  prepare(run: KeptRun): void;
  /** Compares kinds on the rows taken in. */
  suggest(options: SuggestOptions): Suggestion;
  /** After `prepare`: computes what the leader asks for over the port. */
  follow(port: MessagePort): void;
  /** After `prepare`: leads the run, one follower at each port; answers with the finished adapter's folder. */
  train(ports: readonly MessagePort[]): AdapterFiles;
  /** Goes on without the follower at this port. */
  loseFollower(index: number, error: ErrorShape): void;
  /** Answers when the run has come to a stop. */
  pause(): void;
  resume(): void;
}

/** A text, or the bytes of what the model reads of a recording or a picture. */
export type ReadInput = Text | Uint8Array;

/** An input on its way to the worker that reads it. A file is of what the model reads. */
export type Given = ReadInput | Media;

/**
 * What is kept of a recording: what the model reads at once, itself if it is longer than that, or always itself.
 */
export type Keep = "beginning" | "long" | "whole";

/** A call's inputs, and what they are read with. */
export interface ReadOrder {
  inputs: readonly ReadInput[];
  /** Compositions that answer; what makes vectors of them, null for the bare backbone. */
  by: { answers: readonly Composition[] } | { vectors: Composition | null };
  truncate: boolean;
}

/** Where the wasm module comes from: the addresses of its builds, or the compiled module itself. */
export type WasmSource = Partial<Record<EngineBuild, string>> | WebAssembly.Module;

/** A folder whose files are given. */
export interface GivenFolder {
  /** Leads to it where it is from; a model's name may be in it. */
  path: string;
  /** By their paths below it. */
  files: KeptFiles;
}

export interface Loaded {
  backbone: BackboneInfo;
  runtime: RuntimeInfo;
  /** The backbone's folder where other workers are not to read it at its address, since it was converted. */
  folder?: GivenFolder;
}

/** What another worker is to load. */
export interface Converted {
  folder: GivenFolder;
  wasm: WasmSource | null;
}

export type Method = keyof Calls;

/** What a call tells while it is under way; the methods not named here tell nothing. */
export interface Events {
  load: LoadEvent;
  /** The folder of the adapter that was loaded, for the worker that may have to take this one's place. */
  addAdapter: KeptFiles;
  classify: ReadEvent;
  embed: ReadEvent;
  /** The worker has the adapters. */
  join: "ready";
  restore: KeptFiles;
  compose: KeptFiles;
  train: TrainEvent;
  suggest: SuggestEvent;
}

export type LoadEvent = ({ type: "download" } & DownloadCount) | ({ type: "notice" } & LoadNotice);
/** How much of a call's texts has been read, 0 to 1. */
export interface ReadEvent {
  share: number;
}

/** A folder outside of the worker's and the page's memory. */
export type KeptFiles = Record<string, Blob>;

export type EventOf<M extends Method> = M extends keyof Events ? Events[M] : never;

export type Request = {
  [M in Method]: { id: number; method: M; args: Parameters<Calls[M]> };
}[Method];

/** The page no longer waits for the call of this id. */
export interface Cancel {
  id: number;
  cancel: true;
}

export type Reply =
  /** The worker's script runs; the first thing it says. */
  | { id: -1; type: "hello" }
  | { id: number; type: "event"; event: Events[keyof Events] }
  | { id: number; type: "value"; value: ReturnType<Calls[Method]> }
  | { id: number; type: "error"; error: ErrorShape; trapped: boolean };

/** What loads the engine in a worker. */
export type LoadCall = Parameters<Calls["load"]>;

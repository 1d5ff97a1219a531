/**
 * Everything that passes between the page and the worker, and nothing else does.
 *
 * The page sends a `Request`; the worker answers with any number of `event` replies and then exactly one `value` or
 * `error` of the same id. Requests are taken up in order. There is no message for cancelling: a training run has a
 * worker of its own, and ending that worker ends the run at once and gives its memory back.
 */
import type { ErrorShape } from "./errors.js";
import type {
  AdapterFiles,
  AdapterFormat,
  AdapterInfo,
  BackboneInfo,
  Classification,
  Composition,
  EngineBuild,
  KindInfo,
  Recipe,
  Row,
  RuntimeInfo,
  Text,
  TrainEvent,
  TrainOptions,
} from "./types.js";

/** What the page may ask: method name, arguments, answer. URLs are absolute, as the worker's own base is another. */
export interface Calls {
  /** Must be the first call; the others need its engine. Without a build it is the best that the browser runs. */
  load(backboneUrl: string, build: EngineBuild | null): Loaded;
  kinds(): KindInfo[];
  addAdapter(name: string, source: string | AdapterFiles, persist: boolean): AdapterInfo;
  removeAdapter(name: string): void;
  adapters(): AdapterInfo[];
  use(what: Composition | null): void;
  active(): Composition | null;
  compose(name: string, recipe: Recipe, persist: boolean): AdapterInfo;
  classify(texts: readonly Text[]): Classification[];
  classifyWith(texts: readonly Text[], of: readonly Composition[]): Classification[][];
  embed(texts: readonly Text[]): Float32Array[];
  exportAdapter(name: string, format: AdapterFormat | null): AdapterFiles;
  exportMerged(name: string): AdapterFiles;
  saved(): string[];
  restore(name: string): AdapterInfo;
  forget(name: string): void;
  /** Answers with the finished adapter's folder. */
  train(options: TrainOptions, rows: readonly Row[]): AdapterFiles;
}

export interface Loaded {
  backbone: BackboneInfo;
  runtime: RuntimeInfo;
}

export type Method = keyof Calls;

/** What a call tells while it is under way; the methods not named here tell nothing. */
export interface Events {
  load: { file: string; loaded: number; total: number };
  train: TrainEvent;
}

export type EventOf<M extends Method> = M extends keyof Events ? Events[M] : never;

export type Request = {
  [M in Method]: { id: number; method: M; args: Parameters<Calls[M]> };
}[Method];

export type Reply =
  | { id: number; type: "event"; event: Events[keyof Events] }
  | { id: number; type: "value"; value: ReturnType<Calls[Method]> }
  | { id: number; type: "error"; error: ErrorShape };

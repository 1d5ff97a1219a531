/**
 * The wasm module as the worker sees it. wasm-bindgen writes the implementation; this is its contract, which the tests'
 * double implements too.
 */
import type {
  AdapterFiles,
  AdapterFormat,
  AdapterInfo,
  BackboneInfo,
  Classification,
  Composition,
  KindInfo,
  Recipe,
  Row,
  Text,
  TrainEvent,
  TrainOptions,
} from "./types.js";

export interface Engine {
  backbone(): BackboneInfo;
  addAdapter(name: string, files: AdapterFiles): AdapterInfo;
  removeAdapter(name: string): void;
  adapters(): AdapterInfo[];
  use(what: Composition | null): void;
  active(): Composition | null;
  /** Makes a new adapter of others' parameters. */
  compose(name: string, recipe: Recipe): AdapterInfo;
  classify(texts: readonly Text[]): Classification[];
  /** The outer index is the adapter's. */
  classifyWith(texts: readonly Text[], of: readonly Composition[]): Classification[][];
  embed(texts: readonly Text[]): Float32Array[];
  exportAdapter(name: string, format: AdapterFormat): AdapterFiles;
  exportMerged(name: string): AdapterFiles;
  startTraining(options: TrainOptions, rows: readonly Row[]): Training;
  free(): void;
}

/** A run under way. `step` is one short unit of work; after its `done`, `adapterFiles` is the finished adapter. */
export interface Training {
  step(): TrainEvent;
  adapterFiles(): AdapterFiles;
  free(): void;
}

/** Adapters kept in the browser. */
export interface Store {
  list(): Promise<string[]>;
  get(name: string): Promise<AdapterFiles | undefined>;
  put(name: string, files: AdapterFiles): Promise<void>;
  remove(name: string): Promise<void>;
  free(): void;
}

/** What the module exports. */
export interface EngineModule {
  default(options?: { module_or_path: URL | string }): Promise<unknown>;
  Engine: {
    load(
      baseUrl: string,
      onProgress: (loaded: number, total: number, file: string) => void,
      signal?: AbortSignal,
    ): Promise<Engine>;
  };
  Store: { open(): Promise<Store> };
  fetchAdapter(url: string, signal?: AbortSignal): Promise<AdapterFiles>;
  kinds(): KindInfo[];
  /** The name of the kernels' variant. */
  kernels(): string;
  version(): string;
}

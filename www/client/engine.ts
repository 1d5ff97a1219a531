/**
 * The wasm module as the worker sees it. wasm-bindgen writes the implementation; this is its contract, which the tests'
 * double implements too.
 */
import type { Keep, ReadInput } from "./protocol.js";
import type {
  AdapterFiles,
  AdapterFormat,
  AdapterInfo,
  Answer,
  BackboneInfo,
  Composition,
  Detection,
  Embedded,
  KindInfo,
  ListenOptions,
  Pixels,
  Recipe,
  Samples,
  SuggestEvent,
  Suggestion,
  SuggestOptions,
  TrainEvent,
  TrainOptions,
  TrainReport,
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
  /**
   * What the model reads of a recording, of the bytes of a WAV file, or of a picture's pixels. It stands for that in every other
   * call.
   */
  read(input: Samples | Uint8Array | Pixels, place: string, keep: Keep): Uint8Array;
  /** Answers of what is in use, or of each of `of`; the inputs stand behind `before` others, which messages count. */
  beginAnswers(
    inputs: readonly ReadInput[],
    of: readonly Composition[] | null,
    truncate: boolean,
    before: number,
  ): Reading<Answer[][]>;
  /** With what is in use, with `of`, or with null with the bare backbone. */
  beginVectors(
    inputs: readonly ReadInput[],
    of: Composition | null | undefined,
    truncate: boolean,
    before: number,
  ): Reading<Embedded[]>;
  exportAdapter(name: string, format: AdapterFormat): AdapterFiles;
  exportMerged(name: string): AdapterFiles;
  /** Uses the rows up. With a checkpoint the run goes on from there. */
  startTraining(options: RunOptions, rows: Rows, checkpoint?: Uint8Array): Training;
  startSuggesting(options: SuggestOptions, rows: Rows): Suggesting;
  free(): void;
}

/** Texts on their way through the backbone. What the engine loads or removes meanwhile changes nothing about them. */
export interface Reading<T> {
  /** Computes a window, or a few short ones; false after the last. */
  step(): boolean;
  /** Tokens that are still to be computed. */
  tokens(): number;
  /**
   * From now on `advance` computes the part of this place, from 0, among so many. The first gets the answers; `step` gives
   * up what waits, and computes alone.
   */
  split(place: number, places: number): void;
  /** Computes a step; 0 while it waits for another place, then 1 if there are more, 2 after the last. */
  advance(): number;
  /** What is to be sent, in this order: the number of a place, its rows, and so on. */
  takeSent(): (number | Float32Array)[];
  receive(from: number, rows: Float32Array): void;
  /** Which part is computed, 0 to 1. */
  share(): number;
  /** After the last step. */
  finish(): T;
  free(): void;
}

/** A comparison of kinds; `step` is one short unit of work. */
export interface Suggesting {
  step(): SuggestEvent | { type: "done"; suggestion: Suggestion };
  free(): void;
}

/** `TrainOptions` without what only the client knows. */
export type RunOptions = Omit<TrainOptions, "workers">;

/** A stream of sound. */
export interface Hearing {
  labels(): string[];
  push(engine: Engine, samples: Float32Array, rate: number): Detection[];
  /** Listens to some silence behind the end. */
  end(engine: Engine): Detection[];
  scores(): Float32Array;
  free(): void;
}

/** Rows of a run to come. */
export interface Rows {
  /** JSON lines, and what was read of recordings and pictures: see `rows.ts`. */
  push(lines: Uint8Array): void;
  free(): void;
}

/** A part of a step, or of what is only read. */
export type Share =
  | { learn: { step: number; rows: number[]; weight: number } }
  | { contrast: { step: number; rows: number[] } }
  | { encode: { step: number; rows: number[] } }
  | { pull: { step: number; rows: number[]; gradient: number[] } }
  | { read: { rows: number[] } }
  | { judge: { rows: number[] } };

/** What a share comes to, as only the engine reads it. */
export type Computed = Uint8Array;

/** What the engine says of a run; the client adds to `done`. */
export type EngineEvent =
  | Exclude<TrainEvent, { type: "done" | "notice" | "reading" }>
  | Omit<Extract<TrainEvent, { type: "done" }>, "name" | "report" | "workers" | "memory">;

/**
 * A run under way, or a worker's part in it. One round is a plan, its shares computed by whoever, and what they came
 * to applied in the plan's order; after `done`, `adapterFiles` is the finished adapter.
 */
export interface Training {
  /** At most `workers` shares; none once the run is over. */
  plan(workers: number): Share[];
  compute(share: Share): Computed;
  apply(computed: readonly Computed[]): EngineEvent;
  parameters(): Float32Array;
  setParameters(parameters: Float32Array): void;
  checkpoint(): Uint8Array;
  report(): TrainReport | null;
  adapterFiles(): AdapterFiles;
  free(): void;
}

/** A converted folder's backbone on its way: it has all files but the weights, and these come piece by piece. */
export interface Loading {
  push(piece: Uint8Array): void;
  /** The engine, once all bytes were pushed. Nothing can be done with this any more, whether it fails or not. */
  finish(): Engine;
  free(): void;
}

/** What the module exports. */
export interface EngineModule {
  /** Its memory is absent in the tests' double. */
  default(options: {
    module_or_path: Uint8Array<ArrayBuffer> | WebAssembly.Module;
  }): Promise<{ memory?: WebAssembly.Memory }>;
  Engine: {
    /** `checked` when the files have been compared with the manifest's hashes already. */
    fromFiles(files: AdapterFiles, checked?: boolean): Engine;
    /** Begins with all files of a converted folder but the weights, which are pushed into what it gives. */
    begin(files: AdapterFiles): Loading;
  };
  Rows: new () => Rows;
  Listening: new (
    engine: Engine,
    adapter: string,
    settings: Omit<ListenOptions, "with">,
  ) => Hearing;
  /**
   * Names that an adapter's files may have, those of its library; without a configuration those of a fusion. A `.bin`
   * file stands behind the safetensors file that makes it unnecessary.
   */
  adapterFileNames(config?: Uint8Array): string[];
  /**
   * Which files of a model's folder are to be fetched next, of those in `files`; null stands for one that is not there,
   * and weights may be empty. Small files come one by one, then the weights together, then none. `names` are those of all
   * files where they are known, and `path` leads to the folder.
   */
  missingModelFiles(
    files: Record<string, Uint8Array | null>,
    path: string,
    names: string[],
  ): string[];
  /** A backbone folder from a model's, whose weights are taken out of `files`. `progress` is told shares from 0 to 1. */
  convertModel(
    files: Record<string, Uint8Array | null>,
    path: string,
    names: string[],
    dtype: BackboneInfo["dtype"],
    progress: (share: number) => void,
  ): AdapterFiles;
  kinds(): KindInfo[];
  /** Chooses the kernels' variant before a backbone is read, and returns its name; `wanted` is taken if the build has it. */
  settleKernels(wanted?: string): string;
  /** The name of the kernels' variant. */
  kernels(): string;
  version(): string;
}

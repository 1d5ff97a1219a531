/** What `Graftlet.load` takes. */
import type { RestartEvent } from "./main-worker.js";
import type {
  BackboneInfo,
  EngineBuild,
  EngineKernels,
  LoadNotice,
  LoadProgress,
} from "./types.js";

export interface LoadOptions {
  /**
   * The backbone: the URL of a folder, relative to the page, or a folder's files. It is a folder that was converted, with
   * `manifest.json`, or a text encoder's as a hub has it, with `config.json` and `model.safetensors` or
   * `pytorch_model.bin`. That is converted here, in a worker; from a URL the result is kept in the browser.
   */
  backbone: BackboneSource;
  /** How the weights of a model that is converted here are stored, `int8` by default. A converted folder stays as it is. */
  dtype?: BackboneInfo["dtype"];
  /**
   * How many workers compute a text together, each some of its tokens; the answers have the same bits. By default (`auto`)
   * as many as help, at most 4, and one where memory is short or where each would download the backbone anew. Each holds
   * the backbone. With `auto` they start once the first text is answered, else once the backbone is loaded.
   */
  workers?: number | "auto";
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
   * Forces a variant of the kernels where the relaxed build runs, for tests and measurements; by default it is the one that
   * is faster on this processor. All give the same answers, bit for bit, with an int8 backbone.
   */
  kernels?: EngineKernels;
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

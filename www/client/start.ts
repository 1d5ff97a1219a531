/** Starts the engine: its worker, the backbone, and what starts the worker again. */
import * as check from "./check.js";
import { type Check, checked } from "./check.js";
import { GraftletError } from "./errors.js";
import { urlOf } from "./folder-url.js";
import { isFolder, sourceOf } from "./given-folder.js";
import { Hired } from "./hired.js";
import type { BackboneSource, LoadOptions } from "./load-options.js";
import { MainWorker } from "./main-worker.js";
import { PatientWorker } from "./patient-worker.js";
import { START_AGAIN, startFrom, startWorker } from "./platform.js";
import { type DownloadCount, progressGuard } from "./progress.js";
import type { LoadCall, LoadEvent, Loaded } from "./protocol.js";
import { Recruits } from "./recruits.js";
import { Remote, tell } from "./remote.js";
import type { LoadNotice } from "./types.js";
import { wasmSource } from "./wasm-source.js";
import { workersTogether } from "./workers.js";

/** A backbone that was loaded, and its workers. */
export interface Started {
  loaded: Loaded;
  /** How another worker gets the same engine. */
  load: LoadCall;
  /** Of the backbone's folder, if it has one. */
  address: string | null;
  hired: Hired;
  main: MainWorker;
  recruits: Recruits;
}

/** Starts the worker and loads the backbone. */
export async function start(
  first: BackboneSource | LoadOptions,
  more: Omit<LoadOptions, "backbone">,
): Promise<Started> {
  const options = checked(first, "the backbone", isOptions)
    ? first
    : { ...checked(more, "the options of load", check.furtherOptions), backbone: first };
  const given = checked(options, "the options of load", check.loadOptions);
  const {
    signal,
    onProgress,
    onNotice,
    onRestart,
    build = null,
    kernels = null,
    dtype = "int8",
    workers,
  } = given;
  const aborted = new GraftletError("aborted", "Loading of the backbone was cancelled.");
  if (signal?.aborted) throw aborted;
  const backbone = sourceOf(given.backbone);
  const isFetched = typeof backbone === "string" && !backbone.startsWith("file:");
  const together = workersTogether(workers, !isFetched || isCacheThere());
  const script = given.workerUrl === undefined ? undefined : urlOf(given.workerUrl, "worker.js");
  const begin = given.worker ?? (script ? () => startFrom(script) : startWorker);
  const spawn = () => new PatientWorker(begin);
  const wasm = given.wasm ?? wasmSource(given.wasmUrl);
  let remote = new Remote(spawn(), START_AGAIN);
  const abort = () => remote.end(aborted);
  signal?.addEventListener("abort", abort, { once: true });
  const progress = progressGuard((event) => tell(onProgress, event));
  try {
    const listen = (event: LoadEvent) => {
      const { type, ...told } = event;
      if (type === "download") progress.report(told as DownloadCount);
      else tell(onNotice, told as LoadNotice);
    };
    let load: LoadCall = [backbone, build, wasm, dtype, kernels];
    let loaded = await remote.call("load", load, listen);
    if (!("backbone" in loaded)) {
      // The worker that converted a model ends, and with it the memory that this took.
      remote.end(new GraftletError("disposed", "The model is converted."));
      remote = new Remote(spawn(), START_AGAIN);
      if (signal?.aborted) throw aborted;
      load = [loaded.folder, build, loaded.wasm, dtype, kernels];
      loaded = await remote.call("load", load);
    }
    if (!("backbone" in loaded)) throw new GraftletError("internal", "It was converted twice.");
    progress.finish();
    // What was found out of the processor holds for every worker.
    const { runtime } = loaded;
    const again: LoadCall = [
      loaded.folder ?? load[0],
      runtime.build,
      load[2],
      dtype,
      runtime.kernels,
    ];
    const hired = new Hired(spawn, again);
    const recruits = new Recruits(hired, again, loaded, together);
    const main = new MainWorker(remote, {
      onWorker: (worker) => recruits.follow(worker),
      spawn: () => new Remote(spawn(), START_AGAIN),
      load: (worker) => worker.call("load", again),
      onRestart,
    });
    // Where nothing can be kept nothing was left behind.
    main.call("sweep", []).catch(() => {});
    const address = typeof backbone === "string" ? backbone : null;
    if (typeof workers === "number") recruits.begin();
    return { loaded, load: again, address, hired, main, recruits };
  } catch (error) {
    remote.end(aborted);
    throw error;
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** Whether the browser keeps the backbone, so that the next worker need not download it. */
function isCacheThere(): boolean {
  try {
    return (globalThis as { caches?: unknown }).caches !== undefined;
  } catch {
    return false; // Storage is denied.
  }
}

const isOptions: Check<boolean> = (value) => !isFolder(value);

/**
 * How the worker gets its engine: the wasm module and the backbone side by side, and one progress over both.
 */
import { BackboneFiles } from "./backbone-files.js";
import { BUILDS, chooseBuild, isCompiled } from "./builds.js";
import { Downloads, LIMITS, type Limits } from "./download.js";
import type { Engine, EngineModule } from "./engine.js";
import { GraftletError } from "./errors.js";
import type { Network } from "./network.js";
import { Parts } from "./parts.js";
import type { LoadEvent, WasmSource } from "./protocol.js";
import type { EngineBuild } from "./types.js";

/** A wasm file, as the package was built with it. */
export interface WasmFile {
  url: URL;
  bytes?: number;
  sha256?: string;
}

/** The wasm file of each build. */
export type WasmFiles = Record<EngineBuild, WasmFile>;

export interface LoadedEngine {
  engine: Engine;
  build: EngineBuild;
  memory: WebAssembly.Memory | undefined;
}

/** What a worker downloads with. */
export interface Delivery {
  network: Network;
  limits?: Limits;
}

/** For what the browser keeps already, the server is not waited for as long. */
const HASTY = { attempts: 2, backoffMs: 250, stallMs: 5000 };

export async function loadEngine(
  module: EngineModule,
  wasmFiles: WasmFiles,
  { network, limits = LIMITS }: Delivery,
  backboneUrl: string,
  wanted: EngineBuild | null,
  source: WasmSource | null,
  emit: (event: LoadEvent) => void,
): Promise<LoadedEngine> {
  const compiled = isCompiled(source) ? source : undefined;
  const offered: Partial<Record<EngineBuild, string>> =
    source === null || isCompiled(source) ? {} : source;
  const build = compiled ? (wanted ?? "simd128") : chooseBuild(wanted, offeredBuilds(offered));
  const parts = new Parts(network);
  const downloads = new Downloads(network, parts, limits);
  const stallMs = Math.min(HASTY.stallMs, limits.stallMs);
  const backoffMs = Math.min(HASTY.backoffMs, limits.backoffMs);
  const hasty = new Downloads(network, parts, { ...limits, ...HASTY, stallMs, backoffMs });
  const stop = new AbortController();
  const { signal } = stop;
  const { url: own, ...wasm } = wasmFiles[build];
  // Turbopack gives a path for `own`, which no `new URL` takes without a base.
  const url = new URL(String(offered[build] ?? own), network.origin || undefined);
  const tally = new Tally(compiled ? 0 : wasm.bytes, emit);
  const onRetry = (retry: { code: string; message: string; seconds: number }) =>
    emit({ type: "notice", about: "retry", ...retry } as LoadEvent);

  const start = async () => {
    if (compiled) return await initialise(module, compiled, "the compiled module");
    const bytes = await downloads.file(
      { url: url.href, ...wasm },
      { signal, onRetry, onProgress: (...at) => tally.count(ENGINE, ...at) },
    );
    tally.engineIs(bytes.length);
    return await initialise(module, bytes, url.pathname);
  };
  const backbone = new BackboneFiles(backboneUrl, downloads, hasty, parts, {
    signal,
    onTotal: (bytes) => tally.backboneIs(bytes),
    onProgress: (...at) => tally.count(...at),
    onRetry,
    onNotice: (about, error) => emit({ type: "notice", about, ...error }),
  });
  try {
    const [memory, files] = await Promise.all([start(), backbone.get()]);
    return { engine: module.Engine.fromFiles(files, true), build, memory };
  } catch (thrown) {
    // Whatever else is under way is not needed any more.
    stop.abort();
    throw thrown;
  }
}

/** The builds that are at hand; where the page names none, all are. */
function offeredBuilds(urls: Partial<Record<EngineBuild, string>>): readonly EngineBuild[] {
  const named = BUILDS.filter((build) => urls[build] !== undefined);
  return named.length > 0 ? named : BUILDS;
}

const ENGINE = "engine";

/** Adds up what has arrived of all files. Nothing is told until it is known how much there is. */
class Tally {
  readonly #emit: (event: LoadEvent) => void;
  readonly #files = new Map<string, { loaded: number; received: number }>();
  #engine: number | undefined;
  #backbone: number | undefined;

  constructor(engine: number | undefined, emit: (event: LoadEvent) => void) {
    this.#engine = engine;
    this.#emit = emit;
  }

  engineIs(bytes: number): void {
    this.#engine = bytes;
    this.count(ENGINE, bytes, this.#files.get(ENGINE)?.received ?? 0);
  }

  /** A newer manifest may say another size, and its files are counted from the beginning. */
  backboneIs(bytes: number): void {
    this.#backbone = bytes;
    for (const file of [...this.#files.keys()]) if (file !== ENGINE) this.#files.delete(file);
    this.#tell("");
  }

  count(file: string, loaded: number, received: number): void {
    this.#files.set(file, { loaded, received });
    this.#tell(file);
  }

  #tell(file: string): void {
    if (this.#engine === undefined || this.#backbone === undefined) return;
    const counts = [...this.#files.values()];
    const loaded = counts.reduce((sum, count) => sum + count.loaded, 0);
    const received = counts.reduce((sum, count) => sum + count.received, 0);
    const total = this.#engine + this.#backbone;
    this.#emit({ type: "download", file, loaded, received, total });
  }
}

async function initialise(
  module: EngineModule,
  wasm: Uint8Array<ArrayBuffer> | WebAssembly.Module,
  name: string,
): Promise<WebAssembly.Memory | undefined> {
  try {
    return (await module.default({ module_or_path: wasm })).memory;
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new GraftletError(
      "worker_failed",
      `The engine (${name}) could not be started (${reason}): close other tabs if memory is short, then reload.`,
    );
  }
}

/**
 * How the worker gets its engine: the wasm module and the backbone side by side, and one progress over both.
 */
import { type Backbone, BackboneFiles, type Conversion, isWeights } from "./backbone-files.js";
import { BUILDS, chooseBuild, isCompiled } from "./builds.js";
import { Downloads, LIMITS, type Limits } from "./download.js";
import type { Engine, EngineModule } from "./engine.js";
import { type ErrorShape, GraftletError, isTrap } from "./errors.js";
import { Damaged } from "./kept-file.js";
import { isOurs, MANIFEST, readManifest } from "./manifest.js";
import {
  bytesOf,
  type ConversionWatch,
  convert,
  GivenModelFolder,
  survey,
} from "./model-folder.js";
import type { Network } from "./network.js";
import { Parts } from "./parts.js";
import type { GivenFolder, LoadEvent, WasmSource } from "./protocol.js";
import { StreamedModule } from "./streamed-module.js";
import type { AdapterFiles, BackboneInfo, EngineBuild } from "./types.js";

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
  /** The backbone's files where it was converted in an earlier visit. */
  kept: AdapterFiles | undefined;
}

/** A model's folder was converted, and there is no engine. */
export interface ConvertedFolder {
  files: AdapterFiles;
  wasm: WasmSource | null;
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
  backbone: string | GivenFolder,
  wanted: EngineBuild | null,
  source: WasmSource | null,
  dtype: BackboneInfo["dtype"],
  kernels: string | null,
  emit: (event: LoadEvent) => void,
): Promise<LoadedEngine | ConvertedFolder> {
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

  let fetched: Uint8Array<ArrayBuffer> | undefined;
  const start = async () => {
    if (compiled) return await initialise(module, compiled, "the compiled module");
    const streamed = new StreamedModule();
    const bytes = await downloads.file(
      // The hash tells whether a copy in the browser's HTTP cache is still right, so the server is not asked.
      { url: url.href, ...wasm, ...(wasm.sha256 === undefined ? {} : { cache: "force-cache" }) },
      {
        signal,
        onRetry,
        onProgress: (...at) => tally.count(ENGINE, ...at),
        onBytes: (...at) => streamed.take(...at),
      },
    );
    fetched = bytes;
    tally.engineIs(bytes.length);
    return await initialise(module, (await streamed.finish()) ?? bytes, url.pathname);
  };
  const started = start().then((memory) => {
    // Weights are packed for them.
    module.settleKernels(kernels ?? undefined);
    return memory;
  });
  const conversion = { converter: () => started.then(() => module), dtype };
  const watch = {
    signal,
    onTotal: (bytes: number) => tally.backboneIs(bytes),
    onProgress: (file: string, loaded: number, received: number) =>
      tally.count(file, loaded, received),
    onRetry,
    onNotice: (about: "cache" | "backbone", error: ErrorShape) =>
      emit({ type: "notice", about, ...error }),
  };
  const stored =
    typeof backbone === "string"
      ? new BackboneFiles(backbone, downloads, hasty, parts, watch, conversion)
      : undefined;
  const early = stored && begun(module, stored.kept(), started, signal);
  const found = stored ? stored.get() : given(backbone as GivenFolder, conversion, watch);
  try {
    const [memory, current, first] = await Promise.all([started, found, early]);
    const { files, origin } = current;
    const isFirst = current === first?.backbone;
    if (first && !isFirst) void first.engine.then((engine) => engine.free()).catch(() => {});
    if (origin === "conversion") return { files, wasm: await reusable(source, fetched) };
    const kept = origin === "kept conversion" ? files : undefined;
    // Whoever gave files has not checked them.
    if (!stored) return { engine: module.Engine.fromFiles(files, false), build, memory, kept };
    const made = isFirst ? first.engine : assembled(module, current, signal);
    const engine = await made.catch(async (thrown: unknown) => {
      if (!(thrown instanceof Damaged)) throw thrown;
      return await assembled(module, await stored.get(true), signal);
    });
    return { engine, build, memory, kept };
  } catch (thrown) {
    // Whatever else is under way is not needed any more.
    stop.abort();
    throw thrown;
  }
}

/** An engine of the version that the browser keeps, begun before it is known whether the server has another. */
interface Begun {
  backbone: Backbone;
  engine: Promise<Engine>;
}

async function begun(
  module: EngineModule,
  kept: Promise<Backbone | undefined>,
  started: Promise<unknown>,
  signal: AbortSignal,
): Promise<Begun | undefined> {
  const backbone = await kept;
  if (!backbone) return undefined;
  const engine = started.then(() => assembled(module, backbone, signal));
  // It may turn out that nobody waits for it.
  engine.catch(() => {});
  return { backbone, engine };
}

/** The engine of a converted folder. */
async function assembled(
  module: EngineModule,
  { files, weights }: Backbone,
  signal: AbortSignal,
): Promise<Engine> {
  const name = weights ? undefined : Object.keys(files).find((name) => isWeights({ name }));
  if (!weights && name === undefined) return module.Engine.fromFiles(files, true);
  const small = Object.entries(files).filter(([other]) => other !== name);
  const loading = module.Engine.begin(Object.fromEntries(small));
  try {
    const push = (piece: Uint8Array) => loading.push(piece);
    if (weights) await weights.read(push, signal);
    else push(files[name as string] as Uint8Array);
  } catch (thrown) {
    if (!isTrap(thrown)) loading.free();
    throw thrown;
  }
  return loading.finish();
}

/** A folder that was given: a backbone's, or a model's, which is converted. */
async function given(
  folder: GivenFolder,
  { converter, dtype }: Conversion,
  watch: ConversionWatch,
): Promise<Backbone> {
  const { files } = folder;
  const manifest = Object.hasOwn(files, MANIFEST) ? files[MANIFEST] : undefined;
  const json = manifest && (await bytesOf(MANIFEST, manifest));
  if (!json || !isOurs(json)) {
    const functions = await converter();
    const model = new GivenModelFolder(folder);
    const found = await survey(model, functions);
    return { files: await convert(model, found, functions, dtype, watch), origin: "conversion" };
  }
  const list = readManifest(json).filter(({ name }) => Object.hasOwn(files, name));
  watch.onTotal(list.reduce((sum, { bytes }) => sum + bytes, 0));
  const read: AdapterFiles = { [MANIFEST]: json };
  for (const { name, bytes } of list) {
    read[name] = await bytesOf(name, files[name] as Blob);
    watch.onProgress(name, bytes, 0);
  }
  return { files: read, origin: "folder" };
}

/** The engine as the next worker gets it without another download. */
async function reusable(
  source: WasmSource | null,
  fetched: Uint8Array<ArrayBuffer> | undefined,
): Promise<WasmSource | null> {
  if (!fetched) return source;
  return await WebAssembly.compile(fetched).catch(() => source);
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
      `The engine (${name}) could not be started (${reason}): if memory is short, close what else needs it, then load again.`,
    );
  }
}

/**
 * The worker's side of the protocol: takes requests, calls the engine, sends replies. It owns the wasm.
 */
import { chooseBuild } from "./builds.js";
import type { Engine, EngineModule, Store } from "./engine.js";
import { GraftletError, isTrap, toShape } from "./errors.js";
import { interrupted } from "./kept.js";
import type { Calls, Cancel, EventOf, KeptFiles, Method, Reply, Request } from "./protocol.js";
import { trainingHandlers } from "./training-host.js";
import type { AdapterFiles, EngineBuild } from "./types.js";

/** The part of a worker's global scope (or of a message port) that the host needs. */
export interface HostPort {
  postMessage(message: Reply, transfer: Transferable[]): void;
  addEventListener(
    type: "message",
    listener: (event: MessageEvent<Request | Cancel>) => void,
  ): void;
}

/** Tells events of a call; its signal says that nobody waits for the call any more. */
export interface Emit<E> {
  (event: E): void;
  readonly signal: AbortSignal;
}

export type Handlers = {
  [M in Method]: (
    emit: Emit<EventOf<M>>,
    ...args: Parameters<Calls[M]>
  ) => ReturnType<Calls[M]> | Promise<ReturnType<Calls[M]>>;
};

/** Where the wasm file of each build is. */
export type WasmUrls = Record<EngineBuild, URL>;

/** Answers the requests that arrive on `port` with the engine of `module`. */
export function serve(port: HostPort, module: EngineModule, wasmUrls: WasmUrls): void {
  const handlers = handlersOf(module, wasmUrls);
  /** Calls under way. */
  const running = new Map<number, AbortController>();
  let trapped = false;
  const answer = async (request: Request): Promise<void> => {
    const { id, method, args } = request;
    const controller = new AbortController();
    running.set(id, controller);
    const tell = (event: EventOf<Method>) => port.postMessage({ id, type: "event", event }, []);
    const emit = Object.assign(tell, { signal: controller.signal });
    const handler = handlers[method] as (
      emit: unknown,
      ...args: unknown[]
    ) => ReturnType<Calls[Method]> | Promise<ReturnType<Calls[Method]>>;
    try {
      const [value, transfer] = transferable(await handler(emit, ...args));
      if (!trapped) port.postMessage({ id, type: "value", value }, transfer);
    } catch (thrown) {
      if (trapped) return;
      trapped = isTrap(thrown);
      port.postMessage({ id, type: "error", error: toShape(thrown), trapped }, []);
    } finally {
      running.delete(id);
    }
  };
  port.addEventListener("message", ({ data }) => {
    // An engine that has trapped answers nothing: another worker will.
    if (trapped) return;
    if ("cancel" in data) running.get(data.id)?.abort();
    else void Promise.resolve().then(() => answer(data));
  });
}

function handlersOf(module: EngineModule, wasmUrls: WasmUrls): Handlers {
  let loaded: Engine | undefined;
  let memory: WebAssembly.Memory | undefined;

  const engine = (): Engine => {
    if (!loaded) throw new GraftletError("internal", "The engine is not loaded yet.");
    return loaded;
  };
  const adapters = shelf(module, "adapters");
  const runs = shelf(module, "runs");

  /** Keeps a loaded adapter in the browser; one that cannot be kept is not left half-added. */
  const keep = async (name: string, files: () => AdapterFiles): Promise<void> => {
    try {
      await (await adapters()).put(name, files());
    } catch (thrown) {
      engine().removeAdapter(name);
      throw thrown;
    }
  };

  return {
    async load(emit, backboneUrl, wanted) {
      const build = chooseBuild(wanted);
      memory = await initialise(module, wasmUrls[build]);
      loaded = await module.Engine.load(backboneUrl, (bytes, total, file) =>
        emit({ file, loaded: bytes, total }),
      );
      const runtime = { build, kernels: module.kernels(), version: module.version() };
      return { backbone: loaded.backbone(), runtime };
    },
    kinds: () => module.kinds(),
    async addAdapter(emit, name, source, persist) {
      const { signal } = emit;
      const files = typeof source === "string" ? await module.fetchAdapter(source, signal) : source;
      if (signal.aborted) throw new GraftletError("aborted", `Loading “${name}” was cancelled.`);
      const info = engine().addAdapter(name, files);
      if (persist) await keep(name, () => files);
      emit(kept(files));
      return info;
    },
    removeAdapter: (_, name) => engine().removeAdapter(name),
    adapters: () => engine().adapters(),
    use: (_, what) => engine().use(what),
    active: () => engine().active(),
    async compose(emit, name, recipe, persist) {
      const info = engine().compose(name, recipe);
      const files = engine().exportAdapter(name, info.format);
      if (persist) await keep(name, () => files);
      emit(kept(files));
      return info;
    },
    classify: (_, texts, of, truncate, before) => engine().classify(texts, of, truncate, before),
    embed: (_, texts, of, truncate, before) => engine().embed(texts, of, truncate, before),
    exportAdapter(_, name, format) {
      const own = engine()
        .adapters()
        .find((adapter) => adapter.name === name)?.format;
      return engine().exportAdapter(name, format ?? own ?? "peft");
    },
    exportMerged: (_, name) => engine().exportMerged(name),
    saved: async () => (await adapters()).list(),
    async restore(emit, name) {
      const files = await (await adapters()).get(name);
      if (!files) {
        throw new GraftletError(
          "adapter_unknown",
          `This browser keeps no adapter called “${name}”: train it or add its files again.`,
        );
      }
      const info = engine().addAdapter(name, files);
      emit(kept(files));
      return info;
    },
    forget: async (_, name) => (await adapters()).remove(name),
    interrupted: async () => interrupted(await runs()),
    forgetRun: async (_, name) => (await runs()).remove(name),
    ...trainingHandlers({ module, engine, runs, memory: () => memory?.buffer.byteLength ?? 0 }),
  };
}

/** A folder as blobs, which the browser keeps outside of this worker. */
function kept(files: AdapterFiles): KeptFiles {
  const blob = (content: Uint8Array) => new Blob([content as Uint8Array<ArrayBuffer>]);
  return Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, blob(bytes)]));
}

/** Opens one of the stores when it is first asked for. */
function shelf(module: EngineModule, what: "adapters" | "runs"): () => Promise<Store> {
  let opened: Promise<Store> | undefined;
  return () => {
    // A refused store (private window, full disk) may be there at the next try: only success is kept.
    opened ??= module.Store.open(what).catch((thrown: unknown) => {
      opened = undefined;
      throw thrown;
    });
    return opened;
  };
}

async function initialise(
  module: EngineModule,
  wasmUrl: URL,
): Promise<WebAssembly.Memory | undefined> {
  try {
    return (await module.default({ module_or_path: wasmUrl })).memory;
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new GraftletError(
      "fetch_failed",
      `The engine at ${wasmUrl.href} could not be started (${reason}): check that the file is served, then reload.`,
    );
  }
}

/** The buffers of an answer that can be moved rather than copied: vectors and files. */
function transferable<T>(answer: T): [T, Transferable[]] {
  const buffers = new Set<ArrayBuffer>();
  const collect = (value: unknown): void => {
    if (!(value instanceof Uint8Array || value instanceof Float32Array)) return;
    // A view into a larger buffer (the wasm memory, for one) must be copied instead.
    if (value.buffer instanceof ArrayBuffer && value.byteLength === value.buffer.byteLength) {
      buffers.add(value.buffer);
    }
  };
  if (Array.isArray(answer)) answer.forEach(collect);
  else if (answer && typeof answer === "object")
    Object.values(answer as AdapterFiles).forEach(collect);
  return [answer, [...buffers]];
}

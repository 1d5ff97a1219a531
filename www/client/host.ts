/**
 * The worker's side of the protocol: takes requests, calls the engine, sends replies. It owns the wasm.
 */
import { fetchAdapter } from "./adapter-folder.js";
import { Downloads } from "./download.js";
import type { Engine, EngineModule, Store } from "./engine.js";
import { GraftletError, toShape } from "./errors.js";
import { interrupted } from "./kept.js";
import { type Delivery, loadEngine, type WasmFiles } from "./loading.js";
import type { Calls, EventOf, Method, Reply, Request } from "./protocol.js";
import { trainingHandlers } from "./training-host.js";
import type { AdapterFiles } from "./types.js";

/** The part of a worker's global scope (or of a message port) that the host needs. */
export interface HostPort {
  postMessage(message: Reply, transfer: Transferable[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent<Request>) => void): void;
}

export type Handlers = {
  [M in Method]: (
    emit: (event: EventOf<M>) => void,
    ...args: Parameters<Calls[M]>
  ) => ReturnType<Calls[M]> | Promise<ReturnType<Calls[M]>>;
};

/** Answers the requests that arrive on `port` with the engine of `module`. */
export function serve(
  port: HostPort,
  module: EngineModule,
  wasmFiles: WasmFiles,
  delivery: Delivery,
): void {
  const handlers = handlersOf(module, wasmFiles, delivery);
  port.addEventListener("message", ({ data: request }) => {
    const { id, method, args } = request;
    const emit = (event: EventOf<Method>) => port.postMessage({ id, type: "event", event }, []);
    const handler = handlers[method] as (
      emit: (event: never) => void,
      ...args: unknown[]
    ) => ReturnType<Calls[Method]> | Promise<ReturnType<Calls[Method]>>;
    Promise.resolve()
      .then(() => handler(emit, ...args))
      .then((answer) => {
        const [value, transfer] = transferable(answer);
        port.postMessage({ id, type: "value", value }, transfer);
      })
      .catch((thrown: unknown) =>
        port.postMessage({ id, type: "error", error: toShape(thrown) }, []),
      );
  });
  port.postMessage({ id: -1, type: "hello" }, []);
}

function handlersOf(module: EngineModule, wasmFiles: WasmFiles, delivery: Delivery): Handlers {
  let loaded: Engine | undefined;
  let memory: WebAssembly.Memory | undefined;

  const engine = (): Engine => {
    if (!loaded) throw new GraftletError("internal", "The engine is not loaded yet.");
    return loaded;
  };
  const adapters = shelf(module, "adapters");
  const runs = shelf(module, "runs");

  const downloads = new Downloads(delivery.network, undefined, delivery.limits);
  const fetched = (url: string) => fetchAdapter(url, module.adapterFileNames, downloads);

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
      const started = await loadEngine(module, wasmFiles, delivery, backboneUrl, wanted, emit);
      const { build } = started;
      loaded = started.engine;
      memory = started.memory;
      const runtime = { build, kernels: module.kernels(), version: module.version() };
      return { backbone: loaded.backbone(), runtime };
    },
    kinds: () => module.kinds(),
    async addAdapter(_, name, source, persist) {
      const files = typeof source === "string" ? await fetched(source) : source;
      const info = engine().addAdapter(name, files);
      if (persist) await keep(name, () => files);
      return info;
    },
    removeAdapter: (_, name) => engine().removeAdapter(name),
    adapters: () => engine().adapters(),
    use: (_, what) => engine().use(what),
    active: () => engine().active(),
    async compose(_, name, recipe, persist) {
      const info = engine().compose(name, recipe);
      if (persist) await keep(name, () => engine().exportAdapter(name, info.format));
      return info;
    },
    classify: (_, texts, truncate) => engine().classify(texts, truncate),
    classifyWith: (_, texts, of, truncate) => engine().classifyWith(texts, of, truncate),
    embed: (_, texts, truncate) => engine().embed(texts, truncate),
    exportAdapter(_, name, format) {
      const own = engine()
        .adapters()
        .find((adapter) => adapter.name === name)?.format;
      return engine().exportAdapter(name, format ?? own ?? "peft");
    },
    exportMerged: (_, name) => engine().exportMerged(name),
    saved: async () => (await adapters()).list(),
    async restore(_, name) {
      const files = await (await adapters()).get(name);
      if (!files) {
        throw new GraftletError(
          "adapter_unknown",
          `This browser keeps no adapter called “${name}”: train it or add its files again.`,
        );
      }
      return engine().addAdapter(name, files);
    },
    forget: async (_, name) => (await adapters()).remove(name),
    interrupted: async () => interrupted(await runs()),
    forgetRun: async (_, name) => (await runs()).remove(name),
    ...trainingHandlers({ module, engine, runs, memory: () => memory?.buffer.byteLength ?? 0 }),
  };
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

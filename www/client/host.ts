/**
 * The worker's side of the protocol: takes requests, calls the engine, sends replies. It owns the wasm.
 */
import { fetchAdapter } from "./adapter-folder.js";
import { isCompiled } from "./builds.js";
import { Downloads } from "./download.js";
import type { Engine, EngineModule } from "./engine.js";
import { fromShape, GraftletError, isTrap, toShape } from "./errors.js";
import { forgetRun, interrupted } from "./kept.js";
import { listeningHandlers } from "./listening-host.js";
import { type Delivery, loadEngine, type WasmFiles } from "./loading.js";
import type {
  Calls,
  Cancel,
  EventOf,
  Given,
  Keep,
  KeptFiles,
  Method,
  ReadInput,
  Reply,
  Request,
} from "./protocol.js";
import { areRead, readInputs } from "./read-inputs.js";
import { computePart, Links } from "./split.js";
import { namingUnused, storageReport } from "./storage.js";
import { Store, type StoreName } from "./store.js";
import { type PATIENCE, Team } from "./team.js";
import { trainingHandlers } from "./training-host.js";
import type { AdapterFiles, AdapterFormat, AdapterInfo, AddedAdapter } from "./types.js";

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

type OpenStore = (what: StoreName) => Promise<Store>;

/** Answers the requests that arrive on `port` with the engine of `module`; tests give stores of their own. */
export function serve(
  port: HostPort,
  module: EngineModule,
  wasmFiles: WasmFiles,
  delivery: Delivery,
  openStore: OpenStore = Store.open,
  patience?: typeof PATIENCE,
): void {
  let trapped = false;
  const attend = (port: HostPort): void => {
    /** Calls under way. */
    const running = new Map<number, AbortController>();
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
    port.postMessage({ id: -1, type: "hello" }, []);
  };
  const handlers = handlersOf(module, wasmFiles, delivery, openStore, patience, attend);
  attend(port);
}

function handlersOf(
  module: EngineModule,
  wasmFiles: WasmFiles,
  delivery: Delivery,
  openStore: OpenStore,
  patience: typeof PATIENCE | undefined,
  attend: (port: HostPort) => void,
): Handlers {
  let loaded: Engine | undefined;
  let memory: WebAssembly.Memory | undefined;
  const team = new Team(patience);
  const links = new Links();

  const engine = (): Engine => {
    if (!loaded) throw new GraftletError("internal", "The engine is not loaded yet.");
    return loaded;
  };
  const adapters = shelf(openStore, "adapters");
  const runs = shelf(openStore, "runs");

  const downloads = new Downloads(delivery.network, undefined, delivery.limits);
  const fetched = (url: string, signal: AbortSignal) =>
    fetchAdapter(url, module.adapterFileNames, downloads, { signal });
  const explain = (thrown: unknown) => namingUnused(toShape(thrown), adapters);
  /** Keeps what was just loaded. It answers all the same where that fails. */
  const keeping = async (info: AdapterInfo, files: () => AdapterFiles): Promise<AddedAdapter> => {
    try {
      await (await adapters()).put(info.name, files());
      return info;
    } catch (thrown) {
      return { ...info, unkept: await explain(thrown) };
    }
  };
  /** Tells the team of an adapter that was just loaded. */
  const loadedFrom = (name: string, files: AdapterFiles): KeptFiles => {
    const blobs = kept(files);
    team.added(name, files, blobs);
    return blobs;
  };
  const exported = (name: string, format: AdapterFormat | null): AdapterFiles => {
    const own = engine()
      .adapters()
      .find((adapter) => adapter.name === name)?.format;
    return engine().exportAdapter(name, format ?? own ?? "peft");
  };

  /** Inputs as the engine takes them; texts it takes as they are, and at once. */
  const asRead = (
    { signal }: Emit<never>,
    given: readonly Given[],
    place: string,
    before: number,
    keep: Keep,
  ): readonly ReadInput[] | Promise<readonly ReadInput[]> =>
    areRead(given) ? given : readInputs(engine(), given, { place, before, keep }, signal);

  return {
    async load(emit, backbone, wanted, wasm, dtype, kernels) {
      const started = await loadEngine(
        module,
        wasmFiles,
        delivery,
        backbone,
        wanted,
        wasm,
        dtype,
        kernels,
        emit,
      );
      if (!("engine" in started)) {
        return { folder: { path: "", files: kept(started.files) }, wasm: started.wasm };
      }
      // A compiled module says itself which build it is.
      const own = module.kernels() === "simd128" ? "simd128" : "relaxed";
      const build = isCompiled(wasm) ? own : started.build;
      loaded = started.engine;
      memory = started.memory;
      const runtime = { build, kernels: module.kernels(), version: module.version() };
      const of = { backbone: loaded.backbone(), runtime };
      if (!started.kept) return of;
      return { ...of, folder: { path: "", files: kept(started.kept) } };
    },
    kinds: () => module.kinds(),
    async addAdapter(emit, name, source, persist) {
      const { signal } = emit;
      const files = typeof source === "string" ? await fetched(source, signal) : source;
      if (signal.aborted) throw new GraftletError("aborted", `Loading “${name}” was cancelled.`);
      const info = engine().addAdapter(name, files);
      emit(loadedFrom(name, files));
      return persist ? await keeping(info, () => files) : info;
    },
    removeAdapter(_, name) {
      engine().removeAdapter(name);
      team.removed(name);
    },
    adapters: () => engine().adapters(),
    use: (_, what) => engine().use(what),
    active: () => engine().active(),
    async compose(emit, name, recipe, persist) {
      const info = engine().compose(name, recipe);
      const files = exported(name, info.format);
      emit(loadedFrom(name, files));
      return persist ? await keeping(info, () => files) : info;
    },
    async classify(emit, given, of, truncate, before) {
      const answers = of ?? [engine().active()].filter((what) => what !== null);
      const inputs = await asRead(emit, given, "Input", before, keptOf(truncate));
      const reading = engine().beginAnswers(inputs, of, truncate, before);
      return team.read(reading, () => ({ inputs, by: { answers }, truncate }), emit);
    },
    async embed(emit, given, of, truncate, before) {
      const vectors = of === undefined ? engine().active() : of;
      const inputs = await asRead(emit, given, "Input", before, keptOf(truncate));
      const reading = engine().beginVectors(inputs, of, truncate, before);
      return team.read(reading, () => ({ inputs, by: { vectors }, truncate }), emit);
    },
    read: async (emit, given, place, before, keep) => [
      ...(await asRead(emit, given, place, before, keep)),
    ],
    serveAt(_, port) {
      attend(port);
      port.start();
    },
    link: (_, member, port) => links.add(member, port),
    async computePart({ signal }, pass, { inputs, by, truncate }) {
      const reading =
        "answers" in by
          ? engine().beginAnswers(inputs, by.answers, truncate, 0)
          : engine().beginVectors(inputs, by.vectors, truncate, 0);
      try {
        await computePart(reading, pass, links, signal);
      } catch (thrown) {
        if (!isTrap(thrown)) reading.free();
        throw thrown;
      }
      reading.free();
    },
    join: (emit, member, port) => team.join(member, port, () => emit("ready")),
    loseMember: (_, member, error) => team.lose(member, error),
    exportAdapter: (_, name, format) => exported(name, format),
    exportMerged: (_, name) => engine().exportMerged(name),
    async keep(_, name) {
      const files = exported(name, null);
      try {
        await (await adapters()).put(name, files);
      } catch (thrown) {
        throw fromShape(await explain(thrown));
      }
    },
    saved: async () => (await adapters()).list(),
    async restore(emit, name) {
      const store = await adapters();
      const files = await store.get(name);
      if (!files) {
        throw new GraftletError(
          "adapter_unknown",
          `This browser keeps no adapter called “${name}”: train it or add its files again.`,
        );
      }
      const info = engine().addAdapter(name, files);
      emit(loadedFrom(name, files));
      await store.use(name);
      return info;
    },
    forget: async (_, name) => (await adapters()).remove(name),
    interrupted: async () => interrupted(await runs()),
    forgetRun: async (_, name, id) => forgetRun(await runs(), name, id),
    async sweep() {
      for (const store of [adapters, runs]) await (await store()).sweep();
    },
    storage: (_, backboneUrl) => storageReport({ adapters, runs }, backboneUrl),
    ...listeningHandlers(module, engine),
    ...trainingHandlers({
      module,
      engine,
      runs,
      explain,
      memory: () => memory?.buffer.byteLength ?? 0,
    }),
  };
}

/** A long recording is answered in parts, or only its beginning is. */
function keptOf(truncate: boolean): Keep {
  return truncate ? "beginning" : "long";
}

/** A folder as blobs, which the browser keeps outside of this worker. */
function kept(files: AdapterFiles): KeptFiles {
  const blob = (content: Uint8Array) => new Blob([content as Uint8Array<ArrayBuffer>]);
  return Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, blob(bytes)]));
}

/** Opens one of the stores when it is first asked for. */
function shelf(open: OpenStore, what: StoreName): () => Promise<Store> {
  let opened: Promise<Store> | undefined;
  return () => {
    // A refused store (private window, full disk) may be there at the next try: only success is kept.
    opened ??= open(what).catch((thrown: unknown) => {
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

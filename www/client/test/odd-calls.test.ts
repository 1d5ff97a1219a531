/**
 * Odd values in every place of every method: each call ends, with an answer or a typed error, and the engine that was
 * there before is there after.
 */
import { beforeEach, describe, expect, it } from "vitest";
import {
  type Classifier,
  classifier,
  Graftlet,
  GraftletError,
  type Input,
  type Samples,
} from "../index.js";
import { FakeCaches } from "./fake-caches.js";
import { Engine as FakeEngine } from "./fake-engine.js";
import { FakeWorker } from "./fake-worker.js";

type Call = (g: Graftlet, value: never) => Promise<unknown>;

const CONFIG = new TextEncoder().encode(
  JSON.stringify({ labels: ["no", "yes"], words: { yes: { good: 2, hz16000: 2, px1x1: 2 } } }),
);
const FILES = { "adapter_config.json": CONFIG };
const ROWS = [
  { text: "a b", label: "x" },
  { text: "c d", label: "y" },
];

function cyclic(): object {
  const value: Record<string, unknown> = {};
  for (const key of ["stack", "average", "text", "with", "signal"]) value[key] = value;
  return value;
}

function nested(depth: number): unknown {
  let value: unknown = "one";
  for (let i = 0; i < depth; i += 1) value = { stack: [value] };
  return value;
}

function throwing(): object {
  const value = {};
  const keys = ["text", "text2", "label", "stack", "average", "persist", "name", "kind", "aborted"];
  for (const key of keys) {
    Object.defineProperty(value, key, {
      enumerable: true,
      get() {
        throw new TypeError(`no ${key} for you`);
      },
    });
  }
  return value;
}

function detached(): Uint8Array {
  const bytes = new Uint8Array(8);
  structuredClone(bytes, { transfer: [bytes.buffer] });
  return bytes;
}

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

const hostile = () =>
  new Proxy([], {
    get: () => {
      throw new Error("trapped");
    },
  });

/** New for every call, as some are used up. */
const VALUES: Record<string, () => unknown> = {
  undefined: () => undefined,
  null: () => null,
  NaN: () => Number.NaN,
  "minus zero": () => -0,
  infinity: () => Number.POSITIVE_INFINITY,
  "a huge number": () => 2 ** 53,
  "a fraction": () => 0.5,
  true: () => true,
  "a BigInt": () => 10n ** 40n,
  "a symbol": () => Symbol("odd"),
  "a function": () => () => "odd",
  "an empty string": () => "",
  "white space": () => " \t\n\u2028",
  "a huge string": () => "x".repeat(3_000_000),
  "a huge text": () => "good ".repeat(400_000),
  "half a surrogate pair": () => "\ud83d",
  "halves in a text": () => "good \udc00 \ud800 good",
  controls: () => "\u0000\u001b[2J\u009b\u202e",
  "a path": () => "../../etc/passwd",
  "a prototype's name": () => "__proto__",
  "an empty array": () => [],
  "an array of arrays": () => [[["one"]]],
  "an array with holes": () => new Array(10),
  "an array without end": () => new Array(4_294_967_295),
  "a million numbers": () => new Array(1_000_000).fill(7),
  "a million holes": () => new Array(1_000_000),
  "a sparse array": () => Object.assign([], { 999999: "one" }),
  "an array-like": () => ({ length: 3, 0: "one", 1: "one", 2: "one" }),
  "an empty object": () => ({}),
  "no prototype": () => Object.create(null),
  "a cycle": cyclic,
  "a cycle in an array": () => {
    const value: unknown[] = [];
    value.push(value);
    return value;
  },
  "deep nesting": () => nested(10_000),
  "nesting of a hundred": () => nested(100),
  "getters that throw": throwing,
  "a revoked proxy": revoked,
  "a hostile proxy": hostile,
  "a harmless proxy": () => new Proxy({ text: "good", label: "x" }, {}),
  "a Date": () => new Date(Number.NaN),
  "a RegExp": () => /one/,
  "a Map": () => new Map([["one", 1]]),
  "a promise": () => Promise.resolve("one"),
  "an error": () => new Error("odd"),
  "a Float32Array": () => new Float32Array(4),
  "an ArrayBuffer": () => new ArrayBuffer(8),
  "a detached buffer": detached,
  "shared memory": () => new Uint8Array(new SharedArrayBuffer(8)),
  "a DataView": () => new DataView(new ArrayBuffer(8)),
  "a boxed string": () => new String("one"),
  "toString that throws": () => ({
    toString() {
      throw new Error("no");
    },
  }),
};

const run = (from: AsyncGenerator) => from.next().finally(() => from.return(undefined));

/** Every place where a caller's value goes in. */
const PLACES: Record<string, Call> = {
  load: (_, value) => Graftlet.load(value),
  "load.backbone": (_, value) => load({ backbone: value }),
  "load.build": (_, value) => load({ build: value }),
  "load.wasm": (_, value) => load({ wasm: value }),
  "load.wasmUrl": (_, value) => load({ wasmUrl: value }),
  "load.workerUrl": (_, value) => load({ workerUrl: value }),
  "load.signal": (_, value) => load({ signal: value }),
  "load.onProgress": (_, value) => load({ onProgress: value }),
  "load.onRestart": (_, value) => load({ onRestart: value }),
  "addAdapter.name": (g, value) => g.addAdapter(value, FILES),
  "addAdapter.source": (g, value) => g.addAdapter("odd", value),
  "addAdapter.source.file": (g, value) => g.addAdapter("odd", { "adapter_config.json": value }),
  "addAdapter.options": (g, value) => g.addAdapter("odd", FILES, value),
  "addAdapter.persist": (g, value) => g.addAdapter("odd", FILES, { persist: value }),
  "addAdapter.signal": (g, value) => g.addAdapter("odd", FILES, { signal: value }),
  classifier: (_, value) => classifier(value, CLASSIFIER),
  "classifier.options": (_, value) => classifier(FILES, value),
  "classifier.topK": (_, value) => classifier(FILES, { ...CLASSIFIER, topK: value }),
  "classifier()": async (_, value) => (await taste())(value),
  "classifier().options": async (_, value) => (await taste())("good", value),
  "classifier().signal": async (_, value) => (await taste())("good", { signal: value }),
  removeAdapter: (g, value) => g.removeAdapter(value),
  use: (g, value) => g.use(value),
  "use.stack": (g, value) => g.use({ stack: value }),
  "use.stack[0]": (g, value) => g.use({ stack: [value] }),
  "use.average.weight": (g, value) => g.use({ average: [{ adapter: "one", weight: value }] }),
  "use.head": (g, value) => g.use({ average: ["one"], head: value }),
  "use.fusion": (g, value) => g.use({ fuse: ["one"], fusion: value }),
  "compose.name": (g, value) => g.compose(value, { average: ["one"] }),
  "compose.recipe": (g, value) => g.compose("odd", value),
  "compose.average": (g, value) => g.compose("odd", { average: value }),
  "compose.rank": (g, value) => g.compose("odd", { average: ["one"], rank: value }),
  "compose.options": (g, value) => g.compose("odd", { average: ["one"] }, value),
  classify: (g, value) => g.classify(value),
  "classify[0]": (g, value) => g.classify([value]),
  "classify.text": (g, value) => g.classify({ text: value }),
  "classify.text2": (g, value) => g.classify({ text: "good", text2: value }),
  "classify.options": (g, value) => g.classify("good", value),
  "classify.with": (g, value) => g.classify("good", { with: value }),
  "classify.with[0]": (g, value) => g.classify("good", { with: [value] }),
  "classify.truncate": (g, value) => g.classify("good", { truncate: value }),
  "classify.workers": (g, value) => g.classify(["good"], { workers: value }),
  "classify.signal": (g, value) => g.classify(["good"], { signal: value }),
  "classify.onProgress": (g, value) => g.classify(["good"], { onProgress: value }),
  embed: (g, value) => g.embed(value),
  "embed[1]": (g, value) => g.embed(["good", value]),
  "embed.options": (g, value) => g.embed("good", value),
  "embed.with": (g, value) => g.embed("good", { with: value }),
  "embed.details": (g, value) => g.embed("good", { details: value }),
  exportAdapter: (g, value) => g.exportAdapter(value),
  "exportAdapter.format": (g, value) => g.exportAdapter("one", { format: value }),
  exportMerged: (g, value) => g.exportMerged(value),
  restore: (g, value) => g.restore(value),
  forget: (g, value) => g.forget(value),
  forgetTraining: (g, value) => g.forgetTraining(value),
  train: (g, value) => run(g.train(value, ROWS)),
  "train.name": (g, value) => run(g.train({ name: value, kind: "lora" }, ROWS)),
  "train.kind": (g, value) => run(g.train({ name: "odd", kind: value }, ROWS)),
  "train.epochs": (g, value) => run(g.train({ name: "odd", kind: "lora", epochs: value }, ROWS)),
  "train.metric": (g, value) => run(g.train({ name: "odd", kind: "lora", metric: value }, ROWS)),
  "train.targets": (g, value) => run(g.train({ name: "odd", kind: "lora", targets: value }, ROWS)),
  "train.rows": (g, value) => run(g.train({ name: "odd", kind: "lora" }, value)),
  "train.rows[0]": (g, value) => run(g.train({ name: "odd", kind: "lora" }, [value])),
  "train.settings": (g, value) => run(g.train({ name: "odd", kind: "lora" }, ROWS, value)),
  continueTraining: (g, value) => run(g.continueTraining(value)),
  "suggest.rows": (g, value) => g.suggest(value),
  "suggest.row.text": (g, value) => g.suggest([{ text: value, label: "x" }]),
  "suggest.options": (g, value) => g.suggest(ROWS, value),
  "suggest.settings": (g, value) => g.suggest(ROWS, {}, value),
};

const SOUND_ROWS = ["x", "y"].map((label) => ({ sound: sound([0.5]), label }));

function sound(samples: readonly number[], rate = 16_000): Samples {
  return { samples: Float32Array.from(samples), rate };
}

const withSound = (more: unknown) => [...SOUND_ROWS, more] as never;

/** Those where a recording goes in. */
const SOUND_PLACES: Record<string, Call> = {
  classify: (g, value) => g.classify(value),
  "classify[0]": (g, value) => g.classify([value]),
  "classify.samples": (g, value) => g.classify({ samples: value, rate: 16_000 }),
  "classify.rate": (g, value) => g.classify({ samples: Float32Array.of(1), rate: value }),
  "classify.getChannelData": (g, value) =>
    g.classify({ numberOfChannels: 1, length: 1, sampleRate: 16_000, getChannelData: value }),
  "classify.getChannelData()": (g, value) =>
    g.classify({
      numberOfChannels: 2,
      length: 1,
      sampleRate: 16_000,
      getChannelData: () => value,
    }),
  "classify.numberOfChannels": (g, value) =>
    g.classify({
      numberOfChannels: value,
      length: 1,
      sampleRate: 16_000,
      getChannelData: () => Float32Array.of(1),
    }),
  "embed[1]": (g, value) => g.embed([sound([0.5]), value]),
  "train.rows": (g, value) => run(g.train({ name: "odd", kind: "lora" }, value)),
  "train.rows[0]": (g, value) => run(g.train({ name: "odd", kind: "lora" }, [value])),
  "train.row.sound": (g, value) =>
    run(g.train({ name: "odd", kind: "lora" }, withSound({ sound: value, label: "x" }))),
  "train.row.label": (g, value) =>
    run(g.train({ name: "odd", kind: "lora" }, withSound({ sound: sound([1]), label: value }))),
  "train.replay": (g, value) =>
    run(g.train({ name: "odd", from: "one", replay: value }, SOUND_ROWS)),
  "suggest.rows[2]": (g, value) => g.suggest(withSound(value)),
};

/** Those where a picture goes in. */
const PICTURE_PLACES: Record<string, Call> = {
  "classify[0]": (g, value) => g.classify([value]),
  "classify.data": (g, value) => g.classify({ width: 1, height: 1, data: value }),
  "classify.width": (g, value) => g.classify({ width: value, height: 1, data: new Uint8Array(4) }),
  "classify.height": (g, value) => g.classify({ width: 1, height: value, data: new Uint8Array(4) }),
  "train.row.picture": (g, value) =>
    run(g.train({ name: "odd", kind: "lora" }, [{ picture: value, label: "x" }])),
};

/** A call that takes so long never ends, even where the machine has much else to do. */
const HANGS_MS = 30_000;
/** Most processor time of a call, the engine's included, whatever else the machine has to do. */
const MOST_MS = 5000;

const CLASSIFIER = {
  backbone: "https://graftlet.test/models/",
  worker: () => new FakeWorker() as unknown as Worker,
};
let shared: Promise<Classifier> | undefined;
function taste(): Promise<Classifier> {
  shared ??= classifier(FILES, CLASSIFIER);
  return shared;
}

function load(options: object): Promise<Graftlet> {
  const worker = () => new FakeWorker() as unknown as Worker;
  return Graftlet.load({ backbone: "https://graftlet.test/models/", worker, ...options });
}

beforeEach(() => {
  FakeWorker.started = [];
  FakeWorker.caches = new FakeCaches();
  FakeEngine.stepMs = 0;
  FakeEngine.reads = "texts";
});

describe("odd calls", () => {
  it("are at least 2,000", () => {
    const places = { ...PLACES, ...SOUND_PLACES, ...PICTURE_PLACES };
    const calls = Object.keys(VALUES).length * Object.keys(places).length;
    expect(calls).toBeGreaterThanOrEqual(2000);
  });

  it.each(Object.entries(PLACES))(
    "in %s end, and the engine stays",
    async (place, call) => {
      await endures(place, call, () => "good");
    },
    600_000,
  );

  it.each(Object.entries(SOUND_PLACES))(
    "of recordings, in %s end, and the engine stays",
    async (place, call) => {
      FakeEngine.reads = "sounds";
      await endures(place, call, () => ({ samples: Float32Array.of(0.5), rate: 16_000 }));
    },
    600_000,
  );

  it.each(Object.entries(PICTURE_PLACES))(
    "of pictures, in %s end, and the engine stays",
    async (place, call) => {
      FakeEngine.reads = "pictures";
      await endures(place, call, () => ({ width: 1, height: 1, data: new Uint8Array(4) }));
    },
    600_000,
  );
});

/** Makes the call with every odd value; in the end `good` is answered as it should be. */
async function endures(place: string, call: Call, good: () => Input): Promise<void> {
  const restarts: unknown[] = [];
  const g = await load({ onRestart: (event: unknown) => restarts.push(event) });
  await g.addAdapter("one", FILES);
  await g.use("one");
  for (const [kind, make] of Object.entries(VALUES)) {
    const value = make() as never;
    let settled: { error?: unknown } | "hangs" | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const before = process.cpuUsage();
    const late = new Promise<"hangs">((resolve) => {
      timer = setTimeout(() => resolve("hangs"), HANGS_MS);
    });
    try {
      // Not even a promise may be missing.
      const calling = call(g, value).then(
        () => ({}),
        (error: unknown) => ({ error }),
      );
      settled = await Promise.race([calling, late]);
    } catch (thrown) {
      expect.fail(`${place} with ${kind} threw at once: ${String(thrown)}`);
    }
    clearTimeout(timer);
    expect(settled, `${place} with ${kind}`).not.toBe("hangs");
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000, `${place} with ${kind}`).toBeLessThan(MOST_MS);
    const { error } = settled as { error?: unknown };
    if (error === undefined) continue;
    expect(error, `${place} with ${kind}`).toBeInstanceOf(GraftletError);
    const { code, message } = error as GraftletError;
    expect(["internal", "engine_trapped"], `${place} with ${kind}: ${message}`).not.toContain(code);
    expect(message.length).toBeLessThanOrEqual(400);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    expect(message).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  }
  await g.removeAdapter("odd").catch(() => {});
  await g.addAdapter("one", FILES);
  expect(await g.classify(good(), { with: "one" })).toMatchObject({ label: "yes" });
  expect(restarts).toEqual([]);
  await g.dispose();
}

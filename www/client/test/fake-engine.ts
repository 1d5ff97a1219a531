/**
 * The tests' double of the wasm module: same interface, same events and errors, a bag-of-words centroid instead of a
 * transformer. It learns for real, so that a page under test shows sensible labels.
 */
import type { Engine, Store, Training } from "../engine.js";
import type {
  AdapterFiles,
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
} from "../types.js";

const BACKBONE: BackboneInfo = {
  name: "fake-minilm",
  hiddenSize: 384,
  layers: 6,
  heads: 12,
  vocabulary: 30522,
  maxTokens: 512,
  dtype: "int8",
  parameters: 22_713_216,
  fingerprint: "fake",
};

const KINDS: KindInfo[] = [
  {
    name: "lora",
    title: "LoRA",
    description: "Low-rank updates of the attention's query and value.",
    format: "peft",
    size: { name: "rank", title: "Rank", default: 8, choices: [2, 4, 8, 16] },
  },
  {
    name: "pfeiffer",
    title: "Bottleneck (Pfeiffer)",
    description: "A small network after each layer's feed-forward block.",
    format: "adapterhub",
    size: { name: "reductionFactor", title: "Reduction", default: 16, choices: [8, 16, 32] },
  },
];

/** The engine's errors: an `Error` with this name and a code. */
export function engineError(code: string, message: string): Error {
  return Object.assign(new Error(message), { name: "GraftletError", code });
}

/** What a fake adapter's config holds: label → word → weight. */
interface Centroids {
  kind: string;
  labels: string[];
  words: Record<string, Record<string, number>>;
}

const CONFIG = "adapter_config.json";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function wordsOf(text: Text): string[] {
  const joined = typeof text === "string" ? text : text.join(" ");
  return joined.toLowerCase().split(/\W+/).filter(Boolean);
}

function softmax(logits: number[]): number[] {
  const top = Math.max(...logits);
  const exps = logits.map((logit) => Math.exp(logit - top));
  const sum = exps.reduce((a, b) => a + b, 0);
  return exps.map((e) => e / sum);
}

function answer(adapter: Centroids, text: Text): Classification {
  const words = wordsOf(text);
  if (words.length === 0)
    throw engineError("text_empty", "Text 1 is empty: give at least one character.");
  const logits = adapter.labels.map((label) =>
    words.reduce((sum, word) => sum + (adapter.words[label]?.[word] ?? 0), 0),
  );
  const scores = softmax(logits).map((score, i) => ({ label: adapter.labels[i] ?? "", score }));
  const best = scores.reduce((a, b) => (b.score > a.score ? b : a));
  return {
    ...best,
    scores,
    logits,
    tokens: Math.min(words.length + 2, BACKBONE.maxTokens),
    truncated: words.length + 2 > BACKBONE.maxTokens,
    ms: 12.3,
  };
}

/** The adapters of a composition; one that is no block is refused, as by the engine. */
function namesIn(what: Composition): string[] {
  if (typeof what === "string") return [what];
  const block = what as Partial<Record<string, unknown>>;
  const parts = ["stack", "average", "split", "parallel", "fuse"]
    .map((name) => block[name])
    .find(Array.isArray);
  if (!parts) throw engineError("composition_invalid", "The composition names no block.");
  return parts.flatMap((part: Composition | { adapter: Composition }) =>
    namesIn(typeof part === "object" && "adapter" in part ? part.adapter : part),
  );
}

class FakeTraining implements Training {
  #step = 0;
  readonly #options: TrainOptions;
  readonly #rows: readonly Row[];
  readonly #steps: number;
  readonly #epochs: number;

  constructor(options: TrainOptions, rows: readonly Row[]) {
    const labels = new Set(rows.map((row) => row.label));
    if (rows.length === 0) throw engineError("rows_empty", "There are no rows to train on.");
    if (labels.size < 2)
      throw engineError(
        "classes_too_few",
        "All rows have one label: add rows of at least one more class.",
      );
    this.#options = options;
    this.#rows = rows;
    this.#epochs = options.epochs ?? 3;
    this.#steps = this.#epochs * 10;
  }

  step(): TrainEvent {
    const steps = this.#steps;
    const epoch = Math.min(this.#epochs, Math.floor(this.#step / 10) + 1);
    const shared = { epoch, epochs: this.#epochs, steps };
    if (this.#step >= steps) {
      return {
        type: "done",
        name: this.#options.name,
        metric: "accuracy",
        score: 0.9,
        epochs: this.#epochs,
        steps,
        trainRows: Math.round(this.#rows.length * 0.9),
        devRows: this.#rows.length - Math.round(this.#rows.length * 0.9),
        parameters: 75_000,
      };
    }
    this.#step += 1;
    const until = Date.now() + FakeEngine.stepMs;
    while (Date.now() < until);
    const part = this.#step / steps;
    if (this.#step % 10 === 0) {
      return {
        type: "eval",
        ...shared,
        metric: "accuracy",
        score: 0.5 + 0.4 * part,
        loss: 1.5 - part,
        best: true,
        step: this.#step,
      };
    }
    return {
      type: "step",
      ...shared,
      step: this.#step,
      loss: 1.8 * Math.exp(-2 * part),
      learningRate: 1e-3,
    };
  }

  adapterFiles(): AdapterFiles {
    const adapter: Centroids = {
      kind: this.#options.kind,
      labels: [...new Set(this.#rows.map((row) => row.label))].sort(),
      words: {},
    };
    for (const row of this.#rows) {
      adapter.words[row.label] ??= {};
      const words = adapter.words[row.label] ?? {};
      const text: Text = row.text2 === undefined ? row.text : [row.text, row.text2];
      for (const word of wordsOf(text)) words[word] = (words[word] ?? 0) + 0.1;
    }
    return {
      [CONFIG]: encoder.encode(JSON.stringify(adapter)),
      "adapter_model.safetensors": new Uint8Array(300_000),
    };
  }

  free(): void {}
}

class FakeEngine implements Engine {
  /** How long a training step takes. */
  static stepMs = 30;
  readonly #adapters = new Map<
    string,
    { info: AdapterInfo; data: Centroids; files: AdapterFiles }
  >();
  #active: Composition | null = null;

  static async load(
    baseUrl: string,
    onProgress: (loaded: number, total: number, file: string) => void,
  ): Promise<FakeEngine> {
    if (baseUrl.includes("missing"))
      throw engineError("fetch_failed", `${baseUrl}manifest.json was not found.`);
    const total = 23_400_000;
    for (const part of [0, 0.3, 0.7, 0.5, 1]) onProgress(part * total, total, "model.safetensors");
    return new FakeEngine();
  }

  backbone(): BackboneInfo {
    return BACKBONE;
  }

  addAdapter(name: string, files: AdapterFiles): AdapterInfo {
    const config = files[CONFIG];
    if (!config)
      throw engineError("file_missing", `${CONFIG} is missing: choose the adapter's whole folder.`);
    const read = JSON.parse(decoder.decode(config)) as Partial<Centroids> & {
      hidden_size?: number;
    };
    if (read.hidden_size !== undefined && read.hidden_size !== BACKBONE.hiddenSize) {
      throw engineError(
        "backbone_mismatch",
        `The adapter is for hidden size ${read.hidden_size}, the backbone has ${BACKBONE.hiddenSize}.`,
      );
    }
    const data: Centroids = {
      kind: read.kind ?? "lora",
      labels: read.labels ?? ["no", "yes"],
      words: read.words ?? {},
    };
    const info: AdapterInfo = {
      name,
      kind: data.kind,
      title: KINDS.find((kind) => kind.name === data.kind)?.title ?? data.kind,
      labels: data.labels,
      parameters: 75_000,
      share: 75_000 / BACKBONE.parameters,
      bytes: Object.values(files).reduce((sum, file) => sum + file.byteLength, 0),
      format: KINDS.find((kind) => kind.name === data.kind)?.format ?? "peft",
      sites: ["query", "value"],
      rank: 8,
      alpha: 16,
    };
    this.#adapters.set(name, { info, data, files });
    return info;
  }

  removeAdapter(name: string): void {
    this.#get(name);
    this.#adapters.delete(name);
    if (this.#active !== null && namesIn(this.#active).includes(name)) this.#active = null;
  }

  adapters(): AdapterInfo[] {
    return [...this.#adapters.values()].map(({ info }) => info);
  }

  use(what: Composition | null): void {
    if (what !== null) namesIn(what).forEach((name) => void this.#get(name));
    this.#active = what;
  }

  active(): Composition | null {
    return this.#active;
  }

  compose(name: string, recipe: Recipe): AdapterInfo {
    const [first] = namesIn(recipe as Composition);
    return this.addAdapter(name, this.#get(first ?? "").files);
  }

  classify(texts: readonly Text[]): Classification[] {
    if (this.#active === null)
      throw engineError("adapter_not_in_use", "No adapter is active: call use() first.");
    return this.classifyWith(texts, [this.#active])[0] ?? [];
  }

  /** The last adapter of a composition answers, of a parallel block each. */
  classifyWith(texts: readonly Text[], of: readonly Composition[]): Classification[][] {
    const parts = of.flatMap((what) =>
      typeof what === "object" && "parallel" in what ? what.parallel : [what],
    );
    return parts.map((what) => {
      const { data } = this.#get(namesIn(what).at(-1) ?? "");
      return texts.map((text) => answer(data, text));
    });
  }

  embed(texts: readonly Text[]): Float32Array[] {
    return texts.map(() => new Float32Array(BACKBONE.hiddenSize).fill(BACKBONE.hiddenSize ** -0.5));
  }

  exportAdapter(name: string, format: string): AdapterFiles {
    const { info, files } = this.#get(name);
    if (format !== info.format)
      throw engineError("adapter_format", `${info.title} is not written as ${format}.`);
    return structuredClone(files);
  }

  exportMerged(name: string): AdapterFiles {
    const { info } = this.#get(name);
    if (info.kind !== "lora")
      throw engineError("adapter_format", `${info.title} cannot be merged.`);
    return { "model.safetensors": new Uint8Array([1, 2, 3]) };
  }

  startTraining(options: TrainOptions, rows: readonly Row[]): Training {
    return new FakeTraining(options, rows);
  }

  free(): void {}

  #get(name: string) {
    const adapter = this.#adapters.get(name);
    if (!adapter) throw engineError("adapter_unknown", `No adapter “${name}” is loaded.`);
    return adapter;
  }
}

/** In the Cache API where there is one, so that the page's reload can be tried; else in memory. */
class FakeStore implements Store {
  static readonly memory = new Map<string, AdapterFiles>();

  static async open(): Promise<FakeStore> {
    return new FakeStore();
  }

  async list(): Promise<string[]> {
    if (typeof caches === "undefined") return [...FakeStore.memory.keys()];
    const cache = await caches.open("fake-adapters");
    return (await cache.keys()).map(({ url }) =>
      decodeURIComponent(new URL(url).pathname.slice(1)),
    );
  }

  async get(name: string): Promise<AdapterFiles | undefined> {
    if (typeof caches === "undefined") return FakeStore.memory.get(name);
    const cache = await caches.open("fake-adapters");
    const held = await cache.match(`/${encodeURIComponent(name)}`);
    if (!held) return undefined;
    return { [CONFIG]: new Uint8Array(await held.arrayBuffer()) };
  }

  async put(name: string, files: AdapterFiles): Promise<void> {
    if (typeof caches === "undefined") {
      FakeStore.memory.set(name, files);
      return;
    }
    const cache = await caches.open("fake-adapters");
    await cache.put(
      `/${encodeURIComponent(name)}`,
      new Response((files[CONFIG] ?? new Uint8Array()) as BodyInit),
    );
  }

  async remove(name: string): Promise<void> {
    if (typeof caches === "undefined") FakeStore.memory.delete(name);
    else await (await caches.open("fake-adapters")).delete(`/${encodeURIComponent(name)}`);
  }

  free(): void {}
}

export default async function init(): Promise<unknown> {
  return undefined;
}

export async function fetchAdapter(url: string): Promise<AdapterFiles> {
  const response = await fetch(url + CONFIG);
  if (!response.ok)
    throw engineError("fetch_failed", `${url}${CONFIG} answered ${response.status}.`);
  return { [CONFIG]: new Uint8Array(await response.arrayBuffer()) };
}

export function kinds(): KindInfo[] {
  return KINDS;
}

export function kernels(): string {
  return "fake";
}

export function version(): string {
  return "0.0.0";
}

export { FakeEngine as Engine, FakeStore as Store };

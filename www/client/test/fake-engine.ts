import type {
  Computed,
  Engine,
  EngineEvent,
  Loading,
  Rows,
  RunOptions,
  Share,
  Suggesting,
  Training,
} from "../engine.js";
import type { Keep, ReadInput } from "../protocol.js";
import type {
  AdapterFiles,
  AdapterInfo,
  Answer,
  BackboneInfo,
  Composition,
  Embedded,
  KindInfo,
  Pixels,
  Recipe,
  Row,
  Samples,
  SuggestOptions,
  TrainReport,
} from "../types.js";
import { CONFIG, KINDS, readAdapter } from "./fake-adapter.js";
import { answer, BACKBONE, type Centroids, engineError, namesIn, wordsOf } from "./fake-answer.js";
import { readMedia, textOf } from "./fake-media.js";

export { FakeHearing as Listening } from "./fake-media.js";

import { FakeReading } from "./fake-reading.js";

export { engineError } from "./fake-answer.js";
export { convertModel, missingModelFiles } from "./fake-model.js";
export { FakeReading } from "./fake-reading.js";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** JSON lines as rows. */
class FakeRows implements Rows {
  readonly rows: Row[] = [];

  push(lines: Uint8Array): void {
    for (let rest = lines; rest.length > 0; ) {
      const isRead = rest[0] === 0;
      const end = rest.indexOf(10);
      const line = decoder.decode(rest.subarray(isRead ? 1 : 0, end));
      rest = rest.subarray(end + 1);
      if (!line) continue;
      const row = JSON.parse(line) as Row;
      if (isRead) {
        const count = new DataView(rest.buffer, rest.byteOffset).getUint32(0, true);
        row.text = decoder.decode(rest.subarray(4, 4 + count));
        rest = rest.subarray(4 + count);
      }
      this.rows.push(row);
    }
  }

  free(): void {}
}

/** What a checkpoint holds. */
interface Saved {
  step: number;
  /** The one parameter: what gradients add up to. */
  sum: number;
}

const STEPS_OF_EPOCH = 10;

/**
 * Ten steps an epoch, each over all rows. The gradient of a row is the length of its text, so that a row that is left
 * out, or counted twice, shows in the adapter.
 */
class FakeTraining implements Training {
  readonly #options: RunOptions;
  readonly #rows: readonly Row[];
  readonly #steps: number;
  readonly #epochs: number;
  #at: Saved = { step: 0, sum: 0 };

  constructor(options: RunOptions, rows: readonly Row[], checkpoint: Uint8Array | undefined) {
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
    this.#steps = this.#epochs * STEPS_OF_EPOCH;
    if (checkpoint) this.#at = JSON.parse(decoder.decode(checkpoint)) as Saved;
  }

  plan(workers: number): Share[] {
    if (this.#at.step >= this.#steps) return [];
    const all = this.#rows.map((_, row) => row);
    const size = Math.ceil(all.length / workers);
    const parts = Array.from({ length: workers }, (_, i) => all.slice(i * size, (i + 1) * size));
    const step = this.#at.step;
    return parts
      .filter((rows) => rows.length > 0)
      .map((rows) => ({ learn: { step, rows, weight: all.length } }));
  }

  compute(share: Share): Computed {
    if (!("learn" in share)) throw engineError("option_invalid", "There is nothing to judge.");
    const until = Date.now() + FakeEngine.stepMs;
    while (Date.now() < until);
    const { rows } = share.learn;
    const gradient = rows.reduce((sum, r) => sum + (this.#rows[r]?.text.length ?? 0), 0);
    // The parameter is in it, so that a follower without the leader's shows too.
    return encoder.encode(String(gradient + this.#at.sum * 0.25 * rows.length));
  }

  apply(computed: readonly Computed[]): EngineEvent {
    const steps = this.#steps;
    const { step, sum } = this.#at;
    const epoch = Math.min(this.#epochs, Math.floor(step / STEPS_OF_EPOCH) + 1);
    const shared = { epoch, epochs: this.#epochs, steps };
    const { metric, score, trainRows, devRows, parameters } = this.report();
    if (step >= steps) {
      const counts = { epochs: this.#epochs, steps, trainRows, devRows, parameters };
      return { type: "done", metric, score, ...counts };
    }
    const gradients = computed.map((part) => Number(decoder.decode(part)));
    this.#at = { step: step + 1, sum: sum + gradients.reduce((a, b) => a + b, 0) / 1000 };
    const part = this.#at.step / steps;
    if (this.#at.step % STEPS_OF_EPOCH === 0) {
      const judged = { metric, score: 0.5 + 0.4 * part, loss: 1.5 - part, best: true };
      return { type: "eval", ...shared, ...judged, step: this.#at.step };
    }
    const learnt = { loss: 1.8 * Math.exp(-2 * part), learningRate: 1e-3 };
    return { type: "step", ...shared, ...learnt, step: this.#at.step };
  }

  parameters(): Float32Array {
    return Float32Array.of(this.#at.sum);
  }

  setParameters(parameters: Float32Array): void {
    this.#at.sum = parameters[0] ?? 0;
  }

  checkpoint(): Uint8Array {
    return encoder.encode(JSON.stringify(this.#at));
  }

  report(): TrainReport {
    const devRows = Math.round(this.#rows.length * 0.1);
    return {
      metric: "accuracy",
      score: 0.9,
      epochs: this.#epochs,
      steps: this.#steps,
      parameters: 75_000,
      trainRows: this.#rows.length - devRows,
      devRows,
      truncated: 0,
      evaluation: { rows: devRows, loss: 0.5, scores: { accuracy: 0.9 }, perLabel: [] },
      hardest: [],
      suspects: [],
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
      for (const word of wordsOf(row)) words[word] = (words[word] ?? 0) + 0.1;
    }
    return {
      [CONFIG]: encoder.encode(JSON.stringify(adapter)),
      "adapter_model.safetensors": encoder.encode(this.#at.sum.toPrecision(5)),
    };
  }

  free(): void {}
}

/** Puts the weights together again: the file that the manifest lists and that is not there. */
export function gathering(files: AdapterFiles, finish: (files: AdapterFiles) => Engine): Loading {
  const pieces: Uint8Array[] = [];
  return {
    push: (piece) => void pieces.push(piece.slice()),
    finish() {
      const manifest = JSON.parse(decoder.decode(files["manifest.json"])) as {
        files: { name: string }[];
      };
      const name = manifest.files.find(({ name }) => !(name in files))?.name ?? "";
      return finish({ ...files, [name]: new Uint8Array(Buffer.concat(pieces)) });
    },
    free() {},
  };
}

class FakeEngine implements Engine {
  /** How long a training step takes. */
  static stepMs = 30;
  static reads: BackboneInfo["reads"] = "texts";
  readonly #adapters = new Map<
    string,
    { info: AdapterInfo; data: Centroids; files: AdapterFiles }
  >();
  #active: Composition | null = null;

  static fromFiles(_files: AdapterFiles, _checked?: boolean): FakeEngine {
    return new FakeEngine();
  }

  static begin(files: AdapterFiles): Loading {
    // biome-ignore lint/complexity/noThisInStatic: a test's own subclass makes the engine
    return gathering(files, (all) => this.fromFiles(all, true));
  }

  backbone(): BackboneInfo {
    return { ...BACKBONE, reads: FakeEngine.reads };
  }

  read(input: Samples | Uint8Array | Pixels, place: string, _keep?: Keep): Uint8Array {
    return readMedia(input, place);
  }

  addAdapter(name: string, files: AdapterFiles): AdapterInfo {
    const { info, data } = readAdapter(name, files);
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

  /** The last adapter of a composition answers, of a parallel block each. */
  beginAnswers(
    inputs: readonly ReadInput[],
    of: readonly Composition[] | null,
    truncate: boolean,
    before: number,
  ): FakeReading<Answer[][]> {
    const texts = inputs.map(textOf);
    if (of === null && this.#active === null)
      throw engineError("adapter_not_in_use", "No adapter is active: call use() first.");
    const parts = (of ?? [this.#active ?? ""]).flatMap((what) =>
      typeof what === "object" && "parallel" in what ? what.parallel : [what],
    );
    const lists = parts.map((what) => {
      const { data } = this.#get(namesIn(what).at(-1) ?? "");
      return texts.map((text, index) => answer(data, text, truncate, before + index + 1));
    });
    return new FakeReading(lists, lists[0] ?? []);
  }

  beginVectors(
    inputs: readonly ReadInput[],
    of: Composition | null | undefined,
    truncate: boolean,
    before: number,
  ): FakeReading<Embedded[]> {
    const texts = inputs.map(textOf);
    if (of) namesIn(of).forEach((name) => void this.#get(name));
    const bare: Centroids = { kind: "none", labels: ["", ""], words: {} };
    const vectors = texts.map((text, index) => {
      const { tokens, windows, truncated } = answer(bare, text, truncate, before + index + 1);
      const vector = new Float32Array(BACKBONE.hiddenSize).fill(BACKBONE.hiddenSize ** -0.5);
      return { vector, tokens, windows, truncated };
    });
    return new FakeReading(vectors, vectors);
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

  startTraining(options: RunOptions, rows: Rows, checkpoint?: Uint8Array): Training {
    return new FakeTraining(options, (rows as FakeRows).rows, checkpoint);
  }

  startSuggesting(_options: SuggestOptions, rows: Rows): Suggesting {
    const { length } = (rows as FakeRows).rows;
    if (length < 5) throw engineError("rows_empty", "There are too few rows to compare kinds on.");
    let step = 0;
    return {
      step() {
        step += 1;
        if (step < 3)
          return { type: "scored", kind: "head", fold: step, score: 0.5, done: step / 3 };
        return { type: "done", suggestion: { choice: "lora", metric: "accuracy", candidates: [] } };
      },
      free() {},
    };
  }

  free(): void {}

  #get(name: string) {
    const adapter = this.#adapters.get(name);
    if (!adapter) throw engineError("adapter_unknown", `No adapter “${name}” is loaded.`);
    return adapter;
  }
}

export default async function init(_options: {
  module_or_path: Uint8Array<ArrayBuffer>;
}): Promise<{ memory?: WebAssembly.Memory }> {
  return {};
}

export function adapterFileNames(): string[] {
  return [CONFIG, "adapter_model.safetensors", "adapter_model.bin", "graftlet.json"];
}

export function kinds(): KindInfo[] {
  return KINDS;
}

let settled = "fake";

export function settleKernels(wanted?: string): string {
  settled = wanted ?? "fake";
  return settled;
}

export function kernels(): string {
  return settled;
}

export function version(): string {
  return "0.0.0";
}

export { FakeEngine as Engine, FakeRows as Rows };

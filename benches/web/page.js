/**
 * Runs in the page: which cases there are, and the measuring itself. Within a case the runtimes take turns, one sample
 * each a round, so that whatever else the machine does hits all of them alike.
 */
import { KERNELS, RUNTIMES, Runtime } from "./runtimes.js";
import { summary } from "./summary.js";

/** `[sequences, tokens]` of the forward passes that all runtimes make. */
const SHAPES = [
  [1, 16],
  [1, 32],
  [1, 128],
  [8, 32],
  [32, 32],
];
/** Tokens of one sequence, doubled from one to the next. */
const DOUBLINGS = [64, 128, 256, 512];
const LAYERS = 6;

/** `[name, lowest adapted layer, whether every linear layer is adapted instead of query and value]`. */
const TRAININGS = [
  ["all layers", 0, false],
  ["all linear layers", 0, true],
  ["top two layers", 4, false],
];

/** Compositions, each of eight adapters beside one. */
const COMPOSITIONS = [
  { name: "split", sequences: 32, tokens: 32, lowest: 0, parallel: false },
  { name: "parallel", sequences: 1, tokens: 32, lowest: 4, parallel: true },
  { name: "parallel", sequences: 8, tokens: 32, lowest: 4, parallel: true },
];

/** The ids of each shape of the forward passes, `{ "8x32": [[id, …], …] }`, for what is measured outside of the browser. */
export async function shapes(text) {
  const tokenizer = new Runtime(KERNELS[0]);
  const pieces = await tokenizer.call("tokenize", "/models/minilm-l6/tokenizer.json", text);
  tokenizer.end();
  return Object.fromEntries(
    SHAPES.map(([sequences, tokens]) => {
      const ids = [...idsOf(pieces, sequences, tokens)];
      const rows = Array.from({ length: sequences }, (_, s) =>
        ids.slice(s * tokens, (s + 1) * tokens),
      );
      return [`${sequences}x${tokens}`, rows];
    }),
  );
}

/** Measures what matches and returns the rows. `settings`: `{ only, rounds, text, log }`. */
export async function measure(settings) {
  const tokenizer = new Runtime(KERNELS[0]);
  const pieces = await tokenizer.call(
    "tokenize",
    "/models/minilm-l6/tokenizer.json",
    settings.text,
  );
  tokenizer.end();
  const bench = new Bench(settings, pieces);
  await bench.compile();
  for (const [sequences, tokens] of SHAPES) await bench.forward(sequences, tokens);
  await bench.doublings();
  await bench.compositions();
  await bench.swap();
  bench.endWorkers();
  await bench.kernels();
  bench.endWorkers();
  return bench.rows;
}

class Bench {
  rows = [];
  #settings;
  #pieces;
  #only;
  #runtimes = RUNTIMES.map((description) => new Runtime(description));
  #kernels = KERNELS.map((description) => new Runtime(description));

  constructor(settings, pieces) {
    this.#settings = settings;
    this.#pieces = pieces;
    this.#only = new RegExp(settings.only ?? "");
  }

  endWorkers() {
    for (const runtime of [...this.#runtimes, ...this.#kernels]) runtime.end();
  }

  #ids(sequences, tokens) {
    return idsOf(this.#pieces, sequences, tokens);
  }

  #wanted(row) {
    return this.#only.test(`${row.runtime} ${row.variant} ${row.case}`);
  }

  /**
   * Runs every shape in turn, a few times. V8 optimises what it has seen: a runtime that has been used at one shape only
   * may fall back to slower code at the next one, and stay there.
   */
  async compile() {
    const { log } = this.#settings;
    for (const runtime of this.#runtimes) {
      const shapes = SHAPES.filter((shape) => this.#wanted(forwardRow(runtime, shape)));
      if (shapes.length === 0) continue;
      await log(`starting ${runtime.runtime} ${runtime.variant}`);
      for (let round = 0; round < 4; round++) {
        for (const [sequences, tokens] of shapes) {
          await runtime.call("timeForward", 1, this.#ids(sequences, tokens), sequences);
        }
      }
    }
  }

  /** One shape in all runtimes, and the training steps that are compared with it. */
  async forward(sequences, tokens) {
    const shape = `${sequences}x${tokens}`;
    const ids = this.#ids(sequences, tokens);
    const entries = this.#runtimes.map((runtime) => ({
      row: forwardRow(runtime, [sequences, tokens]),
      runtime,
      sample: (times) => runtime.call("timeForward", times, ids, sequences),
    }));
    if (shape === "8x32") entries.push(...this.#trainings(sequences, tokens));
    const measured = await this.#interleave(entries);
    const forwards = measured.filter((entry) => entry.row.case.startsWith("forward"));
    await this.#agreement(forwards, shape, ids, sequences);
  }

  #trainings(batch, tokens) {
    const rows = 4 * batch;
    const ids = this.#ids(rows, tokens);
    return this.#runtimes
      .filter(({ runtime }) => runtime === "graftlet")
      .flatMap((runtime) =>
        TRAININGS.map(([name, lowest, every]) => ({
          row: row(runtime, `train ${batch}x${tokens} ${name}`, "ms"),
          runtime,
          // two epochs: in the first one, what lies below the adapter is still to be computed
          warmUp: (2 * rows) / batch,
          sample: (times) =>
            runtime.call("timeStep", times, { name, ids, rows, batch, lowest, every }),
        })),
      );
  }

  /** How far the runtimes' hidden states are from those of the first f32 runtime measured. */
  async #agreement(entries, shape, ids, sequences) {
    const states = [];
    for (const { runtime } of entries) {
      states.push({ runtime, states: await runtime.call("forward", ids, sequences) });
    }
    const reference =
      states.find(({ runtime }) => runtime.variant === "fp32") ??
      states.find(({ runtime }) => runtime.variant.startsWith("f32"));
    for (const { runtime, states: own } of states) {
      if (!reference || runtime === reference.runtime) continue;
      const { difference, cosine } = compare(own, reference.states, own.length / ids.length);
      this.rows.push(single(runtime, `largest difference ${shape}`, "1", difference));
      this.rows.push(single(runtime, `least cosine ${shape}`, "1", cosine));
    }
  }

  /** Ever longer sequences, with the part of attention beside them. */
  async doublings() {
    const own = this.#runtimes.filter(({ runtime }) => runtime === "graftlet");
    const entries = DOUBLINGS.flatMap((tokens) => {
      const ids = this.#ids(1, tokens);
      const forwards = own.map((runtime) => ({
        row: row(runtime, `scaling forward 1x${tokens}`, "ms"),
        runtime,
        sample: (times) => runtime.call("timeForward", times, ids, 1),
      }));
      const attentions = this.#kernels.map((runtime) => ({
        row: row(runtime, `scaling attention 1x${tokens}`, "ms"),
        runtime,
        sample: (times) => runtime.call("timeAttention", times, tokens, LAYERS),
      }));
      return [...forwards, ...attentions];
    });
    await this.#interleave(entries);
  }

  /** Many adapters in one pass. */
  async compositions() {
    const own = this.#runtimes.filter(({ runtime }) => runtime === "graftlet");
    for (const { name, sequences, tokens, ...rest } of COMPOSITIONS) {
      const ids = this.#ids(sequences, tokens);
      const entries = own.flatMap((runtime) =>
        [1, 8].map((count) => ({
          row: row(runtime, `${name} ${sequences}x${tokens} over ${count}`, "ms"),
          runtime,
          sample: (times) => runtime.call("timeLoras", times, { ids, sequences, count, ...rest }),
        })),
      );
      await this.#interleave(entries);
    }
  }

  /** Switching between two loaded adapters, without the messages between page and worker. */
  async swap() {
    const folders = ["/adapters/sms_spam/", "/adapters/trec/"];
    await this.#interleave(
      this.#kernels.map((runtime) => ({
        row: row(runtime, "adapter swap inside the engine", "us"),
        runtime,
        sample: (times) => runtime.call("timeSwap", times, folders),
      })),
    );
  }

  /** The kernels' list: what both builds share is timed in the one for simd128. */
  async kernels() {
    const entries = [];
    for (const runtime of this.#kernels) {
      const shared = new Set(entries.map(({ row }) => `${row.variant} ${row.case}`));
      (await runtime.call("kernels")).forEach(([kernel, shape, variant, unit], index) => {
        const entry = {
          row: { runtime: "graftlet", variant, case: `kernel ${kernel} ${shape}`, unit },
          runtime,
          sample: (times) => runtime.call("rateKernel", times, index),
        };
        if (!shared.has(`${entry.row.variant} ${entry.row.case}`)) entries.push(entry);
      });
    }
    // what is compared with one another is timed side by side
    const compared = ({ row }) => /ceiling|linear_\w+ 120x384x1536/.test(row.case);
    await this.#interleave(entries.filter(compared));
    await this.#interleave(entries.filter((entry) => !compared(entry)));
  }

  /** Warms every entry up, then takes a sample of each in turn; returns the entries that were wanted. */
  async #interleave(all) {
    const { rounds, log } = this.#settings;
    const entries = all.filter(({ row }) => this.#wanted(row));
    if (entries.length === 0) return entries;
    await log(`${entries[0].row.case}${entries.length > 1 ? ` (${entries.length} rows)` : ""}`);
    for (const entry of entries) {
      await entry.runtime.ready();
      await warmUp(entry);
    }
    const samples = entries.map(() => []);
    for (let round = 0; round < rounds; round++) {
      for (const [index, entry] of entries.entries()) {
        samples[index].push(await entry.sample(entry.times));
      }
    }
    for (const [index, { row, runtime }] of entries.entries()) {
      const kernels = await kernelsOf(runtime);
      this.rows.push(summary({ ...row, ...kernels }, samples[index]));
    }
    return entries;
  }
}

/** Ids of `sequences` texts of `tokens` tokens: consecutive pieces of the text, each between [CLS] and [SEP]. */
function idsOf(pieces, sequences, tokens) {
  const ids = [];
  for (let s = 0; s < sequences; s++) {
    const start = (s * (tokens - 2)) % (pieces.length - tokens);
    ids.push(101, ...pieces.slice(start, start + tokens - 2), 102);
  }
  return Uint32Array.from(ids);
}

/** Milliseconds of one sample: many times the clock's 0.1 ms. */
const SAMPLE_MS = 40;
/** Until then V8 may still be compiling the functions that matter. */
const WARM_UP_MS = 400;

/** Runs an entry until it is compiled, and finds out how often it fits a sample. */
async function warmUp(entry) {
  const began = performance.now();
  let times = 1;
  let ms = 0;
  for (let runs = 0; runs < (entry.warmUp ?? 2) || performance.now() - began < WARM_UP_MS; ) {
    const start = performance.now();
    await entry.sample(times);
    ms = (performance.now() - start) / times;
    runs += times;
    if (ms * times < SAMPLE_MS / 2) times *= 2;
  }
  entry.times = Math.max(1, Math.round(SAMPLE_MS / ms));
}

/** The variant of the kernels that a runtime of ours has chosen on this machine. */
async function kernelsOf(runtime) {
  return runtime.runtime === "graftlet" ? { kernels: await runtime.call("variant") } : {};
}

const row = ({ runtime, variant }, name, unit) => ({ runtime, variant, case: name, unit });

const forwardRow = (runtime, shape) => row(runtime, `forward ${shape.join("x")}`, "ms");

const single = (runtime, name, unit, value) => summary(row(runtime, name, unit), [value]);

/** Largest difference of two sets of hidden states, and the least cosine of a token's. */
function compare(a, b, width) {
  let difference = 0;
  let cosine = 1;
  for (let start = 0; start < a.length; start += width) {
    let [ab, aa, bb] = [0, 0, 0];
    for (let i = start; i < start + width; i++) {
      difference = Math.max(difference, Math.abs(a[i] - b[i]));
      ab += a[i] * b[i];
      aa += a[i] * a[i];
      bb += b[i] * b[i];
    }
    cosine = Math.min(cosine, ab / Math.sqrt(aa * bb));
  }
  return { difference, cosine };
}

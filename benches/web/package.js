/** Runs in the page: what a page sees of graftlet, through the npm package as it lies in /pkg/. */
import { Graftlet } from "/pkg/index.js";
import { summary } from "./summary.js";

const MODEL = "/models/minilm-l6/";
const TEXT = "Congratulations, you have won a prize: call now to claim it.";

const row = (name, unit) => ({ runtime: "graftlet", variant: "package", case: name, unit });

/** Loads the backbone as a visitor does and asks one question; milliseconds. */
export async function firstAnswer() {
  const began = performance.now();
  const g = await Graftlet.load({ backbone: MODEL, workers: 1 });
  const loaded = performance.now();
  await g.addAdapter("sms_spam", "/adapters/sms_spam/");
  await g.use("sms_spam");
  const asked = performance.now();
  await g.classify([TEXT]);
  const answered = performance.now();
  await g.dispose();
  return { load: loaded - began, answer: answered - asked, total: answered - began };
}

/** Milliseconds of a switch between two loaded adapters, as the page waits for it. */
export async function swap(times, names) {
  const g = await Graftlet.load({ backbone: MODEL, workers: 1 });
  for (const name of names) await g.addAdapter(name, `/adapters/${name}/`);
  const samples = [];
  for (let i = 0; i < times + 20; i++) {
    const began = performance.now();
    await g.use(names[i % 2]);
    samples.push(performance.now() - began);
    // a switch that left work for the next answer would show here
    if (i % 10 === 0) await g.classify([TEXT]);
  }
  await g.dispose();
  const sorted = samples.slice(20).sort((a, b) => a - b);
  const p95 = sorted[Math.ceil(sorted.length * 0.95) - 1];
  return { ...summary(row("adapter swap", "ms"), sorted), p95 };
}

/** `[texts, words]`: with two special tokens, 32 and 128 tokens a text. */
const TEXTS = [
  [1, 30],
  [1, 126],
  [8, 30],
];

/**
 * Milliseconds of texts that `counts` of workers answer together, in turns. Nothing where this build of the package has no
 * such option.
 */
export async function workers(counts, times) {
  const loaded = [];
  try {
    for (const count of counts) {
      loaded.push([count, await Graftlet.load({ backbone: MODEL, workers: count })]);
    }
  } catch (error) {
    if (error.code === "option_invalid") return [];
    throw error;
  }
  const rows = [];
  for (const [texts, words] of TEXTS) {
    const asked = Array.from({ length: texts }, () => Array(words).fill("word").join(" "));
    const samples = loaded.map(() => []);
    for (let round = -5; round < times; round++) {
      for (const [index, [, g]] of loaded.entries()) {
        const began = performance.now();
        await g.embed(asked);
        if (round >= 0) samples[index].push(performance.now() - began);
      }
    }
    for (const [index, [count]] of loaded.entries()) {
      rows.push(summary(row(`workers ${count} ${texts}x${words + 2}`, "ms"), samples[index]));
    }
  }
  for (const [, g] of loaded) await g.dispose();
  return rows;
}

/** Bytes of wasm memory after the load and a first answer, and at the end of a training run on 16x64 tokens. */
export async function memory() {
  const sizes = [];
  const channel = new BroadcastChannel("wasm memory");
  channel.onmessage = ({ data }) => sizes.push(data);
  const worker = () => new Worker("/bench/measured-worker.js", { type: "module" });
  const g = await Graftlet.load({ backbone: MODEL, worker, workers: 1 });
  await g.embed([TEXT]);
  const main = Math.max(...(await settled(sizes)));

  // 62 words of one piece each, and the two special tokens
  const text = Array(62).fill("word").join(" ");
  const rows = Array.from({ length: 40 }, (_, i) => ({ text, label: i % 2 ? "odd" : "even" }));
  sizes.length = 0;
  const options = { name: "measured", kind: "lora", rank: 8, batchSize: 16, epochs: 3 };
  for await (const _ of g.train(options, rows, { persist: false }));
  const training = Math.max(...(await settled(sizes)));
  await g.dispose();
  channel.close();
  const megabytes = (name, bytes) => summary(row(name, "MB"), [bytes / 1e6]);
  return [
    megabytes("wasm memory after load", main),
    megabytes("wasm memory training 16x64", training),
  ];
}

/** Messages of a channel come a little after what caused them. */
async function settled(values) {
  await new Promise((resolve) => setTimeout(resolve, 200));
  return values;
}

/** Milliseconds from a module's bytes to a running instance, in a fresh worker each time. */
export async function instantiate(times, { variant, glue, wasm }) {
  const samples = [];
  for (let salt = 0; salt < times; salt++) {
    const worker = new Worker("/bench/instantiate-worker.js", { type: "module" });
    samples.push(
      await new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(`${wasm}: ${message}`));
        worker.postMessage({ glue, wasm, salt });
      }),
    );
    worker.terminate();
  }
  const of = (name, part) =>
    summary({ runtime: "graftlet", variant, case: name, unit: "ms" }, samples.map(part));
  return [
    of("wasm compile", ({ compile }) => compile),
    of("wasm compile and instantiate", ({ compile, instantiate }) => compile + instantiate),
  ];
}

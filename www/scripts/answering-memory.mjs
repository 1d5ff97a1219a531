/**
 * Whether a tab's memory stays the same however long it is used: swaps, answers, additions of adapters and trainings in
 * headless Chromium, measured after the tenth of each and after the last. Prints one line of JSON and ends with code 1 if
 * a memory has grown by more than 3 %.
 *
 *   node scripts/answering-memory.mjs [--swaps 10000] [--answers 10000] [--additions 500] [--loads 400] [--trainings 50]
 *        [--backbone public/models/minilm-l6] [--package ../pkg]
 *
 * `wasm` is the engine's memory, which never shrinks; `page` and `worker` are JavaScript's heaps after a collection.
 * `renderer` is all memory of the tab's process that is its own. `loads` are additions by URL. Every twentieth answer is
 * to a batch of texts.
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { serve } from "./serve.mjs";
import { WatchedChromium } from "./watched-chromium.mjs";

const www = fileURLToPath(new URL("..", import.meta.url));
const { values: flags } = parseArgs({
  options: {
    swaps: { type: "string", default: "10000" },
    answers: { type: "string", default: "10000" },
    additions: { type: "string", default: "500" },
    loads: { type: "string", default: "400" },
    trainings: { type: "string", default: "50" },
    backbone: { type: "string", default: resolve(www, "public/models/minilm-l6") },
    package: { type: "string", default: resolve(www, "../pkg") },
  },
});
const MOST_GROWTH = 1.03;
/** Below this a memory changes by its own book-keeping: a heap's, and the pages that a process's allocator holds. */
const LEAST_GROWTH = { wasm: 0, page: 2 ** 18, worker: 2 ** 18, renderer: 8 * 2 ** 20 };
const ADAPTERS = ["sst2", "trec", "cola", "clinc150", "sms_spam", "banking77"];

const server = await serve({
  "/pkg/": resolve(flags.package),
  "/backbone/": flags.backbone,
  "/adapters/": resolve(www, "public/adapters"),
});
const browser = new WatchedChromium();
try {
  await browser.open(`http://127.0.0.1:${server.address().port}/`);
  const run = (task, argument) => browser.evaluate(`(${task})(${JSON.stringify(argument)})`);
  await run(prepare, ADAPTERS);
  const measured = async (name, count) => {
    await run(work, { name, from: 0, to: 10 });
    const tenth = await browser.memory();
    const began = performance.now();
    await run(work, { name, from: 10, to: count });
    const seconds = Math.round((performance.now() - began) / 1000);
    return { name, count, seconds, tenth, last: await browser.memory() };
  };
  const tasks = [];
  for (const name of ["swaps", "answers", "additions", "loads", "trainings"]) {
    const count = Number(flags[name]);
    if (count > 10) tasks.push(await measured(name, count));
  }
  const megabytes = (bytes) => Math.round(bytes / 2 ** 17) / 8;
  const grown = [];
  const result = tasks.map(({ tenth, last, ...task }) => {
    const memory = {};
    for (const what of Object.keys(tenth)) {
      memory[what] = [megabytes(tenth[what]), megabytes(last[what])];
      const allowed = Math.max(tenth[what] * MOST_GROWTH, tenth[what] + LEAST_GROWTH[what]);
      if (last[what] > allowed) grown.push(`${what} in ${task.name}`);
    }
    return { ...task, megabytesAfterTenthAndLast: memory };
  });
  console.log(JSON.stringify({ tasks: result, browser: await browser.version() }));
  if (grown.length > 0) {
    console.error(`answering-memory: has grown by more than 3 %: ${grown.join(", ")}.`);
    process.exitCode = 1;
  }
} finally {
  await browser.close();
  server.close();
}

/** Runs in the page. */
async function prepare(names) {
  const { Graftlet } = await import("/pkg/index.js");
  const g = await Graftlet.load({ backbone: "/backbone/" });
  const folders = [];
  for (const name of names) {
    await g.addAdapter(name, `/adapters/${name}/`);
    folders.push(await g.exportAdapter(name));
  }
  await g.use(names[0]);
  const words = "the film was a warm and funny delight from its quiet start to a moving end".split(
    " ",
  );
  // Every hundredth is read in windows, every tenth is as long as a window.
  const text = (i) => {
    const length = i % 100 === 9 ? 1000 : i % 10 === 9 ? 110 : 3 + ((i * 37) % 30);
    return Array.from({ length }, (_, word) => words[(i + word * 7) % words.length]).join(" ");
  };
  const rows = Array.from({ length: 24 }, (_, i) => ({ text: text(i), label: i % 2 ? "a" : "b" }));
  const tasks = {
    swaps: (i) => g.use(names[i % names.length]),
    answers: (i) =>
      g.classify(
        i % 20 === 7 ? Array.from({ length: 20 }, (_, k) => text(10 * i + 10 * k)) : text(i),
      ),
    additions: (i) => g.addAdapter(`added ${i % 3}`, folders[i % folders.length]),
    loads: (i) => g.addAdapter(`loaded ${i % 3}`, `/adapters/${names[i % names.length]}/`),
    trainings: async (i) => {
      const options = { name: `trained ${i % 3}`, kind: i % 2 ? "lora" : "pfeiffer", epochs: 1 };
      for await (const _ of g.train(options, rows));
    },
  };
  Object.assign(globalThis, { tasks });
}

/** Runs in the page. */
async function work({ name, from, to }) {
  for (let i = from; i < to; i += 1) await globalThis.tasks[name](i);
}

/**
 * Whether a tab's memory stays the same however long it is used: swaps, answers and additions of adapters in headless
 * Chromium, measured after the tenth of each and after the last. Prints one line of JSON and ends with code 1 if a
 * memory has grown by more than 3 %.
 *
 *   node scripts/answering-memory.mjs [--swaps 10000] [--answers 10000] [--additions 500] [--loads 400]
 *        [--backbone public/models/minilm-l6]
 *
 * `wasm` is the engine's memory, which never shrinks; `page` and `worker` are JavaScript's heaps after a collection.
 * `renderer` is all memory of the tab's process that is its own. `loads` are additions by URL; they are counted apart,
 * since the browser's own caches of what it has fetched are part of `renderer` and not of the others.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "@playwright/test";
import { CHROMIUM, CHROMIUM_ARGS } from "./chromium.mjs";
import { exposeMemory, wasmBytes } from "./expose-memory.mjs";
import { serve } from "./serve.mjs";

const www = fileURLToPath(new URL("..", import.meta.url));
const { values: flags } = parseArgs({
  options: {
    swaps: { type: "string", default: "10000" },
    answers: { type: "string", default: "10000" },
    additions: { type: "string", default: "500" },
    loads: { type: "string", default: "400" },
    backbone: { type: "string", default: resolve(www, "public/models/minilm-l6") },
  },
});
const MOST_GROWTH = 1.03;
const ADAPTERS = ["sst2", "trec", "cola", "clinc150", "sms_spam", "banking77"];

const server = await serve({
  "/pkg/": resolve(www, "../pkg"),
  "/backbone/": flags.backbone,
  "/adapters/": resolve(www, "public/adapters"),
});
const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });
try {
  const page = await browser.newPage();
  await exposeMemory(page, "**/pkg/worker.js");
  const cdp = await page.context().newCDPSession(page);
  const workerHeap = heapOfWorker(cdp);
  await cdp.send("Target.setAutoAttach", {
    autoAttach: true,
    waitForDebuggerOnStart: false,
    flatten: false,
  });
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.evaluate(prepare, ADAPTERS);
  const measure = async () => {
    await cdp.send("HeapProfiler.collectGarbage");
    const wasm = await wasmBytes(page);
    return {
      wasm: Math.max(...wasm),
      page: (await cdp.send("Runtime.getHeapUsage")).usedSize,
      worker: await workerHeap(),
      renderer: await rendererBytes(),
    };
  };
  const task = async (name, count) => {
    await page.evaluate(work, { name, from: 0, to: 10 });
    const tenth = await measure();
    const began = performance.now();
    await page.evaluate(work, { name, from: 10, to: count });
    const seconds = Math.round((performance.now() - began) / 1000);
    return { name, count, seconds, tenth, last: await measure() };
  };
  const tasks = [];
  for (const name of ["swaps", "answers", "additions", "loads"]) {
    tasks.push(await task(name, Number(flags[name])));
  }
  let grown = false;
  const megabytes = (bytes) => Math.round(bytes / 2 ** 17) / 8;
  const result = tasks.map(({ tenth, last, ...task }) => {
    const memory = {};
    for (const what of Object.keys(tenth)) {
      memory[what] = [megabytes(tenth[what]), megabytes(last[what])];
      // A heap of two megabytes changes by its own book-keeping.
      const allowed = Math.max(tenth[what] * MOST_GROWTH, tenth[what] + 2 ** 18);
      if (what !== "renderer" && last[what] > allowed) grown = true;
    }
    return { ...task, megabytesAfterTenthAndLast: memory };
  });
  console.log(JSON.stringify({ tasks: result, browser: `Chromium ${browser.version()}` }));
  if (grown) {
    console.error("answering-memory: a memory has grown by more than 3 %.");
    process.exitCode = 1;
  }
} finally {
  await browser.close();
  server.close();
}

/** Asks the page's last worker, over the page's session, how much of its heap is in use. */
function heapOfWorker(cdp) {
  let sessionId;
  let count = 0;
  const waiting = new Map();
  cdp.on("Target.attachedToTarget", (event) => {
    if (event.targetInfo.type === "worker") sessionId = event.sessionId;
  });
  cdp.on("Target.receivedMessageFromTarget", ({ message }) => {
    const { id, result } = JSON.parse(message);
    waiting.get(id)?.(result);
  });
  const ask = (method) =>
    new Promise((resolve) => {
      count += 1;
      waiting.set(count, resolve);
      const message = JSON.stringify({ id: count, method });
      cdp.send("Target.sendMessageToTarget", { sessionId, message });
    });
  return async () => {
    await ask("HeapProfiler.collectGarbage");
    return (await ask("Runtime.getHeapUsage")).usedSize;
  };
}

/** Anonymous memory of the renderers, on Linux; else 0. */
async function rendererBytes() {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const sizes = processInfo
    .filter(({ type }) => type === "renderer")
    .map(({ id }) => {
      try {
        const status = readFileSync(`/proc/${id}/status`, "utf8");
        return 1024 * Number(status.match(/^RssAnon:\s+(\d+)/m)?.[1] ?? 0);
      } catch {
        return 0;
      }
    });
  return Math.max(0, ...sizes);
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
  // Every tenth is the longest.
  const text = (i) => {
    const length = i % 10 === 9 ? 120 : 3 + ((i * 37) % 110);
    return Array.from({ length }, (_, word) => words[(i + word * 7) % words.length]).join(" ");
  };
  const tasks = {
    swaps: (i) => g.use(names[i % names.length]),
    answers: (i) => g.classify(text(i)),
    additions: (i) => g.addAdapter(`added ${i % 3}`, folders[i % folders.length]),
    loads: (i) => g.addAdapter(`loaded ${i % 3}`, `/adapters/${names[i % names.length]}/`),
  };
  Object.assign(globalThis, { tasks });
}

/** Runs in the page. */
async function work({ name, from, to }) {
  for (let i = from; i < to; i += 1) await globalThis.tasks[name](i);
}

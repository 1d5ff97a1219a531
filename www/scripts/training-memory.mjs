/**
 * How much memory training on many rows takes: trains for some steps in headless Chromium and prints one line of JSON.
 *
 *   node scripts/training-memory.mjs --data train.csv     with text,label; repeated until there are as many as asked for
 *        [--rows 100000] [--steps 200] [--problem multi_label] [--kind lora] [--backbone public/models/minilm-l6]
 *
 * `wasmMegabytes` are those of the run's worker, which hold the model, the rows and all that is computed; a WebAssembly
 * memory never shrinks, so that it is the most there was. `pageHeapMegabytes` are the JavaScript objects of the page, the
 * rows among them.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "@playwright/test";
import Papa from "papaparse";
import { CHROMIUM, CHROMIUM_ARGS } from "./chromium.mjs";
import { exposeMemory, wasmBytes } from "./expose-memory.mjs";
import { serve } from "./serve.mjs";

const www = fileURLToPath(new URL("..", import.meta.url));
const { values: flags } = parseArgs({
  options: {
    data: { type: "string" },
    rows: { type: "string", default: "100000" },
    steps: { type: "string", default: "200" },
    problem: { type: "string", default: "single_label" },
    kind: { type: "string", default: "lora" },
    backbone: { type: "string", default: resolve(www, "public/models/minilm-l6") },
  },
});
if (!flags.data) {
  console.error("training-memory: --data FILE.csv is needed (columns text,label).");
  process.exit(1);
}
const rows = Papa.parse(readFileSync(flags.data, "utf8").trim(), { header: true }).data.map(
  ({ text, label }) => ({ text, label }),
);
const server = await serve({ "/pkg/": resolve(www, "../pkg"), "/backbone/": flags.backbone });
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: [...CHROMIUM_ARGS, "--enable-precise-memory-info"],
});
try {
  const page = await browser.newPage();
  await exposeMemory(page, "**/pkg/worker.js");
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const options = { name: "many", kind: flags.kind, problem: flags.problem };
  const count = Number(flags.rows);
  const result = await page.evaluate(inPage, { options, rows, count, steps: Number(flags.steps) });
  const megabytes = (bytes) => Math.round(bytes / 2 ** 20);
  const heapBytes = () => performance.memory.usedJSHeapSize;
  const wasm = await wasmBytes(page);
  console.log(
    JSON.stringify({
      rows: count,
      options,
      ...result,
      wasmMegabytes: megabytes(Math.max(...wasm)),
      pageHeapMegabytes: megabytes(await page.evaluate(heapBytes)),
      browser: `Chromium ${browser.version()}`,
    }),
  );
} finally {
  await browser.close();
  server.close();
}

/** Runs in the page; ends, with the workers still there, once the steps are done. */
async function inPage({ options, rows, count, steps }) {
  const { Graftlet } = await import("/pkg/index.js");
  const g = await Graftlet.load({ backbone: "/backbone/" });
  const all = Array.from({ length: count }, (_, i) => {
    const { text, label } = rows[i % rows.length];
    return { text: i < rows.length ? text : `${text} ${i}`, label };
  });
  const seconds = (since) => Math.round(performance.now() - since) / 1000;
  const began = performance.now();
  const run = g.train(options, all);
  const firstStep = await run.next();
  const secondsToFirstStep = seconds(began);
  const notices = [];
  let last = firstStep.value;
  while (!last.step || last.step < steps) {
    const { value } = await run.next();
    if (value.type === "notice") notices.push(value.message);
    last = value;
  }
  await run.pause();
  return { secondsToFirstStep, seconds: seconds(began), step: last.step, of: last.steps, notices };
}

/**
 * What each model costs in headless Chromium: bytes to fetch, time to start, memory, and time to answer. Prints one line of
 * JSON a model. The package must be built (`pkg/`).
 *
 *   node scripts/models-in-browser.mjs [--models minilm-l6,e5-small] [--repeats 20] [--visits 3]
 *
 * `transfer` is what a server sends that packs with Brotli; `start` is from the first request to the first answer, in ms,
 * with the server on the same machine, the least of all visits; `wasm` the memory of the module after that, in bytes;
 * `embed1` and `embed8` the medians for one text of some 30 tokens and for eight of them, in ms.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { brotliCompressSync, constants } from "node:zlib";
import { chromium } from "@playwright/test";
import { CHROMIUM, CHROMIUM_ARGS } from "./chromium.mjs";
import { exposeMemory, wasmBytes } from "./expose-memory.mjs";
import { serve } from "./serve.mjs";

const www = fileURLToPath(new URL("..", import.meta.url));
const { values: flags } = parseArgs({
  options: {
    models: { type: "string", default: "minilm-l6,e5-small" },
    repeats: { type: "string", default: "20" },
    visits: { type: "string", default: "3" },
  },
});

const server = await serve({
  "/pkg/": resolve(www, "../pkg"),
  "/models/": resolve(www, "public/models"),
});
const origin = `http://127.0.0.1:${server.address().port}`;
try {
  for (const model of flags.models.split(",")) {
    const visits = [];
    for (let i = 0; i < Number(flags.visits); i += 1) visits.push(await measure(model));
    const [{ wasm }] = visits;
    const least = (field) => Math.min(...visits.map((visit) => visit[field]));
    const times = { start: least("start"), embed1: least("embed1"), embed8: least("embed8") };
    console.log(JSON.stringify({ model, transfer: transfer(model), wasm, ...times }));
  }
} finally {
  server.close();
}

/** One visit of a browser that has nothing yet. */
async function measure(model) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });
  try {
    const page = await browser.newPage();
    await exposeMemory(page, "**/pkg/worker.js");
    await page.goto(`${origin}/`);
    const times = await page.evaluate(visit, { model, repeats: Number(flags.repeats) });
    return { ...times, wasm: Math.max(...(await wasmBytes(page))) };
  } finally {
    await browser.close();
  }
}

/** Runs in the page. */
async function visit({ model, repeats }) {
  const began = performance.now();
  const { Graftlet } = await import("/pkg/index.js");
  const graftlet = await Graftlet.load({ backbone: `/models/${model}/`, workers: 1 });
  const text =
    "The parcel that was promised for Tuesday came a week late, one corner was torn, and nobody answered when I called.";
  await graftlet.embed(text);
  const start = performance.now() - began;
  const median = async (input) => {
    const times = [];
    for (let i = 0; i < repeats; i += 1) {
      const from = performance.now();
      await graftlet.embed(input);
      times.push(performance.now() - from);
    }
    return times.sort((a, b) => a - b)[Math.floor(repeats / 2)];
  };
  return { start, embed1: await median(text), embed8: await median(Array(8).fill(text)) };
}

/** Bytes of a model's files as a server with Brotli sends them. */
function transfer(model) {
  const folder = join(www, "public/models", model);
  const sizes = readdirSync(folder).map((name) => {
    const content = readFileSync(join(folder, name));
    const params = { [constants.BROTLI_PARAM_QUALITY]: 9 };
    return brotliCompressSync(content, { params }).length;
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}

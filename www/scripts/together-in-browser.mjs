/**
 * How much faster several workers compute one text than one does, in headless Chromium. Prints one line of JSON a shape.
 * The package must be built (`pkg/`), and as many cores be free as workers are asked for.
 *
 *   node scripts/together-in-browser.mjs [--workers 2] [--tokens 16,32,64,128,256,512] [--rounds 60]
 *
 * A shape is the tokens of one text, or `8x32` for a batch. One worker and several compute it in turns, in one page;
 * `one` and `several` are medians of a call in ms, seen from the page. `faster` is the median of the ratios of each turn,
 * from the lower to the upper quartile; `passes` is the same of the time in the worker alone, as answers tell it.
 * `least` and `leastPasses` are the least times of one and of several, which other programs disturb least. `same` says
 * whether all bits are equal.
 */
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "@playwright/test";
import { CHROMIUM, CHROMIUM_ARGS } from "./chromium.mjs";
import { serve } from "./serve.mjs";

const www = fileURLToPath(new URL("..", import.meta.url));
const { values: flags } = parseArgs({
  options: {
    workers: { type: "string", default: "2" },
    tokens: { type: "string", default: "8,16,32,64,128,256,512,8x32" },
    rounds: { type: "string", default: "60" },
  },
});

const server = await serve({
  "/pkg/": resolve(www, "../pkg"),
  "/models/": resolve(www, "public/models"),
  "/adapters/": resolve(www, "public/adapters"),
});
const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const { runtime, count } = await page.evaluate(load, Number(flags.workers));
  for (const shape of flags.tokens.split(",")) {
    const found = await page.evaluate(measure, { shape, rounds: Number(flags.rounds) });
    console.log(JSON.stringify({ shape, workers: count, kernels: runtime.kernels, ...found }));
  }
} finally {
  await browser.close();
  server.close();
}

/** Runs in the page. */
async function load(workers) {
  const { Graftlet } = await import("/pkg/index.js");
  const backbone = "/models/minilm-l6/";
  const [one, several] = [
    await Graftlet.load({ backbone, workers: 1 }),
    await Graftlet.load({ backbone, workers }),
  ];
  for (const g of [one, several]) {
    await g.addAdapter("sst2", "/adapters/sst2/");
    await g.use("sst2");
  }
  Object.assign(globalThis, { one, several });
  return { runtime: one.runtime, count: await several.workers() };
}

/** Runs in the page. */
async function measure({ shape, rounds }) {
  const { one, several } = globalThis;
  const [tokens, texts] = shape.split("x").reverse().map(Number);
  // Each word is a token, and two more begin and end a text.
  const words =
    "the book was not very good and one of the old men said that they will read it".split(" ");
  const text = Array.from({ length: tokens - 2 }, (_, i) => words[(i * 5) % words.length]).join(
    " ",
  );
  const input = Array(texts ?? 1).fill(text);
  const [{ tokens: counted }] = await one.classify(input);
  if (counted !== tokens) throw new Error(`${counted} tokens and not ${tokens}`);
  const call = async (g) => {
    const from = performance.now();
    const answers = await g.classify(input);
    const ms = performance.now() - from;
    return { ms, pass: answers[0].ms * input.length, logits: String(answers.map((a) => a.logits)) };
  };
  for (let i = 0; i < 15; i += 1) for (const g of [one, several]) await call(g);
  const turns = [];
  for (let round = 0; round < rounds; round += 1) {
    const order = round % 2 === 0 ? [one, several] : [several, one];
    const found = new Map();
    for (const g of order) found.set(g, await call(g));
    turns.push([found.get(one), found.get(several)]);
  }
  const at = (values, part) => values.toSorted((a, b) => a - b)[Math.floor(values.length * part)];
  const rounded = (value) => Math.round(value * 100) / 100;
  const least = (values) => rounded(Math.min(...values));
  const spread = (values) => [0.25, 0.5, 0.75].map((part) => rounded(at(values, part)));
  const [lower, faster, upper] = spread(turns.map(([a, b]) => a.ms / b.ms));
  const [low, passes, high] = spread(turns.map(([a, b]) => a.pass / b.pass));
  return {
    one: rounded(
      at(
        turns.map(([a]) => a.ms),
        0.5,
      ),
    ),
    several: rounded(
      at(
        turns.map(([, b]) => b.ms),
        0.5,
      ),
    ),
    faster,
    quartiles: [lower, upper],
    passes,
    passQuartiles: [low, high],
    least: [least(turns.map(([a]) => a.ms)), least(turns.map(([, b]) => b.ms))],
    leastPasses: [least(turns.map(([a]) => a.pass)), least(turns.map(([, b]) => b.pass))],
    same: turns.every(([a, b]) => a.logits === b.logits),
  };
}

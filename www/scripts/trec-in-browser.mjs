/**
 * Trains on a table of rows in headless Chromium through the npm package as it lies in ../pkg, judges the adapter on a
 * test table, and prints one line of JSON.
 *
 *   node scripts/trec-in-browser.mjs --train train.csv --test test.csv
 *        [--rows 200] [--kind lora] [--seed 1] [--epochs N] [--backbone public/models/minilm-l6]
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "@playwright/test";
import Papa from "papaparse";
import { CHROMIUM, CHROMIUM_ARGS } from "./chromium.mjs";
import { serve } from "./serve.mjs";

const www = fileURLToPath(new URL("..", import.meta.url));
const { values: flags } = parseArgs({
  options: {
    train: { type: "string" },
    test: { type: "string" },
    rows: { type: "string", default: "200" },
    kind: { type: "string", default: "lora" },
    seed: { type: "string", default: "1" },
    epochs: { type: "string" },
    backbone: { type: "string", default: resolve(www, "public/models/minilm-l6") },
  },
});
if (!flags.train || !flags.test) {
  console.error(
    "trec-in-browser: --train FILE.csv and --test FILE.csv are needed (columns text,label).",
  );
  process.exit(1);
}

const read = (path) =>
  Papa.parse(readFileSync(path, "utf8").trim(), { header: true }).data.map(({ text, label }) => ({
    text,
    label,
  }));
const train = read(flags.train).slice(0, Number(flags.rows));
const test = read(flags.test);

const server = await serve({ "/pkg/": resolve(www, "../pkg"), "/backbone/": flags.backbone });
const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const options = {
    name: "measured",
    kind: flags.kind,
    seed: Number(flags.seed),
    ...(flags.epochs ? { epochs: Number(flags.epochs) } : {}),
  };
  const result = await page.evaluate(inPage, {
    options,
    train,
    texts: test.map(({ text }) => text),
  });
  const right = result.labels.filter((label, i) => label === test[i].label).length;
  console.log(
    JSON.stringify({
      metric: "accuracy",
      score: right / test.length,
      n: test.length,
      rows: train.length,
      options,
      train_seconds: result.trainSeconds,
      epochs: result.done.epochs,
      steps: result.done.steps,
      held_out_score: result.done.score,
      load_seconds: result.loadSeconds,
      test_seconds: result.testSeconds,
      longest_main_thread_task_ms: result.longestTask,
      build: result.build,
      browser: `Chromium ${browser.version()}`,
    }),
  );
} finally {
  await browser.close();
  server.close();
}

/** Runs in the page; the clock of a run includes the start of its worker and its loading of the backbone. */
async function inPage({ options, train, texts }) {
  let longestTask = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longestTask = Math.max(longestTask, duration);
  }).observe({ type: "longtask", buffered: true });
  const seconds = (since) => Math.round(performance.now() - since) / 1000;

  let began = performance.now();
  const { Graftlet } = await import("/pkg/index.js");
  const g = await Graftlet.load({ backbone: "/backbone/" });
  const loadSeconds = seconds(began);

  began = performance.now();
  let done;
  for await (const event of g.train(options, train, { persist: false })) {
    if (event.type === "done") done = event;
  }
  const trainSeconds = seconds(began);

  began = performance.now();
  await g.use(options.name);
  const labels = [];
  for (let i = 0; i < texts.length; i += 16) {
    for (const { label } of await g.classify(texts.slice(i, i + 16))) labels.push(label);
  }
  const testSeconds = seconds(began);
  await g.dispose();
  // Entries come a moment after the task they tell of.
  await new Promise((resolve) => setTimeout(resolve, 200));
  const { build } = g.runtime;
  return { build, loadSeconds, trainSeconds, testSeconds, labels, done, longestTask };
}

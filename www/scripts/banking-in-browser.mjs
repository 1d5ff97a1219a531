/**
 * Trains on 500 rows of 20 classes of banking77 with all defaults, in headless Chromium with one worker and with two, and
 * natively; judges each adapter on the test rows of these classes, and prints a line of JSON for each.
 *
 *   node scripts/banking-in-browser.mjs --data DIR        train.csv and test.csv with text,label
 *        [--classes 20] [--rows 500] [--kind lora] [--workers 1,2] [--backbone public/models/minilm-l6]
 *        [--native ../target/release/graftlet]
 *
 * `seconds` are from the call of `train` in a page that has loaded the engine to its `done`, when the adapter can be
 * used: the start of the workers and their loading of the backbone are in it. `cpuSeconds` is what was computed meanwhile,
 * by all workers together.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "@playwright/test";
import Papa from "papaparse";
import { CHROMIUM, CHROMIUM_ARGS } from "./chromium.mjs";
import { serve } from "./serve.mjs";

const www = fileURLToPath(new URL("..", import.meta.url));
const { values: flags } = parseArgs({
  options: {
    data: { type: "string" },
    classes: { type: "string", default: "20" },
    rows: { type: "string", default: "500" },
    kind: { type: "string", default: "lora" },
    workers: { type: "string", default: "1,2" },
    backbone: { type: "string", default: resolve(www, "public/models/minilm-l6") },
    native: { type: "string", default: resolve(www, "../target/release/graftlet") },
  },
});
if (!flags.data) {
  console.error("banking-in-browser: --data DIR with train.csv and test.csv is needed.");
  process.exit(1);
}

const { train, test } = rows();
const server = await serve({ "/pkg/": resolve(www, "../pkg"), "/backbone/": flags.backbone });
try {
  for (const workers of flags.workers.split(",").map(Number).filter(Boolean))
    await inBrowser(workers);
} finally {
  server.close();
}
natively();

/** As many rows of each of the first classes by name, in the file's order; and the test rows of these. */
function rows() {
  const read = (name) =>
    Papa.parse(readFileSync(join(flags.data, name), "utf8").trim(), { header: true }).data;
  const all = read("train.csv");
  const classes = [...new Set(all.map(({ label }) => label))].sort();
  const chosen = new Set(classes.slice(0, Number(flags.classes)));
  const most = Math.ceil(Number(flags.rows) / chosen.size);
  const seen = new Map();
  const train = all.filter(({ label }) => {
    if (!chosen.has(label)) return false;
    seen.set(label, (seen.get(label) ?? 0) + 1);
    return seen.get(label) <= most;
  });
  return {
    train: train.slice(0, Number(flags.rows)),
    test: read("test.csv").filter(({ label }) => chosen.has(label)),
  };
}

function tell(where, result) {
  const sizes = { rows: train.length, testRows: test.length, kind: flags.kind };
  console.log(JSON.stringify({ where, ...sizes, ...result }));
}

/** A browser of its own, as nothing of another run's may be in its memory. */
async function inBrowser(workers) {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    const options = { name: "banking", kind: flags.kind, workers };
    const texts = test.map(({ text }) => text);
    await page.evaluate(load);
    const before = await cpuSeconds(browser);
    const result = await page.evaluate(learn, { options, train });
    const cpu = (await cpuSeconds(browser)) - before;
    const labels = await page.evaluate(answer, { name: options.name, texts });
    const right = labels.filter((label, i) => label === test[i].label).length;
    tell(`Chromium ${browser.version()}, ${workers} worker(s)`, {
      accuracy: right / test.length,
      ...result,
      cpuSeconds: Math.round(cpu * 10) / 10,
    });
  } finally {
    await browser.close();
  }
}

/** What the pages' processes have computed: unlike the clock it hardly depends on what else the machine does. */
async function cpuSeconds(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  await session.detach();
  const renderers = processInfo.filter(({ type }) => type === "renderer");
  return renderers.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
}

// These three run in the page.

async function load() {
  const { Graftlet } = await import("/pkg/index.js");
  globalThis.g = await Graftlet.load({ backbone: "/backbone/" });
}

async function learn({ options, train }) {
  const { g } = globalThis;
  const seconds = (since) => Math.round(performance.now() - since) / 1000;
  const began = performance.now();
  let firstStep;
  let done;
  let evaluating = 0;
  let before = began;
  const notices = [];
  const scores = [];
  for await (const event of g.train(options, train)) {
    const now = performance.now();
    if (event.type === "step") firstStep ??= seconds(began);
    if (event.type === "evaluating" || event.type === "eval") evaluating += now - before;
    if (event.type === "eval") scores.push(Math.round(event.score * 1000) / 1000);
    if (event.type === "notice") notices.push(event.message);
    if (event.type === "done") done = event;
    before = now;
  }
  return {
    seconds: seconds(began),
    secondsToFirstStep: firstStep,
    secondsEvaluating: Math.round(evaluating) / 1000,
    epochs: done.epochs,
    steps: done.steps,
    devScore: done.score,
    devScores: scores,
    workers: done.workers,
    workerMegabytes: Math.round(done.memory / 2 ** 20),
    notices,
    build: g.runtime.build,
  };
}

async function answer({ name, texts }) {
  const { g } = globalThis;
  await g.use(name);
  return (await g.classify(texts)).map(({ label }) => label);
}

function natively() {
  if (!existsSync(flags.native)) {
    console.error(`banking-in-browser: there is no ${flags.native}: nothing to compare with.`);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), "graftlet-banking-"));
  try {
    const write = (name, rows) => {
      const path = join(folder, name);
      writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
      return path;
    };
    const [trainFile, testFile] = [write("train.jsonl", train), write("test.jsonl", test)];
    const adapter = join(folder, "adapter");
    const run = (...args) => {
      const { status, stdout, stderr } = spawnSync(flags.native, args, { encoding: "utf8" });
      if (status !== 0) throw new Error(`graftlet ${args.join(" ")}: ${stderr}`);
      return JSON.parse(stdout.trim().split("\n").at(-1));
    };
    const backbone = ["--backbone", flags.backbone];
    const began = performance.now();
    const learn = ["--data", trainFile, "--kind", flags.kind, "--out", adapter, "--json"];
    const report = run("train", ...backbone, ...learn);
    const seconds = Math.round(performance.now() - began) / 1000;
    const judged = run("eval", ...backbone, "--adapter", adapter, "--data", testFile, "--json");
    tell("native", {
      accuracy: judged.score,
      seconds,
      epochs: report.epochs,
      steps: report.steps,
      devScore: report.score,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

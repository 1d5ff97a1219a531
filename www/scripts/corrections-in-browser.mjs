/**
 * Corrects the shipped adapter for banking77 in headless Chromium: two labels get new names, by ten rows each. Prints a line of
 * JSON: how long it took, and how many test rows of the two labels, and of the others, are answered rightly before and after.
 *
 *   node scripts/corrections-in-browser.mjs --data DIR        train.csv and test.csv of banking77 with text,label
 *        [--seed 1] [--replay 1000] [--workers 2] [--adapter public/adapters/banking77] [--backbone public/models/minilm-l6]
 *
 * With `--replay 0` there are no old rows, and the adapter's own answers are kept by distillation.
 */
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "@playwright/test";
import Papa from "papaparse";
import { random } from "../../scripts/random.mjs";
import { CHROMIUM, CHROMIUM_ARGS } from "./chromium.mjs";
import { serve } from "./serve.mjs";

const www = fileURLToPath(new URL("..", import.meta.url));
const { values: flags } = parseArgs({
  options: {
    data: { type: "string" },
    seed: { type: "string", default: "1" },
    replay: { type: "string", default: "1000" },
    workers: { type: "string", default: "2" },
    adapter: { type: "string", default: resolve(www, "public/adapters/banking77") },
    backbone: { type: "string", default: resolve(www, "public/models/minilm-l6") },
  },
});
if (!flags.data) {
  console.error("corrections-in-browser: --data DIR with train.csv and test.csv is needed.");
  process.exit(1);
}
const ROWS_OF_A_LABEL = 10;

const next = random(Number(flags.seed));
const read = (name) =>
  Papa.parse(readFileSync(join(flags.data, name), "utf8").trim(), { header: true }).data;
const [train, test] = [read("train.csv"), read("test.csv")];
const labels = [...new Set(train.map(({ label }) => label))].sort();
const renamed = new Map(some(labels, 2).map((label) => [label, `new name of ${label}`]));
const rename = ({ text, label }) => ({ text, label: renamed.get(label) ?? label });
const corrections = [...renamed.keys()].flatMap((label) =>
  some(
    train.filter((row) => row.label === label),
    ROWS_OF_A_LABEL,
  ).map(rename),
);
const others = train.filter(({ label }) => !renamed.has(label));
const replay = some(others, Number(flags.replay)).map(({ text, label }) => ({ text, label }));

const server = await serve({
  "/pkg/": resolve(www, "../pkg"),
  "/backbone/": flags.backbone,
  "/adapter/": flags.adapter,
});
const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS });
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const texts = test.map(({ text }) => text);
  const workers = Number(flags.workers);
  const found = await page.evaluate(correct, { corrections, replay, texts, workers });
  const right = (answers, expected, of) => {
    const rows = test.map((row, i) => [row, answers[i]]).filter(([row]) => of(row));
    return rows.filter(([row, answer]) => answer === expected(row)).length / rows.length;
  };
  const isRenamed = ({ label }) => renamed.has(label);
  const isOther = (row) => !isRenamed(row);
  console.log(
    JSON.stringify({
      where: `Chromium ${browser.version()}, ${flags.workers} worker(s)`,
      labels: [...renamed.keys()],
      rows: corrections.length,
      replayed: replay.length,
      seconds: found.seconds,
      renamed: {
        before: right(found.before, ({ label }) => label, isRenamed),
        after: right(found.after, ({ label }) => renamed.get(label), isRenamed),
      },
      others: {
        before: right(found.before, ({ label }) => label, isOther),
        after: right(found.after, ({ label }) => label, isOther),
      },
    }),
  );
} finally {
  await browser.close();
  server.close();
}

function some(list, count) {
  const shuffled = list.map((value) => [next(), value]).sort(([a], [b]) => a - b);
  return shuffled.slice(0, count).map(([, value]) => value);
}

/** Runs in the page. */
async function correct({ corrections, replay, texts, workers }) {
  const { Graftlet } = await import("/pkg/index.js");
  const g = await Graftlet.load({ backbone: "/backbone/" });
  const answers = async (name) => {
    await g.use(name);
    return (await g.classify(texts)).map(({ label }) => label);
  };
  await g.addAdapter("banking", "/adapter/");
  const before = await answers("banking");
  const began = performance.now();
  const keep = replay.length > 0 ? { replay } : { distillation: 1 };
  for await (const _ of g.train(
    { name: "corrected", from: "banking", workers, ...keep },
    corrections,
  ));
  const seconds = Math.round(performance.now() - began) / 1000;
  return { seconds, before, after: await answers("corrected") };
}

// Trains and scores every run of scripts/results/plan.mjs natively, and writes docs/results.md:
//
//   node scripts/results.mjs --data DIR [--jobs N] [--only PATTERN]
//
// DIR holds TASK/{train,dev,test}.csv. A finished run is a line of docs/results.jsonl and is not made again, so the
// command can be interrupted and gone on with. --jobs runs several at once, one thread each; --only takes the runs
// whose name holds PATTERN, `--only nothing` none: then only the tables are written.

import { spawn } from "node:child_process";
import { appendFileSync, createWriteStream, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { random } from "./random.mjs";
import { nameOf, REVISION, runsLeft } from "./results/plan.mjs";
import { report } from "./results/report.mjs";

const root = join(import.meta.dirname, "..");
const Papa = createRequire(join(root, "www/package.json"))("papaparse");
const program = join(root, "target/release/graftlet");
const backbone = join(root, "www/public/models/minilm-l6");
const work = join(root, "target/results");
const resultsFile = join(root, "docs/results.jsonl");

const { values } = parseArgs({
  options: { data: { type: "string" }, jobs: { type: "string", default: "1" }, only: { type: "string", default: "" } },
});
if (!values.data) {
  console.error("usage: node scripts/results.mjs --data DIR [--jobs N] [--only PATTERN]");
  process.exit(2);
}

function readResults() {
  if (!existsSync(resultsFile)) return [];
  const lines = readFileSync(resultsFile, "utf8").split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line)).filter(({ revision }) => revision === REVISION);
}

/** Runs the program on one thread and gives what it prints; what it says on the way goes to the log. */
function graftlet(log, ...args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: { ...process.env, RAYON_NUM_THREADS: "1" } });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    child.stderr.pipe(log, { end: false });
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve(output) : reject(new Error(`graftlet ${args[0]} ended with ${code}`))));
  });
}

const read = (source) => Papa.parse(readFileSync(source, "utf8"), { header: true, skipEmptyLines: true }).data;
/** A text with several labels counts for the first of them. */
const classOf = ({ label }) => label.split("|")[0];

/** The first classes of a data set, in alphabetical order; all without a number. */
function classesOf(source, count) {
  const known = [...new Set(read(source).map(classOf))].sort();
  return new Set(known.slice(0, count));
}

/** Rows of some classes, as a file; with `perClass` so many of each, drawn at random. */
function draw(source, classes, file, perClass, seed) {
  const own = read(source).filter((row) => classes.has(classOf(row)));
  const write = (rows) => writeFileSync(file, Papa.unparse(rows));
  if (perClass === undefined) return write(own);
  const next = random(seed);
  const shuffled = own.map((row) => [next(), row]).sort(([a], [b]) => a - b);
  const taken = new Map();
  const rows = shuffled.filter(([, row]) => {
    const name = classOf(row);
    taken.set(name, (taken.get(name) ?? 0) + 1);
    return taken.get(name) <= perClass;
  });
  return write(rows.map(([, row]) => row));
}

async function train(run) {
  const folder = join(work, nameOf(run).replaceAll(/[^a-z0-9]+/gi, "-"));
  mkdirSync(folder, { recursive: true });
  const log = createWriteStream(join(folder, "log"));
  const part = (name) => join(values.data, run.task, `${name}.csv`);
  const [settings, adapter] = [join(folder, "settings.json"), join(folder, "adapter")];
  writeFileSync(settings, JSON.stringify(run.settings));
  // with few rows the program holds out some of them, as it does for a user
  let data = ["--data", part("train"), "--dev", part("dev")];
  let held = part("test");
  if (run.perClass !== undefined) {
    const drawn = join(folder, "train.csv");
    const classes = classesOf(part("train"), run.classes);
    draw(part("train"), classes, drawn, run.perClass, run.seed);
    data = ["--data", drawn];
    if (run.classes !== undefined) {
      held = join(folder, "test.csv");
      draw(part("test"), classes, held);
    }
  }
  const started = performance.now();
  const options = ["--kind", run.kind, "--config", settings, "--seed", String(run.seed), "--out", adapter];
  await graftlet(log, "train", "--backbone", backbone, ...data, ...options);
  const seconds = (performance.now() - started) / 1000;
  const judged = ["eval", "--backbone", backbone, "--adapter", adapter, "--data", held, "--json"];
  const test = JSON.parse(await graftlet(log, ...judged));
  const facts = JSON.parse(await graftlet(log, "inspect", adapter, "--json"));
  const card = JSON.parse(readFileSync(join(adapter, "graftlet.json"), "utf8"));
  const bytes = readdirSync(adapter).reduce((sum, file) => sum + statSync(join(adapter, file)).size, 0);
  log.end();
  return {
    revision: REVISION,
    ...run,
    metric: test.metric,
    score: test.score,
    test_rows: test.n,
    dev_score: card.dev_score,
    parameters: facts.parameters,
    bytes,
    seconds: Math.round(seconds),
  };
}

const done = readResults();
const open = runsLeft(done).filter((run) => nameOf(run).includes(values.only));
console.log(`${done.length} runs are done, ${open.length} are to be made`);
const failed = [];
const worker = async () => {
  for (let run = open.shift(); run !== undefined; run = open.shift()) {
    try {
      const result = await train(run);
      appendFileSync(resultsFile, `${JSON.stringify(result)}\n`);
      console.log(`${nameOf(run)}: ${result.metric} ${result.score.toFixed(4)} in ${result.seconds} s`);
    } catch (error) {
      failed.push(nameOf(run));
      console.error(`${nameOf(run)}: ${error.message}`);
    }
  }
};
await Promise.all(Array.from({ length: Number(values.jobs) }, worker));
writeFileSync(join(root, "docs/results.md"), report(readResults()));
if (failed.length > 0) {
  console.error(`Failed: ${failed.join("; ")}. Their logs are in ${work}.`);
  process.exitCode = 1;
}

// Trains, scores and ships the adapter of a task:
//
//   node scripts/ship-adapter.mjs TASK --data DIR [--trained DIR] [--model MODEL]
//
// scripts/tasks/TASK.json is the recipe, scripts/tasks.json the order of the dropdown; DIR holds
// TASK/{train,dev,test}.csv, or .conll. The folder with its card goes to www/public/adapters/TASK/ and its entry into
// the index that the page's dropdown reads.
// --trained takes a folder that the same recipe has made already. --model names another model of
// www/public/models: its recipes are in scripts/tasks/MODEL/, its adapters and their index in
// www/public/adapters/MODEL/. `data` in a recipe names the folder of rows, `rows` how many of them are used.

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import { bytesOf, listFiles } from "./side-file.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: "string" },
    trained: { type: "string" },
    model: { type: "string", default: "minilm-l6" },
  },
});
const [task] = positionals;
if (!task || !values.data) {
  console.error("usage: node scripts/ship-adapter.mjs TASK --data DIR [--trained DIR] [--model MODEL]");
  process.exit(2);
}

const root = join(import.meta.dirname, "..");
const program = join(root, "target/release/graftlet");
const isUsual = values.model === "minilm-l6";
const own = isUsual ? "" : values.model;
const backbone = join(root, "www/public/models", values.model);
const adapters = join(root, "www/public/adapters", own);
const order = isUsual ? JSON.parse(readFileSync(join(root, "scripts/tasks.json"), "utf8")) : [];
if (isUsual && !order.includes(task)) throw new Error(`scripts/tasks.json has no place for ${task}: add it.`);
const recipe = JSON.parse(readFileSync(join(root, "scripts/tasks", own, `${task}.json`), "utf8"));
const source = recipe.data ?? task;
const ending = existsSync(join(values.data, source, "train.conll")) ? "conll" : "csv";
const rows = (part) => join(values.data, source, `${part}.${ending}`);

const settings = join(tmpdir(), `graftlet-${task}.json`);
writeFileSync(settings, `${JSON.stringify(recipe.settings, null, 2)}\n`);
const trained = values.trained ?? join(root, "target/adapters", own, task);
if (!values.trained) {
  const options = ["--kind", recipe.kind, "--config", settings, "--seed", String(recipe.seed), "--out", trained];
  mkdirSync(join(root, "target/adapters", own), { recursive: true });
  const data = ["--data", firstRows(rows("train"), recipe.rows), "--dev", firstRows(rows("dev"), recipe.rows && 600)];
  data.push("--checkpoint", `${trained}.checkpoint`);
  execFileSync(program, ["train", "--backbone", backbone, ...data, ...options], {
    stdio: "inherit",
  });
}

/** A table's first rows, each of which is one line, in a file of their own; the table itself without a number. */
function firstRows(file, count) {
  if (!count) return file;
  const lines = readFileSync(file, "utf8")
    .split("\n")
    .slice(0, count + 1);
  const first = join(tmpdir(), `graftlet-${count}-${basename(file)}`);
  writeFileSync(first, lines.join("\n"));
  return first;
}

const run = (...args) => JSON.parse(execFileSync(program, args, { encoding: "utf8" }));
const test = run("eval", "--backbone", backbone, "--adapter", trained, "--data", rows("test"), "--json");
const facts = run("inspect", trained, "--json");
const model = JSON.parse(readFileSync(join(backbone, "manifest.json"), "utf8"));
const whole = run("inspect", backbone, "--json").parameters;

const folder = join(adapters, task);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
cpSync(trained, folder, { recursive: true });

// the side file learns the score on the test rows
const card = listFiles(folder, { test_score: test.score });

const share = facts.parameters / whole;
const command =
  `graftlet train --backbone www/public/models/${values.model} --data ${source}/train.${ending} --dev ${source}/dev.${ending} ` +
  `--kind ${recipe.kind} --config settings.json --seed ${recipe.seed} --out ${task}`;
const fixed = (figure) => figure.toFixed(3);
const perLabel = (test.per_label ?? []).map(
  (row) => `| ${row.label} | ${[row.precision, row.recall, row.f1].map(fixed).join(" | ")} | ${row.rows} |`,
);
const perLabelTable =
  perLabel.length === 0
    ? ""
    : `
| label | precision | recall | F1 | rows |
| --- | --- | --- | --- | --- |
${perLabel.join("\n")}
`;
// every other measure that the program knows for the problem
const SAID = ["metric", "score", "n", "loss", "skipped", "truncated", "per_label", "confusion", test.metric];
const others = Object.entries(test).filter(([name]) => !SAID.includes(name));
const alsoScored = others.map(([name, score]) => `${name.replaceAll("_", " ")} ${score.toFixed(4)}`).join(", ");
const bottleneck = facts["bottleneck size"];
const size = facts.rank ? `, rank ${facts.rank}, alpha ${facts.alpha}` : bottleneck ? ` of size ${bottleneck}` : "";

writeFileSync(
  join(folder, "README.md"),
  `# ${recipe.title}

${recipe.settings.task}

| | |
| --- | --- |
| labels | ${card.labels.join(", ")} |
| kind | ${facts.title}${size}, at ${facts.sites.join(", ")} |
| backbone | ${model.name.split("/").at(-1)} in ${model.dtype}, fingerprint ${facts["backbone fingerprint"]} |
| trainable parameters | ${facts.parameters.toLocaleString("en")}, ${(100 * share).toFixed(2)} % of the backbone's ${whole.toLocaleString("en")} |
| test score | ${test.metric} ${test.score.toFixed(4)} on ${test.n} rows${alsoScored === "" ? "" : ` (${alsoScored})`} |
| dev score | ${test.metric} ${card.dev_score.toFixed(4)} |
| data | ${recipe.source}${recipe.rows ? `, the first ${recipe.rows} rows` : ""} |
| licence of the data | ${recipe.licence} |
| seed | ${recipe.seed} |

\`\`\`sh
${command}
\`\`\`

with \`settings.json\`:

\`\`\`json
${JSON.stringify(recipe.settings, null, 2)}
\`\`\`
${perLabelTable}`,
);

const bytes = bytesOf(folder);
const indexFile = join(adapters, "index.json");
const index = existsSync(indexFile) ? JSON.parse(readFileSync(indexFile, "utf8")) : { adapters: [] };
const entry = {
  name: task,
  title: recipe.title,
  path: `${task}/`,
  group: recipe.group,
  task: recipe.settings.task,
  labels: card.labels,
  kind: recipe.kind,
  bytes,
  parameters: facts.parameters,
  share,
  metric: test.metric,
  score: test.score,
  ...(card.problem === undefined ? {} : { problem: card.problem.name }),
  ...(recipe.settings.reject === undefined ? {} : { reject: recipe.settings.reject }),
  ...(recipe.scale === undefined ? {} : { scale: recipe.scale }),
  example: recipe.example,
  ...(recipe.example2 === undefined ? {} : { example2: recipe.example2 }),
  source: recipe.source,
  licence: recipe.licence,
};
index.adapters = [...index.adapters.filter((other) => other.name !== task), entry];
const place = ({ name }) => order.indexOf(name);
index.adapters.sort((a, b) => place(a) - place(b));
writeFileSync(indexFile, `${JSON.stringify(index, null, 2)}\n`);
console.log(`${task}: ${test.metric} ${test.score.toFixed(4)} on ${test.n} rows, ${bytes} bytes`);

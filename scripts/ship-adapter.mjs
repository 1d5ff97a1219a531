// Trains, scores and ships the adapter of a task:
//
//   node scripts/ship-adapter.mjs TASK --data DIR [--trained DIR]
//
// scripts/tasks/TASK.json is the recipe, scripts/tasks.json the order of the dropdown; DIR holds
// TASK/{train,dev,test}.csv, or .conll. The folder with its card goes to www/public/adapters/TASK/ and its entry into
// the index that the page's dropdown reads.
// --trained takes a folder that the same recipe has made already.

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { bytesOf, listFiles } from "./side-file.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { data: { type: "string" }, trained: { type: "string" } },
});
const [task] = positionals;
if (!task || !values.data) {
  console.error("usage: node scripts/ship-adapter.mjs TASK --data DIR [--trained DIR]");
  process.exit(2);
}

const root = join(import.meta.dirname, "..");
const program = join(root, "target/release/graftlet");
const backbone = join(root, "www/public/models/minilm-l6");
const adapters = join(root, "www/public/adapters");
const order = JSON.parse(readFileSync(join(root, "scripts/tasks.json"), "utf8"));
if (!order.includes(task)) throw new Error(`scripts/tasks.json has no place for ${task}: add it.`);
const recipe = JSON.parse(readFileSync(join(root, `scripts/tasks/${task}.json`), "utf8"));
const ending = existsSync(join(values.data, task, "train.conll")) ? "conll" : "csv";
const rows = (part) => join(values.data, task, `${part}.${ending}`);

const settings = join(tmpdir(), `graftlet-${task}.json`);
writeFileSync(settings, `${JSON.stringify(recipe.settings, null, 2)}\n`);
const trained = values.trained ?? join(root, "target/adapters", task);
if (!values.trained) {
  const options = ["--kind", recipe.kind, "--config", settings, "--seed", String(recipe.seed), "--out", trained];
  const data = ["--data", rows("train"), "--dev", rows("dev")];
  execFileSync(program, ["train", "--backbone", backbone, ...data, ...options], { stdio: "inherit" });
}

const run = (...args) => JSON.parse(execFileSync(program, args, { encoding: "utf8" }));
const test = run("eval", "--backbone", backbone, "--adapter", trained, "--data", rows("test"), "--json");
const facts = run("inspect", trained, "--json");
const whole = run("inspect", backbone, "--json").parameters;

const folder = join(adapters, task);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
cpSync(trained, folder, { recursive: true });

// the side file learns the score on the test rows
const card = listFiles(folder, { test_score: test.score });

const share = facts.parameters / whole;
const command =
  `graftlet train --backbone www/public/models/minilm-l6 --data ${task}/train.${ending} --dev ${task}/dev.${ending} ` +
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
| backbone | all-MiniLM-L6-v2 in int8, fingerprint ${facts["backbone fingerprint"]} |
| trainable parameters | ${facts.parameters.toLocaleString("en")}, ${(100 * share).toFixed(2)} % of the backbone's ${whole.toLocaleString("en")} |
| test score | ${test.metric} ${test.score.toFixed(4)} on ${test.n} rows${alsoScored === "" ? "" : ` (${alsoScored})`} |
| dev score | ${test.metric} ${card.dev_score.toFixed(4)} |
| data | ${recipe.source} |
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

// From the results of all runs to docs/results.md.

import { FEW, FEW_TASKS, FULL_PARAMETERS, KINDS, plan, runsLeft, SEEDED, TASKS, WAYS } from "./plan.mjs";

const number = (value) => value.toLocaleString("en");
const figure = (value) => (value === undefined ? "–" : value.toFixed(3).replace(/^(-?)0\./, "$1."));
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
/** Largest less smallest, halved, behind the mean; of one value there is no spread. */
const spread = (values) => {
  if (values.length < 2) return figure(values[0]);
  return `${figure(mean(values))} ± ${figure((Math.max(...values) - Math.min(...values)) / 2)}`;
};
const range = (values, text) => {
  const [low, high] = [text(Math.min(...values)), text(Math.max(...values))];
  return low === high ? low : `${low} to ${high}`;
};
const table = (head, rows) =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

/** A kind's runs in the main table. */
const inMainTable = (results, kind) =>
  results.filter((run) => run.table === "main" && run.kind === kind && run.seed === 1);

function mainTable(results) {
  const tasks = Object.keys(TASKS);
  const rows = Object.entries(KINDS).flatMap(([kind, { title }]) => {
    const own = inMainTable(results, kind);
    if (own.length === 0) return [];
    const scores = tasks.map((task) => own.find((run) => run.task === task)?.score);
    const all = scores.every((score) => score !== undefined);
    const parameters = own.map((run) => run.parameters);
    return [
      [
        title,
        ...scores.map(figure),
        all ? figure(mean(scores)) : "–",
        range(parameters, number),
        range(parameters, (value) => `${((100 * value) / FULL_PARAMETERS).toFixed(2)} %`),
        range(own.map((run) => run.bytes), (bytes) => `${number(Math.round(bytes / 1000))} KB`),
        range(own.map((run) => run.seconds), (seconds) => `${number(seconds)} s`),
      ],
    ];
  });
  for (const [title, key] of [
    ["full fine-tuning (PyTorch), one setting for all tasks", "full"],
    ["the same, the setting chosen on dev for each task", "chosen"],
  ]) {
    const full = tasks.map((task) => TASKS[task][key]);
    const size = `${number(Math.round((4 * FULL_PARAMETERS) / 1000))} KB`;
    rows.push([title, ...full.map(figure), figure(mean(full)), number(FULL_PARAMETERS), "100 %", size, "not measured here"]);
  }
  const heads = tasks.map((task) => `${task} (${TASKS[task].metric})`);
  return table(["kind", ...heads, "mean", "trainable", "share", "on disk", "training"], rows);
}

/** The kinds that were trained on every task, the best first: `{ title, mean, share }`, the share that of the largest. */
function ranking(results) {
  const tasks = Object.keys(TASKS);
  const kinds = Object.entries(KINDS).map(([kind, { title }]) => {
    const own = inMainTable(results, kind);
    const share = Math.max(...own.map((run) => run.parameters)) / FULL_PARAMETERS;
    return { title, all: own.length === tasks.length, mean: mean(own.map((run) => run.score)), share };
  });
  return kinds.filter(({ all }) => all).sort((a, b) => b.mean - a.mean);
}

/** What the main table comes to, in words. */
function reading(results) {
  const kinds = ranking(results);
  const [best] = kinds;
  const small = kinds.find(({ share }) => share < 0.01);
  if (!best || !small) return "";
  const full = mean(Object.values(TASKS).map((task) => task.full));
  const beside = (value, other) => `${figure(Math.abs(value - other))} ${value < other ? "below" : "above"}`;
  const percent = (share) => `${(100 * share).toFixed(2)} %`;
  const smallest =
    small === best ? "" : ` ${small.title}, with at most ${percent(small.share)}, is ${beside(small.mean, best.mean)} that.`;
  return (
    `\n${best.title} is best on average: ${figure(best.mean)}, ${beside(best.mean, full)} full fine-tuning, with at most\n` +
    `${percent(best.share)} of the parameters.${smallest}\n`
  );
}

function seedTable(results) {
  const tasks = Object.keys(TASKS);
  const rows = SEEDED.kinds.map((kind) => {
    const own = (task) => results.filter((run) => run.table === "main" && run.kind === kind && run.task === task);
    const cells = tasks.map((task) => {
      const found = own(task);
      const missing = found.length < SEEDED.seeds.length ? ` (${found.length} of ${SEEDED.seeds.length})` : "";
      return spread(found.map(({ score }) => score)) + missing;
    });
    const means = tasks.map((task) => mean(own(task).map(({ score }) => score)));
    const all = tasks.every((task) => own(task).length === SEEDED.seeds.length);
    return [KINDS[kind].title, ...cells, all ? figure(mean(means)) : "–"];
  });
  return table(["kind", ...tasks.map((task) => `${task} (${TASKS[task].metric})`), "mean"], rows);
}

function fewTable(results, task) {
  const rows = Object.entries(WAYS).map(([way, { title }]) => [
    title,
    ...FEW.perClass.map((perClass) =>
      spread(
        results
          .filter((run) => run.table === "few" && run.task === task && run.way === way && run.perClass === perClass)
          .map((run) => run.score),
      ),
    ),
  ]);
  const filled = rows.filter((cells) => cells.slice(1).some((cell) => cell !== "–"));
  return table(["way", ...FEW.perClass.map((count) => `${count} rows a class`)], filled);
}

function fewTables(results) {
  const about = { goemotions_ekman: " (macro F1; a text counts for its first label)" };
  return Object.entries(FEW_TASKS).map(([task, { classes }]) => {
    const of = classes === undefined ? "" : `, the first ${classes} of its classes`;
    return `### ${task}${of}${about[task] ?? ""}\n\n${fewTable(results, task)}\n`;
  });
}

/** What is still to be done, while anything is. */
function open(results) {
  const [all, left] = [plan().length, runsLeft(results).length];
  if (left === 0) return "";
  return `\n**${all - left} of ${all} runs are made so far**. A dash marks a missing run.\n`;
}

export function report(results) {
  return `# Adapters compared with full fine-tuning

\`node scripts/results.mjs --data DIR\` writes this page from [results.jsonl](results.jsonl), which has one line per
run with all of its settings. The native program trained and scored on the int8 backbone (all-MiniLM-L6-v2,
${number(FULL_PARAMETERS)} parameters), with one thread per run. The best epoch is chosen on the dev rows. The scores are on the
test rows, which were used for nothing else. Settings that [results.jsonl](results.jsonl) does not name are the program's defaults for the
kind. The seconds are from the program's start to the written adapter. At times the machine did other work.
${open(results)}
## Every kind

All runs have seed 1. Trainable parameters and bytes on disk (32-bit floats) include the head; the range is from the smallest to
the largest head.

${mainTable(results)}

Full fine-tuning uses the same checkpoint and the same rows: PyTorch, AdamW, learning rate 1e-4, which is the best of 3e-5 to 4e-4, mean
pooling, batches of 32, the best of 5 to 10 epochs on dev, the mean of three seeds.
${reading(results)}
## Seeds ${SEEDED.seeds.join(", ")}

Each figure is the mean, ± half the difference between the best and the worst.

${seedTable(results)}

## From few rows

Each figure is a score on the test rows: the mean of ${FEW.draws.length} draws, ± half the difference between the best and the worst. The
program holds out 15 % of the rows it is given. With fewer than 20 rows a class, the adapter learns from these too in the end.

${fewTables(results).join("\n")}`;
}

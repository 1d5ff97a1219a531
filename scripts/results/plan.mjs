// What the results table is made of: every training run, as `{ table, task, kind, seed, perClass, settings }`.

const EVERY_LINEAR = ["query", "key", "value", "attention_output", "ffn_up", "ffn_down"];

/** Columns. `full` is the reference: the same checkpoint fine-tuned in full on the same rows. */
export const TASKS = {
  sst2: { metric: "accuracy", full: 0.886, settings: { epochs: 4 } },
  cola: { metric: "matthews", full: 0.245, settings: { epochs: 6 } },
  mrpc: { metric: "accuracy", full: 0.772, settings: { epochs: 6 } },
  stsb: { metric: "spearman", full: 0.83, settings: { epochs: 4, problem: "regression" } },
  trec: { metric: "accuracy", full: 0.966, settings: { epochs: 8 } },
  banking77: { metric: "accuracy", full: 0.931, settings: { epochs: 8 } },
};
export const FULL_PARAMETERS = 22_713_216;

/** Rows. Their learning rates are the program's own defaults. */
export const KINDS = {
  head: { title: "linear head alone", settings: {} },
  ia3: { title: "IA3", settings: {} },
  lora: { title: "LoRA, r = 8", settings: { rank: 8, alpha: 16, targets: EVERY_LINEAR } },
  houlsby: { title: "Houlsby", settings: {} },
  pfeiffer: { title: "Pfeiffer", settings: {} },
  bitfit: { title: "BitFit", settings: {} },
  prefix: { title: "prefix tuning", settings: {} },
  prompt: { title: "prompt tuning", settings: {} },
  parallel: { title: "parallel", settings: {} },
};

const EVERYWHERE = ["head", "ia3", "lora", "houlsby", "pfeiffer"];
const TWO_TASKS = ["bitfit", "prefix", "prompt", "parallel"];
/** Kinds and tasks that are trained with more seeds than one. */
export const SEEDED = { kinds: ["lora", "houlsby"], tasks: ["cola", "mrpc"], seeds: [1, 2, 3] };
/** Accuracy from few rows: draws of so many rows a class. */
export const FEW = { task: "trec", kinds: ["head", "lora", "pfeiffer"], perClass: [8, 32, 128], draws: [1, 2, 3, 4, 5] };

function run(table, task, kind, seed, perClass = null) {
  const { metric, settings } = TASKS[task];
  // with few rows a user leaves the numbers of the run to the program
  const numbers = perClass === null ? { batch_size: 32, ...settings } : {};
  return { table, task, kind, seed, perClass, settings: { metric, ...numbers, ...KINDS[kind].settings } };
}

/** Every run, the ones that say most first. */
export function plan() {
  const runs = [];
  for (const kind of EVERYWHERE) for (const task of Object.keys(TASKS)) runs.push(run("main", task, kind, 1));
  for (const kind of TWO_TASKS) for (const task of ["cola", "trec"]) runs.push(run("main", task, kind, 1));
  // seed 1 stands in the main table
  for (const kind of SEEDED.kinds) {
    for (const task of SEEDED.tasks) for (const seed of SEEDED.seeds.slice(1)) runs.push(run("main", task, kind, seed));
  }
  for (const perClass of FEW.perClass) {
    for (const kind of FEW.kinds) for (const draw of FEW.draws) runs.push(run("few", FEW.task, kind, draw, perClass));
  }
  return runs;
}

/** A run's name, by which its result is found again. */
export const nameOf = ({ table, task, kind, seed, perClass }) =>
  [table, task, kind, perClass === null ? null : `${perClass} a class`, `seed ${seed}`].filter(Boolean).join(", ");

/** The runs that are not among the results. */
export function runsLeft(results) {
  const done = new Set(results.map(nameOf));
  return plan().filter((run) => !done.has(nameOf(run)));
}

// What the results are made of: every training run, as `{ table, task, kind, way, seed, perClass, classes, settings }`.

/** Counts up when what the runs train with changes; results of another number are made again. */
export const REVISION = 2;

/** Columns. `full`: the same checkpoint fine-tuned in full on the same rows; `chosen`: with the settings that are best on dev. */
export const TASKS = {
  sst2: { metric: "accuracy", full: 0.89, chosen: 0.887, settings: { epochs: 5 } },
  cola: { metric: "matthews", full: 0.321, chosen: 0.258, settings: { epochs: 10 } },
  mrpc: { metric: "accuracy", full: 0.787, chosen: 0.787, settings: { epochs: 7 } },
  stsb: { metric: "spearman", full: 0.822, chosen: 0.826, settings: { epochs: 6, problem: "regression" } },
  trec: { metric: "accuracy", full: 0.965, chosen: 0.965, settings: { epochs: 8 } },
  banking77: { metric: "accuracy", full: 0.93, chosen: 0.93, settings: { epochs: 10 } },
};
export const FULL_PARAMETERS = 22_713_216;

/** Rows. Everything that is not named is the program's own default. */
export const KINDS = {
  head: { title: "linear head alone" },
  ia3: { title: "IA3" },
  lora: { title: "LoRA, r = 8" },
  houlsby: { title: "Houlsby" },
  pfeiffer: { title: "Pfeiffer" },
  parallel: { title: "parallel" },
  bitfit: { title: "BitFit" },
  prefix: { title: "prefix tuning" },
  prompt: { title: "prompt tuning" },
};

/** Kinds that are trained with more seeds than one. */
export const SEEDED = { kinds: ["lora", "houlsby", "pfeiffer"], seeds: [1, 2, 3] };

/** How an adapter is made of few rows. */
export const WAYS = {
  head: { title: "head alone", kind: "head", settings: {} },
  // The default in so far as all rows are learnt from in the end, however many they are.
  contrastive: { title: "LoRA, contrastive steps, refit", kind: "lora", settings: { refit: true } },
  epochs: { title: "LoRA, epochs", kind: "lora", settings: { contrastive_steps: 0 } },
  default: { title: "LoRA, all defaults", kind: "lora", settings: {} },
};
/** Data sets of few rows, by how many of their classes are taken. */
export const FEW_TASKS = {
  trec: {},
  banking77: { classes: 20 },
  sst2: {},
  goemotions_ekman: { problem: "multi_label" },
  clinc150: { classes: 30 },
};
export const FEW = { perClass: [4, 8, 16, 32, 64, 128], draws: [1, 2, 3, 4, 5] };

function mainRun(task, kind, seed) {
  const { metric, settings } = TASKS[task];
  // A head alone is fitted in one go.
  const { epochs, ...own } = settings;
  const numbers = kind === "head" ? own : { batch_size: 32, epochs, ...own };
  return { table: "main", task, kind, seed, settings: { metric, ...numbers } };
}

function fewRun(task, way, perClass, seed) {
  const { classes, problem } = FEW_TASKS[task];
  const { kind, settings } = WAYS[way];
  return { table: "few", task, kind, way, seed, perClass, classes, settings: { ...(problem ? { problem } : {}), ...settings } };
}

/** Every run, the ones that say most first. */
export function plan() {
  const runs = [];
  const tasks = Object.keys(TASKS);
  for (const seed of SEEDED.seeds) for (const task of tasks) runs.push(mainRun(task, "lora", seed));
  for (const perClass of [8, 32, 128]) {
    for (const way of ["default", "contrastive", "epochs", "head"]) for (const seed of FEW.draws) runs.push(fewRun("trec", way, perClass, seed));
  }
  for (const kind of Object.keys(KINDS)) if (kind !== "lora") for (const task of tasks) runs.push(mainRun(task, kind, 1));
  for (const kind of SEEDED.kinds.slice(1)) {
    for (const seed of SEEDED.seeds.slice(1)) for (const task of tasks) runs.push(mainRun(task, kind, seed));
  }
  // The draws last, so that every cell has something before one has all.
  for (const seed of FEW.draws) {
    for (const perClass of FEW.perClass) {
      for (const task of Object.keys(FEW_TASKS)) {
        for (const way of ["head", "contrastive", "epochs"]) runs.push(fewRun(task, way, perClass, seed));
      }
    }
  }
  const names = new Set();
  return runs.filter((run) => !names.has(nameOf(run)) && names.add(nameOf(run)));
}

/** A run's name, by which its result is found again. */
export const nameOf = ({ table, task, kind, way, seed, perClass }) =>
  [table, task, way ?? kind, perClass === undefined ? null : `${perClass} a class`, `seed ${seed}`].filter(Boolean).join(", ");

/** The runs that are not among the results. */
export function runsLeft(results) {
  const done = new Set(results.map(nameOf));
  return plan().filter((run) => !done.has(nameOf(run)));
}

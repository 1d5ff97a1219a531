/**
 * What will be trained: a name, a kind, and for those who want them the numbers of the run.
 */
import { computed, effect, signal } from "@preact/signals";
import { checkName, type KindInfo, PROBLEMS, type Problem, type TrainOptions } from "graftlet";
import { DEFAULT_PROBLEM } from "./default-problem.js";
import { engine, sentenceOf } from "./engine.js";
import { BACKGROUND, blocked, examples } from "./media/examples.js";
import { choice, inspection } from "./rows.js";
import { sort } from "./sort.js";
import { adapter, freeName, isFree } from "./tasks.js";

/** Numbers as they are typed: an empty field leaves the choice to the engine. */
export interface Settings {
  epochs: string;
  patience: string;
  learningRate: string;
  batchSize: string;
  seed: string;
  heldOut: string;
  labelSmoothing: string;
  headDropout: string;
  weightDecay: string;
  /** Whether rare classes count as much as common ones. */
  balanced: boolean;
}

export const name = signal("");
/** Instead of a kind: the rows decide. */
export const AUTO = "auto";
/** Rows up to which kinds are compared. With more, a run on every fold would take longer than the training itself. */
export const MOST_COMPARED = 300;
/** What is trained where nothing speaks for another. */
export const USUAL = "lora";
/** Rows that a comparison needs. */
const FEWEST_COMPARED = 5;

/** A `KindInfo.name`, or `AUTO`. */
export const kind = signal(AUTO);
/** Chosen size by kind. */
export const sizes = signal<Record<string, number>>({});
export const settings = signal<Settings>({
  epochs: "",
  patience: "",
  learningRate: "",
  batchSize: "",
  seed: "",
  heldOut: "",
  labelSmoothing: "",
  headDropout: "",
  weightDecay: "",
  balanced: false,
});

/** Kinds that serve nearly everyone; the others are there for those who know what they want. */
const COMMON = ["lora", "pfeiffer", "head"];
/** The kinds as the form offers them. */
export const kinds = computed<{ common: KindInfo[]; special: KindInfo[] }>(() => {
  const state = engine.value;
  const all = state.status === "ready" ? state.kinds : [];
  const common = COMMON.flatMap((wanted) => all.find((info) => info.name === wanted) ?? []);
  return { common, special: all.filter((info) => !common.includes(info)) };
});

/** Of sounds and pictures a head alone comes first: it is there in a second, and a comparison of kinds takes minutes. */
export function followSort(): void {
  effect(() => {
    if (sort.value !== "texts") kind.value = "head";
  });
}

/** What is learned; null while no rows say it. */
export const problem = computed<Problem | null>(() =>
  sort.value === "texts" ? (choice.value?.problem ?? null) : DEFAULT_PROBLEM,
);

/** Whether sounds are learned in the background, too, where there are recordings of it: it is where they are listened for. */
export const inBackground = signal(true);

/** Whether there are such recordings, and sounds to be mixed with them by a run that begins anew. */
export const canMix = computed(
  () =>
    sort.value === "sounds" &&
    base.value === null &&
    examples.value.some(({ label }) => label === BACKGROUND),
);

/** Whether a run goes on from the chosen task, where that can be done. */
export const continues = signal(true);

/** The labels of the chosen task that have no examples here, where it knows others that have: another visit taught it. */
export const strangers = computed<{ task: string; labels: readonly string[] } | null>(() => {
  const known = adapter.value;
  if (!known || sort.value === "texts") return null;
  const taught = new Set(examples.value.map(({ label }) => label));
  const labels = known.labels.filter((label) => !taught.has(label));
  const isOther = labels.length === 0 || labels.length === known.labels.length;
  return isOther ? null : { task: known.name, labels };
});

/** The task that a run started now goes on from, or null. */
export const base = computed(() => (continues.value ? (strangers.value?.task ?? null) : null));

/** Why a run of examples cannot start yet, or null. */
export const missing = computed(() => (base.value === null ? blocked.value : null));

/** Whether something is missing that a run needs. */
export const isBlocked = computed(() =>
  sort.value === "texts" ? inspection.value?.blocked !== null : missing.value !== null,
);

/** Gives the task a name where it has none: examples come one by one, without a file's name. */
export function proposeName(): void {
  if (name.peek().trim() === "") name.value = freeName("my task");
}

/** A kind's title. */
export function titleOf(name: string): string {
  const { common, special } = kinds.value;
  return [...common, ...special].find((info) => info.name === name)?.title ?? name;
}

/** The kind for that many rows where they decide, or null where it takes a comparison. */
export function kindFor(rows: number): string | null {
  if (rows < FEWEST_COMPARED) return "head";
  return rows > MOST_COMPARED ? USUAL : null;
}

/** Why the name cannot be taken, or null. */
export const nameTrouble = computed(() => {
  const wanted = name.value.trim();
  if (wanted === "") return "Give the task a name.";
  try {
    checkName(wanted);
  } catch (error) {
    return sentenceOf(error);
  }
  if (!isFree(wanted)) return `There is a task called “${wanted}” already: choose another name.`;
  return null;
});

/** The options of a run that is started now. */
export function options(): TrainOptions {
  const { common, special } = kinds.value;
  const wanted = base.value === null ? kind.value : "";
  const info = [...common, ...special].find((entry) => entry.name === wanted);
  const chosen: TrainOptions = { name: name.value.trim(), kind: wanted, workers: "auto" };
  if (info?.size) chosen[info.size.name] = sizes.value[info.name] ?? info.size.default;
  if (canMix.value && inBackground.value) chosen.background = BACKGROUND;
  // Kind and size are those of that task.
  if (base.value !== null) chosen.from = base.value;
  const learned = problem.value;
  if (learned) chosen.problem = learned;
  const reject = sort.value === "texts" ? choice.value?.reject : null;
  if (reject != null) chosen.reject = reject;
  const { heldOut, balanced, ...numbers } = settings.value;
  for (const [field, typed] of Object.entries(numbers) as [keyof typeof numbers, string][]) {
    if (typed !== "") chosen[field] = Number(typed);
  }
  if (heldOut !== "") chosen.devShare = Number(heldOut) / 100;
  if (balanced && learned && PROBLEMS[learned].classes) chosen.classWeights = "balanced";
  return chosen;
}

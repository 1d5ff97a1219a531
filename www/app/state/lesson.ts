/**
 * Teaching a task: rows are read and looked at, a kind is chosen, and a run goes until it is done, cancelled or failed.
 */
import { batch, computed, effect, signal } from "@preact/signals";
import { GraftletError, type TrainEvent, type TrainOptions } from "graftlet";
import { Eta } from "../format/eta.js";
import type { Columns } from "../rows/columns.js";
import { openDesk, type Source } from "../rows/desk.js";
import type { Inspection } from "../rows/inspect.js";
import { engine, readyEngine, sentenceOf } from "./engine.js";
import { adopt, freeName, isFree } from "./tasks.js";

/** Rows that have been read. */
export interface Opened {
  title: string;
  source: Source;
  /** What was read, to read it again when the header's role is changed. */
  from: Blob | string;
}

/** The settings that have no default here: an empty field leaves the choice to the engine. */
export interface Settings {
  epochs: string;
  learningRate: string;
  batchSize: string;
  seed: string;
  heldOut: string;
}

export const opened = signal<Opened | null>(null);
export const columns = signal<Columns | null>(null);
export const inspection = signal<Inspection | null>(null);
/** Why the rows could not be read. */
export const unreadable = signal<string | null>(null);

export const name = signal("");
/** A `KindInfo.name`; empty until the kinds are known. */
export const kind = signal("");
/** Chosen size by kind. */
export const sizes = signal<Record<string, number>>({});
export const settings = signal<Settings>({
  epochs: "",
  learningRate: "",
  batchSize: "",
  seed: "",
  heldOut: "",
});

/** Curves of a run: steps with loss, and evaluations with score. */
export interface Curves {
  steps: number[];
  losses: number[];
  evaluated: number[];
  scores: number[];
}

export interface Progress {
  step: number;
  steps: number;
  epoch: number;
  epochs: number;
  loss: number | null;
  metric: string | null;
  score: number | null;
  /** Seconds left, or null while unknown. */
  left: number | null;
  evaluating: boolean;
}

export type Run =
  | { status: "idle" }
  | { status: "starting"; name: string }
  | { status: "running"; name: string; progress: Progress }
  | { status: "done"; name: string; event: Extract<TrainEvent, { type: "done" }>; seconds: number }
  | { status: "cancelled"; name: string }
  | { status: "failed"; name: string; sentence: string };

export const run = signal<Run>({ status: "idle" });
/** Grows in place, as copying it at every step would cost more than drawing it; `curvesVersion` tells of changes. */
export const curves: Curves = { steps: [], losses: [], evaluated: [], scores: [] };
export const curvesVersion = signal(0);

export const busy = computed(
  () => run.value.status === "starting" || run.value.status === "running",
);

/** Why the name cannot be taken, or null. */
export const nameTrouble = computed(() => {
  const wanted = name.value.trim();
  if (wanted === "") return "Give the task a name.";
  if (!isFree(wanted) && !busy.value)
    return `There is a task called “${wanted}” already: choose another name.`;
  return null;
});

let started: ReturnType<typeof openDesk> | undefined;

/** The worker that reads rows, started by the first who needs it. */
function desk() {
  started ??= openDesk();
  return started;
}

/** Follows the chosen columns with an inspection, and the known kinds with a first choice. */
export function followRows(): void {
  effect(() => {
    const chosen = columns.value;
    if (!chosen) {
      inspection.value = null;
      return;
    }
    desk()
      .inspect(chosen)
      .then(
        (found) => {
          if (columns.value === chosen) inspection.value = found;
        },
        (error: unknown) => {
          unreadable.value = sentenceOf(error);
        },
      );
  });
  effect(() => {
    const state = engine.value;
    if (state.status === "ready" && kind.peek() === "") kind.value = state.kinds[0]?.name ?? "";
  });
}

/** Reads a file or pasted text. */
export async function open(from: Blob | string, title: string, header?: boolean): Promise<void> {
  unreadable.value = null;
  try {
    const source = await desk().open(from, header);
    batch(() => {
      if (opened.value?.from !== from) name.value = freeName(nameOf(title));
      opened.value = { title, source, from };
      columns.value = source.guess;
      if (!busy.value) run.value = { status: "idle" };
    });
  } catch (error) {
    batch(() => {
      opened.value = null;
      columns.value = null;
      unreadable.value = sentenceOf(error);
    });
  }
}

/** Puts the rows away. */
export function close(): void {
  batch(() => {
    opened.value = null;
    columns.value = null;
    unreadable.value = null;
    run.value = { status: "idle" };
  });
}

function nameOf(title: string): string {
  return title.replace(/\.[a-z0-9]+$/i, "").trim() || "my task";
}

let controller: AbortController | undefined;

export function cancel(): void {
  controller?.abort();
}

/** Trains on the rows as chosen. */
export async function start(): Promise<void> {
  const chosen = columns.value;
  if (!chosen || busy.value) return;
  const task = name.value.trim();
  controller = new AbortController();
  const began = performance.now();
  for (const curve of Object.values(curves) as number[][]) curve.length = 0;
  curvesVersion.value += 1;
  run.value = { status: "starting", name: task };
  try {
    const rows = await desk().rows(chosen);
    const events = readyEngine().train(options(task), rows, { signal: controller.signal });
    const follow = follower(task);
    for await (const event of events) {
      if (event.type === "notice") continue;
      if (event.type !== "done") {
        follow(event);
        continue;
      }
      const [first] = rows;
      await adopt(task, {
        origin: "trained",
        example: first?.text ?? "",
        ...(first?.text2 === undefined ? {} : { example2: first.text2, pair: true }),
        metric: event.metric,
        score: event.score,
        trainRows: event.trainRows,
        heldOutRows: event.devRows,
      });
      run.value = {
        status: "done",
        name: task,
        event,
        seconds: (performance.now() - began) / 1000,
      };
      // The form is there for another run, whose name cannot be this one's.
      name.value = freeName(task);
    }
  } catch (error) {
    const aborted = error instanceof GraftletError && error.code === "aborted";
    run.value = aborted
      ? { status: "cancelled", name: task }
      : { status: "failed", name: task, sentence: sentenceOf(error) };
  }
}

/** Turns events into progress and curves. */
function follower(task: string): (event: Exclude<TrainEvent, { type: "done" | "notice" }>) => void {
  const eta = new Eta();
  let loss: number | null = null;
  let metric: string | null = null;
  let score: number | null = null;
  let epoch = 1;
  let epochs = 1;
  return (event) => {
    const left = eta.mark(event.step, event.steps, performance.now());
    if (event.type === "step") {
      loss = event.loss;
      curves.steps.push(event.step);
      curves.losses.push(event.loss);
    } else if (event.type === "eval") {
      metric = event.metric;
      score = event.score;
      curves.evaluated.push(event.step);
      curves.scores.push(event.score);
    }
    if (event.type !== "evaluating") ({ epoch, epochs } = event);
    batch(() => {
      curvesVersion.value += 1;
      run.value = {
        status: "running",
        name: task,
        progress: {
          step: event.step,
          steps: event.steps,
          epoch,
          epochs,
          loss,
          metric,
          score,
          left,
          evaluating: event.type === "evaluating",
        },
      };
    });
  };
}

function options(task: string): TrainOptions {
  const chosen: TrainOptions = { name: task, kind: kind.value };
  const state = engine.value;
  const info =
    state.status === "ready" ? state.kinds.find((entry) => entry.name === kind.value) : undefined;
  if (info?.size) chosen[info.size.name] = sizes.value[info.name] ?? info.size.default;
  const { epochs, learningRate, batchSize, seed, heldOut } = settings.value;
  if (epochs !== "") chosen.epochs = Number(epochs);
  if (learningRate !== "") chosen.learningRate = Number(learningRate);
  if (batchSize !== "") chosen.batchSize = Number(batchSize);
  if (seed !== "") chosen.seed = Number(seed);
  if (heldOut !== "") chosen.devShare = Number(heldOut) / 100;
  return chosen;
}

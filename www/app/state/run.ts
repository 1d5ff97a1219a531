/**
 * A training run, from its start until it is done, cancelled or failed.
 */
import { batch, computed, signal } from "@preact/signals";
import { GraftletError, type TrainEvent } from "graftlet";
import { Eta } from "../format/eta.js";
import { type Report, reportOf } from "../report/report.js";
import { readyEngine, sentenceOf } from "./engine.js";
import { name, options } from "./plan.js";
import { choice, desk, opened } from "./rows.js";
import { adopt, freeName } from "./tasks.js";

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

type Done = Extract<TrainEvent, { type: "done" }>;

export type Run =
  | { status: "idle" }
  | { status: "starting"; name: string }
  | { status: "running"; name: string; progress: Progress }
  | {
      status: "done";
      name: string;
      event: Done;
      seconds: number;
      /** Epochs that were planned; fewer were run where the score stopped rising. */
      planned: number;
      /** What the rows were read from. */
      source: Blob | string | null;
      report: Report;
    }
  | { status: "cancelled"; name: string }
  | { status: "failed"; name: string; sentence: string };

export const run = signal<Run>({ status: "idle" });
/** What a run under way did without, in a sentence. */
export const runNotices = signal<string[]>([]);
/** Grows in place, as copying it at every step would cost more than drawing it; `curvesVersion` tells of changes. */
export const curves: Curves = { steps: [], losses: [], evaluated: [], scores: [] };
export const curvesVersion = signal(0);

export const busy = computed(
  () => run.value.status === "starting" || run.value.status === "running",
);

let controller: AbortController | undefined;

export function cancel(): void {
  controller?.abort();
}

/** Puts the end of the last run away. */
export function dismiss(): void {
  if (!busy.value) run.value = { status: "idle" };
}

/** Trains on the rows as chosen. */
export async function start(): Promise<void> {
  const chosen = choice.value;
  const source = opened.value?.from ?? null;
  if (!chosen || busy.value) return;
  const wanted = options();
  const task = wanted.name;
  controller = new AbortController();
  const began = performance.now();
  begin(task);
  try {
    const { rows, numbers, inspection } = await desk().rows(chosen);
    const events = readyEngine().train(wanted, rows, { signal: controller.signal });
    const follow = follower(task);
    let planned = 0;
    for await (const event of events) {
      if (event.type !== "done") {
        planned = follow(event) ?? planned;
        continue;
      }
      const [first] = rows;
      await adopt(task, {
        origin: "trained",
        example: first?.text ?? "",
        ...(first?.text2 === undefined ? {} : { example2: first.text2, pair: true }),
        ...(inspection.range === null
          ? {}
          : { scale: [inspection.range.least, inspection.range.most] }),
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
        planned,
        source,
        report: reportOf(wanted, event.report, inspection, (row) => {
          const found = rows[row];
          return { number: numbers[row] ?? row + 1, text: found?.text ?? "", text2: found?.text2 };
        }),
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

function begin(task: string): void {
  for (const curve of Object.values(curves) as number[][]) curve.length = 0;
  batch(() => {
    curvesVersion.value += 1;
    runNotices.value = [];
    run.value = { status: "starting", name: task };
  });
}

/** Turns events into progress and curves; gives back the epochs that are planned, once they are known. */
function follower(task: string): (event: Exclude<TrainEvent, Done>) => number | undefined {
  const eta = new Eta();
  let loss: number | null = null;
  let metric: string | null = null;
  let score: number | null = null;
  let epoch = 1;
  let epochs: number | undefined;
  return (event) => {
    if (event.type === "notice") {
      runNotices.value = [...runNotices.value, event.message];
      return epochs;
    }
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
          epochs: epochs ?? epoch,
          loss,
          metric,
          score,
          left,
          evaluating: event.type === "evaluating",
        },
      };
    });
    return epochs;
  };
}

/**
 * Where a training run is, and runs that a closed tab cut short.
 */
import { computed, signal } from "@preact/signals";
import type { InterruptedRun, TrainEvent } from "graftlet";
import type { Report } from "../report/report.js";
import { notKept } from "./tasks.js";

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
  doing: "steps" | "something else" | "judging";
}

export type Done = Extract<TrainEvent, { type: "done" }>;

export type Run =
  | { status: "idle" }
  /** `read` is how many recordings or pictures were read so far. */
  | { status: "starting"; name: string; read?: { done: number; total: number } }
  /** Kinds are compared; `done` is 0 to 1, `trying` the kind whose turn it is. */
  | { status: "choosing"; name: string; trying: string | null; done: number }
  | { status: "running"; name: string; progress: Progress; paused: boolean }
  | {
      status: "done";
      name: string;
      event: Done;
      seconds: number;
      /** Epochs that were planned; fewer were run where the score stopped rising. */
      planned: number;
      /** What the rows were read from; null of a run that another visit began. */
      source: Blob | string | null;
      report: Report;
    }
  | { status: "cancelled"; name: string }
  | { status: "failed"; name: string; sentence: string };

export const run = signal<Run>({ status: "idle" });
/** Runs of an earlier visit that can be gone on with. */
export const interrupted = signal<InterruptedRun[]>([]);

export const busy = computed(() => ["starting", "choosing", "running"].includes(run.value.status));

/** What a run did without. */
export const runNotices = signal<Extract<TrainEvent, { type: "notice" }>[]>([]);
/** True while closing the tab would throw away a run or a task: the browser does not keep it. */
export const unkept = computed(
  () =>
    notKept.value.size > 0 ||
    (busy.value && runNotices.value.some(({ about }) => about === "checkpoint")),
);

/**
 * A run's events as progress and curves.
 */
import { batch } from "@preact/signals";
import type { TrainEvent } from "graftlet";
import { Eta } from "../format/eta.js";
import { extendCurves } from "./curves.js";
import { type Done, run, runNotices } from "./run-state.js";

/** What an event shows the run to be doing. */
const DOING = {
  step: "steps",
  eval: "steps",
  working: "something else",
  evaluating: "judging",
} as const;

/** Turns a run's events into progress and curves. */
export class Following {
  readonly #task: string;
  readonly #eta = new Eta();
  #loss: number | null = null;
  #metric: string | null = null;
  #score: number | null = null;
  #epoch = 1;
  /** Epochs that are planned. */
  epochs = 1;

  constructor(task: string) {
    this.#task = task;
  }

  /** Tells that nothing was computed for a while. */
  rested(): void {
    this.#eta.restart();
  }

  take(event: Exclude<TrainEvent, Done>): void {
    if (event.type === "notice") {
      runNotices.value = [...runNotices.value, event];
      return;
    }
    if (event.type === "reading") {
      const { done, total } = event;
      run.value = { status: "starting", name: this.#task, read: { done, total } };
      return;
    }
    if (event.type === "step") this.#loss = event.loss;
    else if (event.type === "eval") {
      this.#metric = event.metric;
      this.#score = event.score;
    }
    if (event.type === "step" || event.type === "eval") {
      this.#epoch = event.epoch;
      this.epochs = event.epochs;
    }
    const before = run.peek();
    batch(() => {
      extendCurves(event);
      run.value = {
        status: "running",
        name: this.#task,
        paused: before.status === "running" && before.paused,
        progress: {
          step: event.step,
          steps: event.steps,
          epoch: this.#epoch,
          epochs: this.epochs,
          loss: this.#loss,
          metric: this.#metric,
          score: this.#score,
          left: this.#eta.mark(event.step, event.steps, performance.now()),
          doing: DOING[event.type],
        },
      };
    });
  }
}

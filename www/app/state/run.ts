/**
 * What can be done about a run: start, pause, cancel; go on with an interrupted one, or discard it.
 */
import { batch } from "@preact/signals";
import {
  type AnyRow,
  GraftletError,
  type InterruptedRun,
  type Reservation,
  type Suggestion,
  type TrainOptions,
  type TrainRun,
} from "graftlet";
import { placesOf, reportOf } from "../report/report.js";
import { retainKept } from "../rows/kept.js";
import type { Inspection } from "../rows/types.js";
import { clearCurves } from "./curves.js";
import { DEFAULT_PROBLEM } from "./default-problem.js";
import { readyEngine, sentenceOf } from "./engine.js";
import { Following } from "./following.js";
import { type Keeper, tableKeeper, tableLesson } from "./lesson.js";
import { examplesLesson, strangersKeeper } from "./media/lesson.js";
import { AUTO, kindFor, name, options, USUAL } from "./plan.js";
import { desk } from "./rows.js";
import { busy, type Done, interrupted, run, runNotices } from "./run-state.js";
import { sort } from "./sort.js";
import { adopt, examples, freeName, isFree, notKept, refreshOwn, trouble } from "./tasks.js";

let current: TrainRun | undefined;
let comparison: AbortController | undefined;
/** Why a comparison was ended, where the run is to go on. */
const SKIPPED = "skipped";
let following: Following | undefined;

/** Ends a comparison of kinds and trains the usual one at once. */
export function skipComparison(): void {
  comparison?.abort(SKIPPED);
}

/** Puts the end of the last run away. */
export function dismiss(): void {
  if (!busy.value) run.value = { status: "idle" };
}

export async function cancel(): Promise<void> {
  comparison?.abort();
  await current?.cancel();
}

export async function pause(): Promise<void> {
  await current?.pause();
  setPaused(true);
}

export async function resume(): Promise<void> {
  following?.rested();
  setPaused(false);
  await current?.resume();
}

function setPaused(paused: boolean): void {
  const state = run.value;
  if (state.status === "running") run.value = { ...state, paused };
}

/** Trains on the rows as chosen; `known` is the kind where an earlier run found it. */
export async function start(known?: string): Promise<void> {
  const lesson = sort.value === "texts" ? tableLesson() : examplesLesson();
  if (!lesson || busy.value) return;
  const planned = options();
  await carryOut(planned.name, lesson.keeper, async (reservation) => {
    await refreshOwn();
    if (!isFree(planned.name)) {
      throw new Error(
        `There is a task called “${planned.name}” already, saved in another tab: choose another name.`,
      );
    }
    const { inspection, rows } = await lesson.prepare();
    const wanted = { ...planned, kind: known ?? planned.kind };
    let suggestion: Suggestion | null = null;
    if (wanted.kind === AUTO) {
      const plain = kindFor(rows.length);
      if (plain === null) suggestion = await compare(wanted, rows);
      wanted.kind = plain ?? suggestion?.choice ?? USUAL;
    }
    const events = readyEngine().train(wanted, rows, { reservation });
    // What is put by of an earlier run must not be taken for this one's.
    await lesson.keeper.forget(planned.name);
    return { events, wanted, inspection, source: lesson.source, suggestion, isNew: true };
  });
}

/** Asks which kind suits the rows; null where that was skipped. */
async function compare(wanted: TrainOptions, rows: readonly AnyRow[]): Promise<Suggestion | null> {
  const { name: task, problem, reject } = wanted;
  comparison = new AbortController();
  const { signal } = comparison;
  run.value = { status: "choosing", name: task, trying: null, done: 0 };
  try {
    return await readyEngine().suggest(
      rows,
      { ...(problem && { problem }), ...(reject !== undefined && { reject }) },
      {
        signal,
        onProgress: ({ kind, done }) => {
          run.value = { status: "choosing", name: task, trying: kind, done };
        },
      },
    );
  } catch (error) {
    if (signal.reason !== SKIPPED) throw error;
    run.value = { status: "starting", name: task };
    return null;
  } finally {
    comparison = undefined;
  }
}

/** Goes on with a run that a closed tab cut short. */
export async function goOn({ name: task, options: wanted }: InterruptedRun): Promise<void> {
  if (busy.value) return;
  const isTable = sort.value === "texts";
  await carryOut(task, isTable ? tableKeeper : strangersKeeper, async (reservation) => {
    const inspection = isTable ? await desk().recall(task) : null;
    return {
      events: readyEngine().continueTraining(task, { reservation }),
      wanted,
      inspection,
      source: null,
      suggestion: null,
      isNew: false,
    };
  });
}

/** Throws away what is kept of an interrupted run. */
export async function discard({ name: task }: InterruptedRun): Promise<void> {
  try {
    await readyEngine().forgetTraining(task);
    await desk().forget(task);
  } catch (error) {
    trouble.value = sentenceOf(error);
  }
  await loadInterrupted();
}

/** Finds the runs of earlier visits. */
export async function loadInterrupted(): Promise<void> {
  try {
    interrupted.value = await readyEngine().interrupted();
  } catch {
    // A browser that keeps nothing has interrupted nothing.
  }
}

/** Removes rows that were put by and whose run is gone. */
async function dropRowsOfNobody(): Promise<void> {
  try {
    const { runs, denied } = await readyEngine().storage();
    if (!denied) await retainKept(new Set(runs.map((run) => run.name)));
  } catch {
    // The next visit tries again.
  }
}

/** Looks for interrupted runs now and again: a tab that was closed may let go of its run later than is waited for. */
export async function followInterrupted(): Promise<void> {
  await loadInterrupted();
  void dropRowsOfNobody();
  readyEngine().onChange(({ type }) => {
    if (type === "training" || type === "trained") void loadInterrupted();
  });
  setTimeout(() => void loadInterrupted(), 8000);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") void loadInterrupted();
  });
}

interface Begun {
  events: TrainRun;
  wanted: TrainOptions;
  /** Null where nothing is known of the rows any more. */
  inspection: Inspection | null;
  source: Blob | string | null;
  /** How kinds compared, where they did. */
  suggestion: Suggestion | null;
  /** Whether its rows are still to be put by. */
  isNew: boolean;
}

async function carryOut(
  task: string,
  keeper: Keeper,
  set: (reservation: Reservation) => Promise<Begun>,
): Promise<void> {
  const began = performance.now();
  clearCurves();
  batch(() => {
    runNotices.value = [];
    // A run takes the place of an interrupted one of its name.
    interrupted.value = interrupted.value.filter((entry) => entry.name !== task);
    run.value = { status: "starting", name: task };
  });
  let reservation: Reservation | undefined;
  try {
    // Held while kinds are compared too: another tab that wants the name is told at once.
    reservation = await readyEngine().reserve(task);
    const begun = await set(reservation);
    current = begun.events;
    const progress = new Following(task);
    following = progress;
    let done = false;
    let toPutBy = begun.isNew;
    for await (const event of begun.events) {
      if (toPutBy) void keeper.putBy(task);
      toPutBy = false;
      if (event.type !== "done") progress.take(event);
      else {
        const seconds = (performance.now() - began) / 1000;
        await finish(task, event, begun, keeper, progress.epochs, seconds);
        done = true;
      }
    }
    if (!done) run.value = { status: "cancelled", name: task };
  } catch (error) {
    const aborted = error instanceof GraftletError && error.code === "aborted";
    run.value = aborted
      ? { status: "cancelled", name: task }
      : { status: "failed", name: task, sentence: sentenceOf(error) };
  }
  reservation?.release();
  current = undefined;
  following = undefined;
  // What has failed may be gone on with, like what was interrupted; so may what ended and could not be kept.
  if (run.value.status === "failed") await loadInterrupted();
  else if (!notKept.value.has(task)) await keeper.forget(task);
}

async function finish(
  task: string,
  event: Done,
  { wanted, inspection, source, suggestion }: Begun,
  keeper: Keeper,
  planned: number,
  seconds: number,
): Promise<void> {
  const places = placesOf(event.report);
  const [first, ...rows] = await keeper.named([0, ...places]);
  const range = inspection?.range;
  if (first && sort.value === "texts") examples.set(task, [first.text, first.text2 ?? ""]);
  const unkept = runNotices.value.find(({ about }) => about === "storage");
  await adopt(
    task,
    {
      origin: "trained",
      ...(first?.text2 === undefined ? {} : { pair: true }),
      ...(range ? { scale: [range.least, range.most] } : {}),
      metric: event.metric,
      score: event.score,
      trainRows: event.trainRows,
      heldOutRows: event.devRows,
    },
    unkept?.message,
  );
  const named = new Map(rows.flatMap((row, i) => [[places[i] ?? 0, row] as const]));
  const known = inspection ?? {
    problem: wanted.problem ?? DEFAULT_PROBLEM,
    findings: [],
    usable: event.trainRows + event.devRows,
    classes: event.report.evaluation.perLabel,
  };
  const report = reportOf(wanted, event.report, known, named, suggestion);
  run.value = { status: "done", name: task, event, seconds, planned, source, report };
  // The form is there for another run, whose name cannot be this one's.
  name.value = freeName(task);
}

/**
 * The chosen task's answers to every text of a file.
 */
import { batch, computed, signal } from "@preact/signals";
import { GraftletError, type Problem } from "graftlet";
import { cellsOf, HEADERS } from "../rows/answered.js";
import { type ClassCount, countClasses } from "../rows/classes.js";
import type { Columns } from "../rows/columns.js";
import { openDesk, type Source } from "../rows/desk.js";
import { readyEngine, sentenceOf } from "./engine.js";
import { adapter } from "./tasks.js";

export interface ManyFile {
  title: string;
  source: Source;
  from: Blob;
}

export type ManyRun =
  | { status: "idle" }
  | { status: "running"; done: number; total: number }
  | {
      status: "done";
      /** The task's name. */
      task: string;
      texts: number;
      /** Rows without a text. */
      skipped: number;
      seconds: number;
      problem: Problem;
      /** How often each answer was given; empty of numbers. */
      answers: ClassCount[];
      csv: Blob;
    }
  | { status: "cancelled" }
  | { status: "failed"; sentence: string };

export const manyFile = signal<ManyFile | null>(null);
export const manyColumns = signal<Columns | null>(null);
export const many = signal<ManyRun>({ status: "idle" });
export const manyBusy = computed(() => many.value.status === "running");

/** Texts that are answered in one call: their full answers are let go before the next. */
const PART = 5000;

let started: ReturnType<typeof openDesk> | undefined;
let controller: AbortController | undefined;

/** A worker of its own: the rows to learn from stay where they are. */
function desk() {
  started ??= openDesk();
  return started;
}

export async function openMany(from: Blob, title: string, header?: boolean): Promise<void> {
  try {
    const source = await desk().open(from, header);
    batch(() => {
      manyFile.value = { title, source, from };
      manyColumns.value = source.guess;
      many.value = { status: "idle" };
    });
  } catch (error) {
    batch(() => {
      manyFile.value = null;
      many.value = { status: "failed", sentence: sentenceOf(error) };
    });
  }
}

export function closeMany(): void {
  batch(() => {
    manyFile.value = null;
    many.value = { status: "idle" };
  });
}

export function cancelMany(): void {
  controller?.abort();
}

export async function answerMany(pair: boolean): Promise<void> {
  const columns = manyColumns.value;
  const file = manyFile.value;
  const task = adapter.value;
  if (!columns || !file || !task || manyBusy.value) return;
  controller = new AbortController();
  const { signal } = controller;
  const began = performance.now();
  many.value = { status: "running", done: 0, total: 0 };
  try {
    const { texts, rows } = await desk().texts(pair ? columns : { ...columns, text2: null });
    const total = texts.length;
    if (total === 0) throw new Error("No row has a text in that column: choose another.");
    const graftlet = readyEngine();
    await graftlet.use(task.name);
    const cells: string[][] = [];
    let problem: Problem = "single_label";
    for (let from = 0; from < total; from += PART) {
      const answers = await graftlet.classifyMany(texts.slice(from, from + PART), {
        workers: "auto",
        signal,
        onProgress: ({ done }) => {
          many.value = { status: "running", done: from + done, total };
        },
      });
      problem = answers[0]?.problem ?? problem;
      cells.push(...answers.map(cellsOf));
    }
    const csv = await desk().answered(rows, HEADERS[problem], cells);
    const given = problem === "single_label" || problem === "multi_label";
    many.value = {
      status: "done",
      task: task.name,
      texts: total,
      skipped: file.source.rows - total,
      seconds: (performance.now() - began) / 1000,
      problem,
      answers: given
        ? countClasses(
            cells.map(([answer = ""]) => answer),
            problem,
          )
        : [],
      csv,
    };
  } catch (error) {
    const aborted = error instanceof GraftletError && error.code === "aborted";
    many.value = aborted
      ? { status: "cancelled" }
      : { status: "failed", sentence: sentenceOf(error) };
  }
}

/**
 * The chosen task's answers to every text of a file.
 */
import { batch, computed, signal } from "@preact/signals";
import { type Form, GraftletError } from "graftlet";
import { cellsOf, HEADERS, labelsOf } from "../format/answer-cells.js";
import { DeskWorker } from "../rows/desk.js";
import type { ClassCount, Columns, Options, Source } from "../rows/types.js";
import { readyEngine, sentenceOf } from "./engine.js";
import { adapter } from "./tasks.js";

export interface ManyFile {
  title: string;
  source: Source;
  from: Blob;
  /** What the reader was told about the file. */
  told: Options;
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
      form: Form;
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

let controller: AbortController | undefined;

/** A worker of its own: the rows to learn from stay where they are. */
const worker = new DeskWorker();

export async function openMany(from: Blob, title: string, told: Options = {}): Promise<void> {
  try {
    const source = await worker.desk.open(from, { ...told, name: title });
    batch(() => {
      manyFile.value = { title, source, from, told };
      manyColumns.value = source.guess;
      many.value = { status: "idle" };
    });
  } catch (error) {
    worker.failed(error);
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
    const { desk } = worker;
    const total = await desk.texts(pair ? columns : { ...columns, text2: null });
    if (total === 0) throw new Error("No row has a text in that column: choose another.");
    const graftlet = readyEngine();
    await graftlet.use(task.name);
    const given = new Map<string, number>();
    let form: Form = "label";
    for (let from = 0; from < total; from += PART) {
      const answers = await graftlet.classify(await desk.textsOf(from, from + PART), {
        workers: "auto",
        signal,
        onProgress: ({ done }) => {
          many.value = { status: "running", done: from + done, total };
        },
      });
      form = answers[0]?.form ?? form;
      for (const label of answers.flatMap(labelsOf)) given.set(label, (given.get(label) ?? 0) + 1);
      await desk.answer(answers.map(cellsOf));
    }
    const csv = await desk.answered(HEADERS[form]);
    many.value = {
      status: "done",
      task: task.name,
      texts: total,
      skipped: file.source.rows - total,
      seconds: (performance.now() - began) / 1000,
      form,
      answers: [...given].map(([label, rows]) => ({ label, rows })).sort((a, b) => b.rows - a.rows),
      csv,
    };
  } catch (error) {
    worker.failed(error);
    const aborted = error instanceof GraftletError && error.code === "aborted";
    many.value = aborted
      ? { status: "cancelled" }
      : { status: "failed", sentence: sentenceOf(error) };
  }
}

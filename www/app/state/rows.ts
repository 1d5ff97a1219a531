/**
 * The rows to learn from: read by a worker, looked at, and put right where their owner says so.
 */
import { batch, effect, signal } from "@preact/signals";
import { PROBLEMS, type Problem } from "graftlet";
import { DeskWorker } from "../rows/desk.js";
import type { Choice, Columns, Inspection, Options, Source } from "../rows/types.js";
import { sentenceOf } from "./engine.js";

/** Rows that have been read. */
export interface Opened {
  title: string;
  source: Source;
  /** What was read, to read it again when the reader is told more. */
  from: Blob | string;
  /** What the reader was told about the file. */
  told: Options;
}

export const opened = signal<Opened | null>(null);
export const choice = signal<Choice | null>(null);
export const inspection = signal<Inspection | null>(null);
/** Why the rows could not be read. */
export const unreadable = signal<string | null>(null);

const worker = new DeskWorker();

/** The reader of the rows to learn from. */
export function desk() {
  return worker.desk;
}

/** A choice as the reader has it, who knows how labels are written and not what is learnt from them. */
export function asRead(chosen: Choice): Choice {
  return { ...chosen, problem: PROBLEMS[chosen.problem].rows };
}

/** Follows the choice with an inspection. */
export function followRows(): void {
  effect(() => {
    const chosen = choice.value;
    if (!chosen) {
      inspection.value = null;
      return;
    }
    desk()
      .inspect(asRead(chosen))
      .then(
        (found) => {
          if (choice.value === chosen) inspection.value = { ...found, problem: chosen.problem };
        },
        (error: unknown) => {
          worker.failed(error);
          if (choice.value !== chosen) return;
          batch(() => {
            close();
            unreadable.value = sentenceOf(error);
          });
        },
      );
  });
}

/** Reads a file or pasted text. Returns whether it is another than before. */
export async function open(
  from: Blob | string,
  title: string,
  told: Options = {},
): Promise<"other" | "same" | "unreadable"> {
  unreadable.value = null;
  try {
    const name = typeof from === "string" ? {} : { name: title };
    const source = await desk().open(from, { ...told, ...name });
    const proposed = await desk().propose(source.guess);
    const same = opened.value?.from === from;
    batch(() => {
      opened.value = { title, source, from, told };
      choice.value = { columns: source.guess, ...proposed, corrections: {}, merge: false };
    });
    return same ? "same" : "other";
  } catch (error) {
    worker.failed(error);
    batch(() => {
      opened.value = null;
      choice.value = null;
      unreadable.value = sentenceOf(error);
    });
    return "unreadable";
  }
}

/** Puts the rows away. */
export function close(): void {
  batch(() => {
    opened.value = null;
    choice.value = null;
    unreadable.value = null;
  });
}

/** Takes other columns; another label column may say something else. */
export async function chooseColumns(columns: Columns): Promise<void> {
  const before = choice.value;
  if (!before) return;
  choice.value = { ...before, columns };
  if (sameLabels(columns, before.columns)) return;
  const proposed = await desk().propose(columns);
  const now = choice.value;
  if (now?.columns === columns) {
    choice.value = { ...now, ...proposed, corrections: {}, merge: false };
  }
}

function sameLabels(a: Columns, b: Columns): boolean {
  return a.label === b.label && String(a.labelColumns ?? "") === String(b.labelColumns ?? "");
}

/** Takes labels that differ only in case or spaces for one, or keeps them apart. */
export function chooseMerge(merge: boolean): void {
  const before = choice.value;
  if (before) choice.value = { ...before, merge };
}

export function chooseProblem(problem: Problem): void {
  const before = choice.value;
  if (before) choice.value = { ...before, problem, reject: null };
}

export function chooseReject(reject: string | null): void {
  const before = choice.value;
  if (before) choice.value = { ...before, reject };
}

/** Gives rows other labels, by number; null takes a row out. */
export function correct(corrections: Choice["corrections"]): void {
  const before = choice.value;
  if (before) choice.value = { ...before, corrections: { ...before.corrections, ...corrections } };
}

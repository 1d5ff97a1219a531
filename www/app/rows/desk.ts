/**
 * Reading rows off the page's thread: the worker keeps the table, the page asks it what it needs to show. The types here
 * are what passes between the two.
 */

import * as Comlink from "comlink";
import type { Answer, Problem, Text } from "graftlet";
import type { Columns } from "./columns.js";
import type { Choice, Inspection, Looked } from "./inspect.js";

export interface Source {
  format: "CSV" | "TSV" | "JSONL" | "CoNLL";
  encoding: string;
  header: boolean;
  columns: string[];
  rows: number;
  guess: Columns;
}

export interface RowsDesk {
  /** Reads a file or pasted text; `header` overrules the guess whether the first row names the columns. */
  open(source: Blob | string, header?: boolean): Promise<Source>;
  /** What the labels of the columns seem to say. */
  propose(columns: Columns): Promise<{ problem: Problem; reject: string | null }>;
  inspect(choice: Choice): Promise<Inspection>;
  /** The rows to train on, with what was found at all. */
  rows(choice: Choice): Promise<Looked>;
  /** What there is to classify, and which of the table's rows each is: those without a text are left out. */
  texts(columns: Columns): Promise<{ texts: Text[]; rows: number[] }>;
  /** The table as CSV, with the answers to the given rows beside it. */
  answered(rows: readonly number[], answers: readonly Answer[]): Promise<Blob>;
}

/** Starts the worker. */
export function openDesk(): Comlink.Remote<RowsDesk> {
  const worker = new Worker(new URL("./desk.worker.ts", import.meta.url), { type: "module" });
  return Comlink.wrap<RowsDesk>(worker);
}

/**
 * Reading rows off the page's thread: the worker keeps the table, the page asks it what it needs to show. The types here
 * are what passes between the two.
 */

import * as Comlink from "comlink";
import type { Problem, Row, Text } from "graftlet";
import type { Columns } from "./columns.js";
import type { Choice, Inspection } from "./inspect.js";

export interface Source {
  format: "CSV" | "TSV" | "JSONL" | "CoNLL";
  encoding: string;
  header: boolean;
  columns: string[];
  rows: number;
  guess: Columns;
}

/** A row as its owner knows it. */
export interface NamedRow {
  /** In the file. */
  number: number;
  text: string;
  text2: string | undefined;
}

export interface RowsDesk {
  /** Reads a file or pasted text; `header` overrules the guess whether the first row names the columns. */
  open(source: Blob | string, header?: boolean): Promise<Source>;
  /** What the labels of the columns seem to say. */
  propose(columns: Columns): Promise<{ problem: Problem; reject: string | null }>;
  inspect(choice: Choice): Promise<Inspection>;
  /** Makes the rows to train on ready for `part` and `named`; `keep` also puts them by under that name. */
  prepare(choice: Choice, keep: string): Promise<Inspection>;
  /** Makes rows ready that were put by, after their page was closed; null where there are none. */
  recall(name: string): Promise<Inspection | null>;
  /** Forgets rows that were put by. */
  forget(name: string): Promise<void>;
  /** Some of the rows that are ready: all at once would hold the page up. */
  part(from: number, to: number): Promise<Row[]>;
  /** Rows that are ready, by their places among them, with their numbers in the file. */
  named(places: readonly number[]): Promise<NamedRow[]>;
  /** What there is to classify, and which of the table's rows each is: those without a text are left out. */
  texts(columns: Columns): Promise<{ texts: Text[]; rows: number[] }>;
  /** The table as CSV, with further cells beside the given rows. */
  answered(rows: readonly number[], header: string[], cells: readonly string[][]): Promise<Blob>;
}

/** Starts the worker. */
export function openDesk(): Comlink.Remote<RowsDesk> {
  const worker = new Worker(new URL("./desk.worker.ts", import.meta.url), { type: "module" });
  return Comlink.wrap<RowsDesk>(worker);
}

/**
 * Reading rows off the page's thread: the worker keeps the table, the page asks it what it needs to show. The types here
 * are what passes between the two.
 */

import * as Comlink from "comlink";
import type { Row } from "graftlet";
import type { Columns } from "./columns.js";
import type { Inspection } from "./inspect.js";

export interface Source {
  format: "CSV" | "TSV" | "JSONL";
  encoding: string;
  header: boolean;
  columns: string[];
  rows: number;
  guess: Columns;
}

export interface RowsDesk {
  /** Reads a file or pasted text; `header` overrules the guess whether the first row names the columns. */
  open(source: Blob | string, header?: boolean): Promise<Source>;
  inspect(columns: Columns): Promise<Inspection>;
  /** The rows to train on. */
  rows(columns: Columns): Promise<Row[]>;
}

/** Starts the worker. */
export function openDesk(): Comlink.Remote<RowsDesk> {
  const worker = new Worker(new URL("./desk.worker.ts", import.meta.url), { type: "module" });
  return Comlink.wrap<RowsDesk>(worker);
}

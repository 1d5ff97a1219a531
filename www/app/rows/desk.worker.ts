/**
 * The worker behind `RowsDesk`.
 */
import * as Comlink from "comlink";
import { type Columns, guessColumns } from "./columns.js";
import { decode } from "./decode.js";
import type { RowsDesk } from "./desk.js";
import { inspect } from "./inspect.js";
import { parseTable, type Table } from "./table.js";

/** More than this is not a file of training rows but something dropped by mistake. */
const MOST_BYTES = 200_000_000;

let table: Table | undefined;

const desk: RowsDesk = {
  async open(source, header) {
    if (typeof source !== "string" && source.size > MOST_BYTES) {
      throw new Error(
        "This file is larger than 200 MB: choose one with only the rows to train on.",
      );
    }
    const { text, encoding } =
      typeof source === "string"
        ? { text: source, encoding: "UTF-8" }
        : decode(new Uint8Array(await source.arrayBuffer()));
    if (text.includes("\u0000")) {
      throw new Error("This is not a text file: rows are read from CSV, TSV or JSONL.");
    }
    const opened = parseTable(text, header);
    table = opened;
    return {
      format: opened.format,
      encoding,
      header: opened.header,
      columns: opened.columns,
      rows: opened.rows.length,
      guess: guessColumns(opened.columns, opened.rows),
    };
  },
  inspect: async (columns) => look(columns).inspection,
  rows: async (columns) => look(columns).rows,
};

function look(columns: Columns) {
  if (!table) throw new Error("Choose a file first.");
  return inspect(table, columns);
}

Comlink.expose(desk);

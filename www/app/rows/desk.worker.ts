/**
 * The worker behind `RowsDesk`.
 */
import * as Comlink from "comlink";
import { answeredTable } from "./answered.js";
import { guessColumns } from "./columns.js";
import { writeCsv } from "./csv.js";
import { decode } from "./decode.js";
import type { RowsDesk } from "./desk.js";
import { inspect } from "./inspect.js";
import { guessOutside, guessProblem } from "./problem.js";
import { parseTable, type Table } from "./table.js";

/** More than this is not a file of rows but something dropped by mistake. */
const MOST_BYTES = 200_000_000;

/** Rows that guesses go by. */
const SAMPLE = 2000;

let kept: Table | undefined;

const desk: RowsDesk = {
  async open(source, header) {
    if (typeof source !== "string" && source.size > MOST_BYTES) {
      throw new Error("This file is larger than 200 MB: choose one with only the rows.");
    }
    const { text, encoding } =
      typeof source === "string"
        ? { text: source, encoding: "UTF-8" }
        : decode(new Uint8Array(await source.arrayBuffer()));
    if (text.includes("\u0000")) {
      throw new Error("This is not a text file: rows are read from CSV, TSV, JSONL or CoNLL.");
    }
    const opened = parseTable(text, header);
    kept = opened;
    return {
      format: opened.format,
      encoding,
      header: opened.header,
      columns: opened.columns,
      rows: opened.rows.length + opened.faults.length,
      guess: guessColumns(opened.columns, opened.rows),
    };
  },
  async propose({ text, text2, label }) {
    const sample = table().rows.slice(0, SAMPLE);
    const cells = (column: number) => sample.map((row) => row[column] ?? "");
    if (label === null) return { problem: "single_label", reject: null };
    const labels = cells(label);
    const problem = guessProblem(text2 === null ? cells(text) : [], labels);
    return { problem, reject: problem === "single_label" ? guessOutside(labels) : null };
  },
  inspect: async (choice) => inspect(table(), choice).inspection,
  rows: async (choice) => inspect(table(), choice),
  async texts(columns) {
    const found: { texts: (string | [string, string])[]; rows: number[] } = { texts: [], rows: [] };
    table().rows.forEach((cells, index) => {
      const cell = (column: number) => (cells[column] ?? "").trim();
      const text = cell(columns.text);
      const text2 = columns.text2 === null ? undefined : cell(columns.text2);
      if (text === "" || text2 === "") return;
      found.texts.push(text2 === undefined ? text : [text, text2]);
      found.rows.push(index);
    });
    return found;
  },
  answered: async (rows, answers) => writeCsv(answeredTable(table(), rows, answers)),
};

function table(): Table {
  if (!kept) throw new Error("Choose a file first.");
  return kept;
}

Comlink.expose(desk);

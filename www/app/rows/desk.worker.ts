/**
 * The worker behind `RowsDesk`.
 */
import * as Comlink from "comlink";
import { answeredTable } from "./answered.js";
import { guessColumns } from "./columns.js";
import { writeCsv } from "./csv.js";
import { decode } from "./decode.js";
import type { RowsDesk } from "./desk.js";
import { inspect, type Looked } from "./inspect.js";
import { dropKept, lookUp, putBy } from "./kept.js";
import { guessOutside, guessProblem } from "./problem.js";
import { parseTable, type Table } from "./table.js";

/** More than this is not a file of rows but something dropped by mistake. */
const MOST_BYTES = 200_000_000;

/** Rows that guesses go by. */
const SAMPLE = 2000;

let opened: Table | undefined;
let ready: Looked | undefined;

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
    const read = parseTable(text, header);
    opened = read;
    return {
      format: read.format,
      encoding,
      header: read.header,
      columns: read.columns,
      rows: read.rows.length + read.faults.length,
      guess: guessColumns(read.columns, read.rows),
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
  async prepare(choice, keep) {
    ready = inspect(table(), choice);
    // A browser that keeps nothing trains all the same.
    await putBy(keep, ready).catch(() => {});
    return ready.inspection;
  },
  async recall(name) {
    ready = await lookUp(name).catch(() => undefined);
    return ready?.inspection ?? null;
  },
  forget: (name) => dropKept(name).catch(() => {}),
  part: async (from, to) => ready?.rows.slice(from, to) ?? [],
  named: async (places) =>
    places.map((place) => {
      const row = ready?.rows[place];
      return {
        number: ready?.numbers[place] ?? place + 1,
        text: row?.text ?? "",
        text2: row?.text2,
      };
    }),
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
  answered: async (rows, header, cells) => writeCsv(answeredTable(table(), rows, header, cells)),
};

function table(): Table {
  if (!opened) throw new Error("Choose a file first.");
  return opened;
}

Comlink.expose(desk);

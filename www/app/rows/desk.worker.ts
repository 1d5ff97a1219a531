/**
 * The worker behind `RowsDesk`: the crate that reads rows, as WebAssembly, and the browser's store for those of a run.
 */
import * as Comlink from "comlink";
import init, { Desk } from "graftlet-rows/graftlet_rows.js";
import module from "graftlet-rows/graftlet_rows_bg.wasm?url";
import { BROKEN, type RowsDesk } from "./desk.js";
import { dropKept, lookUp, putBy } from "./kept.js";
import type { Reader } from "./reader.js";
import type { Inspection, Texts } from "./types.js";

/** More than this is not a file of rows but something dropped by mistake. */
const MOST_BYTES = 200_000_000;

/** Classes that the page is told of: what it shows ends far earlier. */
const MOST_CLASSES = 1000;

let starting: Promise<Reader> | undefined;
let toAnswer: Texts = { texts: [], rows: [] };
let answers: string[][] = [];

const desk: RowsDesk = {
  async open(source, options) {
    if (typeof source !== "string" && source.size > MOST_BYTES) {
      throw new Error("This file is larger than 200 MB: choose one with only the rows.");
    }
    const bytes =
      typeof source === "string"
        ? new TextEncoder().encode(source)
        : new Uint8Array(await source.arrayBuffer());
    return ask((reader) => reader.open(bytes, options));
  },
  propose: (columns) => ask((reader) => reader.propose(columns)),
  inspect: (choice) => ask((reader) => shortened(reader.inspect(choice))),
  prepare: (choice) => ask((reader) => shortened(reader.prepare(choice))),
  async putBy(name) {
    // A browser that keeps nothing trains all the same; what it kept before is not of these rows.
    const rows = await ask((reader) => reader.putAway());
    await putBy(name, rows).catch(() => dropKept(name).catch(() => {}));
  },
  async recall(name) {
    const kept = await lookUp(name).catch(() => undefined);
    if (!kept) return null;
    const inspection = await ask((reader) => reader.takeBack(kept));
    return inspection && shortened(inspection);
  },
  forget: (name) => dropKept(name).catch(() => {}),
  part: (from, to) => ask((reader) => reader.part(from, to)),
  named: (places) => ask((reader) => reader.named(Uint32Array.from(places))),
  async texts(columns) {
    toAnswer = await ask((reader) => reader.texts(columns));
    answers = [];
    return toAnswer.texts.length;
  },
  async textsOf(from, to) {
    const texts = toAnswer.texts.slice(from, to);
    return texts.map((text) =>
      typeof text === "string" ? text : { text: text[0], text2: text[1] },
    );
  },
  async answer(cells) {
    for (const answer of cells) answers.push(answer);
  },
  async answered(header) {
    const rows = Uint32Array.from(toAnswer.rows.slice(0, answers.length));
    const csv = await ask((reader) => reader.answered(rows, header, answers));
    return new Blob([csv], { type: "text/csv;charset=utf-8" });
  },
};

/** Asks the reader. What it refuses is thrown as it stands; after a trap nothing in its memory can be relied on. */
async function ask<T>(question: (reader: Reader) => T): Promise<T> {
  starting ??= init({ module_or_path: module }).then(() => new Desk());
  const reader = await starting.catch((error: unknown) => {
    starting = undefined;
    throw broken(`The reader of rows could not be loaded (${messageOf(error)}): reload the page.`);
  });
  try {
    return question(reader);
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError)) throw error;
    throw broken(
      `The reader of rows gave up (${messageOf(error)}), most often for want of memory: try with fewer rows.`,
    );
  }
}

function broken(sentence: string): Error {
  const error = new Error(sentence);
  error.name = BROKEN;
  return error;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function shortened(inspection: Inspection): Inspection {
  const { classes } = inspection;
  return { ...inspection, classes: classes.slice(0, MOST_CLASSES), classCount: classes.length };
}

Comlink.expose(desk);

/**
 * The built module that reads rows, as the page's worker has it.
 */
import { readFileSync } from "node:fs";
import init, { Desk } from "graftlet-rows/graftlet_rows.js";
import type { Reader } from "../rows/reader.js";
import type { Choice, Inspection, Options, Row, Source } from "../rows/types.js";

const module = new URL("../../../target/rows-pkg/graftlet_rows_bg.wasm", import.meta.url);
await init({ module_or_path: readFileSync(module) });

export const utf8 = (text: string) => new TextEncoder().encode(text);

/** A desk with nothing on it. */
export const emptyDesk = (): Reader => new Desk();

export interface Read {
  desk: Reader;
  source: Source;
  choice: Choice;
}

/** A file, taken as the page takes it, but for what `choice` says. */
export function read(
  file: string | Uint8Array,
  options: Options = {},
  choice: Partial<Choice> = {},
): Read {
  const desk = emptyDesk();
  const source = desk.open(typeof file === "string" ? utf8(file) : file, options);
  const columns = choice.columns ?? source.guess;
  const proposed = desk.propose(columns);
  return {
    desk,
    source,
    choice: { columns, ...proposed, corrections: {}, merge: false, ...choice },
  };
}

/** What there is to train on, with the row numbers. */
export function look(
  file: string | Uint8Array,
  choice: Partial<Choice> = {},
): { inspection: Inspection; rows: Row[]; numbers: number[] } {
  const { desk, choice: chosen } = read(file, {}, choice);
  const inspection = desk.prepare(chosen);
  const rows = desk.part(0, inspection.usable);
  const places = Uint32Array.from(rows.keys());
  return { inspection, rows, numbers: desk.named(places).map(({ number }) => number) };
}

/** The table as it stands, the columns' names first. */
export function tableOf(file: string | Uint8Array, options: Options = {}): string[][] {
  const { desk, source } = read(file, options);
  const delimiter = source.delimiter ?? ",";
  const bytes = desk.answered(new Uint32Array(), [], []);
  // Written by the reader itself, so that every line break stands in quotes.
  const text = new TextDecoder().decode(bytes);
  const between = delimiter === "|" ? "\\|" : delimiter;
  const cell = new RegExp(`(?:"((?:[^"]|"")*)"|([^"${between}\\r\\n]*))(${between}|\\r\\n)`, "gy");
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, quoted, plain, end] of text.matchAll(cell)) {
    row.push(quoted === undefined ? (plain ?? "") : quoted.replaceAll('""', '"'));
    if (end === delimiter) continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

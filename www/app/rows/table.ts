/**
 * A file of rows as one table of strings. Every row keeps the number under which its owner finds it again: the
 * spreadsheet's row (a header is row 1), the line of a JSONL file, the first line of a sentence in CoNLL.
 */
import { looksLikeHeader } from "./columns.js";
import { looksLikeConll, readConll } from "./conll.js";
import { guessDelimiter, readDelimited } from "./delimited.js";
import { readJson } from "./json-lines.js";

export interface Table {
  format: "CSV" | "TSV" | "JSONL" | "CoNLL";
  /** True when the first row named the columns; JSONL and CoNLL have names of their own. */
  header: boolean;
  columns: string[];
  /** `[row][column]`; as wide as `columns`, missing cells are empty. */
  rows: string[][];
  numbers: number[];
  /** Rows that could not be read. */
  faults: Fault[];
}

export interface Fault {
  number: number;
  /** Quotes that do not match, more cells than columns, no JSON object, a word without a tag. */
  kind: "misquoted" | "too_wide" | "not_json" | "not_tagged";
}

/** Parses text. `header` overrules the guess whether the first row names the columns. */
export function parseTable(text: string, header?: boolean): Table {
  const clean = text.replace(/^\uFEFF/, "");
  if (/^\s*(\{|\[\s*\{)/.test(clean)) return readJson(clean);
  return looksLikeConll(clean) ? readConll(clean) : tableOf(clean, header);
}

function tableOf(text: string, header: boolean | undefined): Table {
  const delimiter = guessDelimiter(text);
  const { records, numbers, misquoted } = readDelimited(text, delimiter);
  const faults: Fault[] = misquoted.map((number) => ({ number, kind: "misquoted" }));
  const named = header ?? looksLikeHeader(records.slice(0, 500));
  const first = named ? records.shift() : undefined;
  if (named) numbers.shift();
  const width = first?.length ?? usualWidth(records);
  const table: Table = {
    format: delimiter === "\t" ? "TSV" : "CSV",
    header: named,
    columns: Array.from({ length: width }, (_, i) => first?.[i]?.trim() || `Column ${i + 1}`),
    rows: [],
    numbers: [],
    faults,
  };
  records.forEach((cells, index) => {
    const number = numbers[index] ?? 0;
    // A delimiter inside a text that is not quoted: which cell is which can no longer be told.
    if (cells.slice(width).some((cell) => cell.trim() !== "")) {
      faults.push({ number, kind: "too_wide" });
      return;
    }
    cells.length = Math.min(cells.length, width);
    while (cells.length < width) cells.push("");
    table.rows.push(cells);
    table.numbers.push(number);
  });
  return table;
}

function usualWidth(records: readonly string[][]): number {
  const widths = new Map<number, number>();
  for (const { length } of records) widths.set(length, (widths.get(length) ?? 0) + 1);
  return [...widths].sort((a, b) => b[1] - a[1] || b[0] - a[0])[0]?.[0] ?? 0;
}

/**
 * CSV, TSV or JSONL as one table of strings. Every row keeps the number under which its owner finds it again: the
 * spreadsheet's row (a header is row 1), or the line of a JSONL file.
 */
import Papa from "papaparse";
import { looksLikeHeader } from "./columns.js";

export interface Table {
  format: "CSV" | "TSV" | "JSONL";
  /** True when the first row named the columns. JSONL names them in every row. */
  header: boolean;
  columns: string[];
  /** `[row][column]`; as wide as `columns`, missing cells are empty. */
  rows: string[][];
  numbers: number[];
  /** Rows that could not be read, by number. */
  unreadable: number[];
}

/** Parses text. `header` overrules the guess whether the first row names the columns. */
export function parseTable(text: string, header?: boolean): Table {
  const start = text.match(/^\uFEFF?\s*(\S)/)?.[1];
  return start === "{" ? parseJsonLines(text) : parseDelimited(text, header);
}

function parseDelimited(text: string, header?: boolean): Table {
  const clean = text.replace(/^\uFEFF/, "");
  const delimiter = guessDelimiter(clean);
  const { data } = Papa.parse<string[]>(clean, { delimiter, skipEmptyLines: false });
  const rows: string[][] = [];
  const numbers: number[] = [];
  data.forEach((cells, index) => {
    if (cells.every((cell) => cell.trim() === "")) return;
    rows.push(cells);
    numbers.push(index + 1);
  });
  const named = header ?? looksLikeHeader(rows);
  const first = named ? rows.shift() : undefined;
  if (named) numbers.shift();
  let width = first?.length ?? 0;
  for (const row of rows) width = Math.max(width, row.length);
  const columns = Array.from({ length: width }, (_, i) => first?.[i]?.trim() || `Column ${i + 1}`);
  for (const row of rows) while (row.length < width) row.push("");
  return {
    format: delimiter === "\t" ? "TSV" : "CSV",
    header: named,
    columns,
    rows,
    numbers,
    unreadable: [],
  };
}

/**
 * The delimiter that the first lines agree on. Papa's own guess prefers whatever splits most, and prose is full of
 * commas: here a delimiter has to give the same number of cells in every row it is tried on.
 */
function guessDelimiter(text: string): string {
  const sample = text.slice(0, 50_000);
  const scored = ["\t", ",", ";", "|"].map((delimiter) => {
    const { data } = Papa.parse<string[]>(sample, { delimiter, preview: 40, skipEmptyLines: true });
    const widths = new Map<number, number>();
    for (const row of data) widths.set(row.length, (widths.get(row.length) ?? 0) + 1);
    const [width, rows] = [...widths].sort((a, b) => b[1] - a[1])[0] ?? [1, 0];
    return { delimiter, score: width > 1 ? rows / data.length : 0 };
  });
  const best = scored.reduce((a, b) => (b.score > a.score ? b : a));
  return best.score > 0 ? best.delimiter : ",";
}

function parseJsonLines(text: string): Table {
  const objects: Record<string, unknown>[] = [];
  const numbers: number[] = [];
  const unreadable: number[] = [];
  const columns = new Set<string>();
  text.split(/\r?\n|\r/).forEach((line, index) => {
    const trimmed = line.replace(/^\uFEFF/, "").trim();
    if (trimmed === "") return;
    const value = readObject(trimmed);
    if (!value) {
      unreadable.push(index + 1);
      return;
    }
    for (const key of Object.keys(value)) columns.add(key);
    objects.push(value);
    numbers.push(index + 1);
  });
  const names = [...columns];
  const rows = objects.map((object) => names.map((name) => cellOf(object[name])));
  return { format: "JSONL", header: true, columns: names, rows, numbers, unreadable };
}

function readObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return value && typeof value === "object" && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function cellOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/**
 * What a table holds once its columns are chosen: the rows to train on, the classes, and every problem with the numbers
 * of its rows.
 */
import type { Row } from "graftlet";
import type { Columns } from "./columns.js";
import type { Table } from "./table.js";

/** `left_out` rows are not trained on; a `notice` only says what is odd. */
export interface Problem {
  kind:
    | "unreadable"
    | "text_missing"
    | "text2_missing"
    | "label_missing"
    | "class_of_one"
    | "duplicate"
    | "contradiction";
  severity: "left_out" | "notice";
  /** Numbers of the rows, ascending. */
  rows: number[];
  sentence: string;
}

export interface PreviewRow {
  number: number;
  text: string;
  text2: string | undefined;
  label: string;
  note: string | undefined;
}

export interface Inspection {
  /** Rows that would be trained on. */
  usable: number;
  /** Classes among them, largest first. */
  classes: { label: string; rows: number }[];
  problems: Problem[];
  /** Why training cannot start, or null. */
  blocked: string | null;
  /** The first rows, and after them the first rows that have a problem. */
  preview: PreviewRow[];
}

/** How many rows the preview shows of each sort, and how much of a text. */
const PREVIEW_ROWS = 5;
const PREVIEW_CHARACTERS = 240;

export function inspect(table: Table, columns: Columns): { inspection: Inspection; rows: Row[] } {
  const notes = new Map<number, string>();
  const found = new Map<Problem["kind"], number[]>();
  const note = (kind: Problem["kind"], number: number, short: string) => {
    const numbers = found.get(kind);
    if (numbers) numbers.push(number);
    else found.set(kind, [number]);
    if (!notes.has(number)) notes.set(number, short);
  };
  for (const number of table.unreadable) note("unreadable", number, "not JSON");

  let candidates: { row: Row; number: number }[] = [];
  table.rows.forEach((cells, index) => {
    const number = table.numbers[index] ?? 0;
    const text = (cells[columns.text] ?? "").trim();
    const text2 = columns.text2 === null ? undefined : (cells[columns.text2] ?? "").trim();
    const label = columns.label === null ? "" : (cells[columns.label] ?? "").trim();
    if (text === "") note("text_missing", number, "no text");
    else if (text2 === "") note("text2_missing", number, "no second text");
    else if (label === "") note("label_missing", number, "no label");
    else {
      const row: Row = text2 === undefined ? { text, label } : { text, text2, label };
      candidates.push({ row, number });
    }
  });

  const counts = new Map<string, number>();
  for (const { row } of candidates) counts.set(row.label, (counts.get(row.label) ?? 0) + 1);
  // With a single class there is a better thing to say than that its row is lonely.
  if (counts.size > 1) {
    candidates = candidates.filter(({ row, number }) => {
      if ((counts.get(row.label) ?? 0) > 1) return true;
      note("class_of_one", number, "only row of its class");
      return false;
    });
  }

  const firstOf = new Map<string, { number: number; label: string }>();
  for (const { row, number } of candidates) {
    const key = `${row.text}\u0000${row.text2 ?? ""}`;
    const first = firstOf.get(key);
    if (!first) firstOf.set(key, { number, label: row.label });
    else if (first.label === row.label) note("duplicate", number, `same as row ${first.number}`);
    else note("contradiction", number, `row ${first.number} says ${first.label}`);
  }

  const classes = countClasses(candidates.map(({ row }) => row.label));
  const problems = [...found].map(([kind, numbers]) => problemOf(kind, numbers));
  problems.sort((a, b) => Number(a.severity === "notice") - Number(b.severity === "notice"));
  return {
    inspection: {
      usable: candidates.length,
      classes,
      problems,
      blocked: blockedBy(table, columns, candidates.length, classes),
      preview: previewOf(table, columns, notes),
    },
    rows: candidates.map(({ row }) => row),
  };
}

function countClasses(labels: readonly string[]): Inspection["classes"] {
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return [...counts]
    .map(([label, rows]) => ({ label, rows }))
    .sort((a, b) => b.rows - a.rows || (a.label < b.label ? -1 : 1));
}

function blockedBy(
  table: Table,
  columns: Columns,
  usable: number,
  classes: Inspection["classes"],
): string | null {
  if (table.rows.length === 0) return "There are no rows here: add at least two for each class.";
  if (columns.label === null)
    return "No column holds labels: choose the one that says what each text is, or add it to the file.";
  const labelled = table.rows.some((cells) => (cells[columns.label ?? 0] ?? "").trim() !== "");
  if (!labelled)
    return `No row has a label in “${table.columns[columns.label]}”: choose another column, or fill it in.`;
  if (usable === 0)
    return "No row has both a text and a label that comes twice: check the chosen columns.";
  const [only] = classes;
  if (classes.length === 1 && only)
    return `Every row has the label “${only.label}”: telling apart needs rows of at least two classes.`;
  if (classes.length > Math.max(50, usable / 2))
    return `“${table.columns[columns.label]}” has ${classes.length} different values, hardly any of them twice: choose the column that holds the class.`;
  return null;
}

function previewOf(table: Table, columns: Columns, notes: Map<number, string>): PreviewRow[] {
  const rows: PreviewRow[] = [];
  let flagged = 0;
  table.rows.forEach((cells, index) => {
    const number = table.numbers[index] ?? 0;
    const problem = notes.get(number);
    if (index >= PREVIEW_ROWS && (!problem || flagged >= PREVIEW_ROWS)) return;
    if (problem) flagged += 1;
    const cut = (cell: string | undefined) => (cell ?? "").trim().slice(0, PREVIEW_CHARACTERS);
    rows.push({
      number,
      text: cut(cells[columns.text]),
      text2: columns.text2 === null ? undefined : cut(cells[columns.text2]),
      label: columns.label === null ? "" : cut(cells[columns.label]),
      note: problem,
    });
  });
  return rows;
}

function problemOf(kind: Problem["kind"], numbers: number[]): Problem {
  const rows = numbers.toSorted((a, b) => a - b);
  const one = rows.length === 1;
  const named = nameRows(rows);
  const out = one ? "it is left out" : "they are left out";
  switch (kind) {
    case "unreadable":
      return problem("left_out", `${named} ${one ? "is" : "are"} not a JSON object: ${out}.`);
    case "text_missing":
      return problem("left_out", `${named} ${one ? "has" : "have"} no text: ${out}.`);
    case "text2_missing":
      return problem("left_out", `${named} ${one ? "has" : "have"} no second text: ${out}.`);
    case "label_missing":
      return problem("left_out", `${named} ${one ? "has" : "have"} no label: ${out}.`);
    case "class_of_one":
      return problem(
        "left_out",
        `${named} ${one ? "is the only one of its class" : "are each the only one of their class"}: ${out}, as nothing could judge what was learned from ${one ? "it" : "them"}.`,
      );
    case "duplicate":
      return problem(
        "notice",
        `${named} ${one ? "repeats an earlier row" : "repeat earlier rows"}.`,
      );
    case "contradiction":
      return problem(
        "notice",
        `${named} ${one ? "repeats" : "repeat"} an earlier text under another label.`,
      );
  }

  function problem(severity: Problem["severity"], sentence: string): Problem {
    return { kind, severity, rows, sentence };
  }
}

/** “Row 4”, “Rows 4 and 9”, “Rows 4, 9, 12, 13, 20 and 31 more”. */
export function nameRows(rows: readonly number[]): string {
  const [first] = rows;
  if (rows.length === 1) return `Row ${first}`;
  const shown = rows.slice(0, rows.length > 6 ? 5 : 6);
  const last = rows.length > shown.length ? `${rows.length - shown.length} more` : `${shown.pop()}`;
  return `Rows ${shown.join(", ")} and ${last}`;
}

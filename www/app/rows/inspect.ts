/**
 * What a table holds once it is said how to read it: the rows to train on, the classes, and every finding with the
 * numbers of its rows.
 */
import type { Problem, Row } from "graftlet";
import { blockedBy } from "./blocked.js";
import { type ClassCount, countClasses } from "./classes.js";
import type { Columns } from "./columns.js";
import { toBio } from "./conll.js";
import { DAMAGED } from "./decode.js";
import { type Finding, nameLabels, RowFindings } from "./findings.js";
import { labelsOf, numberOf, SEPARATOR, tagsOf, wordsOf } from "./problem.js";
import type { Table } from "./table.js";

/** How a table is to be read. */
export interface Choice {
  columns: Columns;
  problem: Problem;
  /** The label of texts that have none of the others; of one label a text only. */
  reject: string | null;
  /** Labels that were put right by hand, by row number; null takes the row out. */
  corrections: Readonly<Record<number, string | null>>;
}

export interface PreviewRow {
  number: number;
  text: string;
  text2: string | undefined;
  label: string;
  note: string | undefined;
}

export interface Inspection {
  problem: Problem;
  /** Rows that would be trained on. */
  usable: number;
  /** Classes among them (of tags the kinds of spans), largest first; empty of numbers. */
  classes: ClassCount[];
  /** The range of numbers, or null. */
  range: { least: number; most: number } | null;
  findings: Finding[];
  /** Why training cannot start, or null. */
  blocked: string | null;
  /** The first rows, and after them the first rows that something was found at. */
  preview: PreviewRow[];
}

/** A row that can be trained on, and its number. */
interface Candidate {
  row: Row;
  number: number;
}

/** How many rows the preview shows of each sort, and how much of a text. */
const PREVIEW_ROWS = 5;
const PREVIEW_CHARACTERS = 240;

/** A class with fewer rows is learned, but hardly. */
const FEW_ROWS = 5;

export interface Looked {
  inspection: Inspection;
  rows: Row[];
  /** The number of each of `rows` in the file. */
  numbers: number[];
}

export function inspect(table: Table, choice: Choice): Looked {
  const { problem } = choice;
  const found = new RowFindings();
  for (const { number, kind } of table.faults) found.add(kind, number);

  const seen = new Set<string>();
  let candidates = readRows(table, choice, found, seen);
  candidates = withoutRepeats(candidates, found);
  if (problem === "single_label") candidates = withoutLonely(candidates, found);

  const classes = countClasses(
    candidates.map(({ row }) => row.label),
    problem,
  );
  const inspection: Inspection = {
    problem,
    usable: candidates.length,
    classes,
    range: problem === "regression" ? rangeOf(candidates) : null,
    findings: [...found.all(), ...aboutClasses(seen, classes, problem)],
    blocked: blockedBy(table, choice, candidates.length, classes),
    preview: previewOf(table, choice, found),
  };
  return {
    inspection,
    rows: candidates.map(({ row }) => row),
    numbers: candidates.map(({ number }) => number),
  };
}

/** Every row whose cells can be read; `seen` gets all labels, also those of rows that are left out. */
function readRows(
  table: Table,
  choice: Choice,
  found: RowFindings,
  seen: Set<string>,
): Candidate[] {
  const { columns, problem, corrections } = choice;
  const candidates: Candidate[] = [];
  table.rows.forEach((cells, index) => {
    const number = table.numbers[index] ?? 0;
    const cell = (column: number | null) => (column === null ? "" : (cells[column] ?? "").trim());
    const correction = corrections[number];
    const text = cell(columns.text);
    const text2 = columns.text2 === null ? undefined : cell(columns.text2);
    const said = correction ?? cell(columns.label);
    const label = readLabel(said, text, problem);
    if (label.value !== undefined && !said.includes(DAMAGED)) seen.add(label.value);
    if (correction === null) found.add("taken_out", number);
    else if (`${text}${text2 ?? ""}${said}`.includes(DAMAGED)) found.add("damaged", number);
    else if (text === "") found.add("text_missing", number);
    else if (text2 === "") found.add("text2_missing", number);
    else if (label.value === undefined) found.add(label.fault, number);
    else {
      if (label.value === "") found.add("no_labels", number);
      const tagged = problem === "token_classification" ? wordsOf(text).join(" ") : text;
      const row: Row = { text: tagged, label: label.value };
      if (text2 !== undefined) row.text2 = text2;
      candidates.push({ row, number });
    }
  });
  return candidates;
}

type LabelFault = "label_missing" | "not_a_number" | "tags_unlike_words";

/** A label as the engine takes it. */
function readLabel(
  said: string,
  text: string,
  problem: Problem,
): { value: string } | { value: undefined; fault: LabelFault } {
  const fault = (fault: LabelFault) => ({ value: undefined, fault });
  // A text with any number of labels may have none.
  if (said === "" && problem !== "multi_label") return fault("label_missing");
  switch (problem) {
    case "single_label":
      return { value: said };
    case "multi_label":
      return { value: labelsOf(said).join(SEPARATOR) };
    case "regression": {
      const number = numberOf(said);
      return number === undefined ? fault("not_a_number") : { value: String(number) };
    }
    case "token_classification": {
      const tags = tagsOf(said);
      return tags?.length === wordsOf(text).length
        ? { value: toBio(tags).join(" ") }
        : fault("tags_unlike_words");
    }
  }
}

/** The first of equal rows; of rows that give one text different labels none, as nobody knows which is right. */
function withoutRepeats(candidates: readonly Candidate[], found: RowFindings): Candidate[] {
  const keyOf = ({ row }: Candidate) => `${row.text}\u0000${row.text2 ?? ""}`;
  const labels = new Map<string, string>();
  const contradicted = new Set<string>();
  for (const candidate of candidates) {
    const key = keyOf(candidate);
    const label = labels.get(key);
    if (label === undefined) labels.set(key, candidate.row.label);
    else if (label !== candidate.row.label) contradicted.add(key);
  }
  return candidates.filter((candidate) => {
    const key = keyOf(candidate);
    if (contradicted.has(key)) found.add("contradiction", candidate.number);
    // The first of its text takes the text's label away, so that the next finds none.
    else if (!labels.delete(key)) found.add("duplicate", candidate.number);
    else return true;
    return false;
  });
}

/** Without rows that are alone in their class: nothing could judge what was learned from them. */
function withoutLonely(candidates: readonly Candidate[], found: RowFindings): Candidate[] {
  const counts = new Map<string, number>();
  for (const { row } of candidates) counts.set(row.label, (counts.get(row.label) ?? 0) + 1);
  // With a single class there is a better thing to say than that its row is lonely.
  if (counts.size < 2) return [...candidates];
  return candidates.filter(({ row, number }) => {
    if ((counts.get(row.label) ?? 0) > 1) return true;
    found.add("class_of_one", number);
    return false;
  });
}

/** Classes that are named in the file and have no row left, and those with few. */
function aboutClasses(
  seen: ReadonlySet<string>,
  classes: readonly ClassCount[],
  problem: Problem,
): Finding[] {
  if (problem === "regression") return [];
  const left = new Set(classes.map(({ label }) => label));
  const named = countClasses([...seen], problem).map(({ label }) => label);
  const empty = named.filter((label) => !left.has(label));
  const small = classes.filter(({ rows }) => rows < FEW_ROWS).map(({ label }) => label);
  const findings: Finding[] = [];
  const notice = (kind: Finding["kind"], sentence: string) =>
    findings.push({ kind, severity: "notice", rows: [], sentence });
  if (empty.length > 0) {
    const one = empty.length === 1;
    notice(
      "class_empty",
      `${one ? "The class" : "The classes"} ${nameLabels(empty)} ${one ? "has" : "have"} no row left: ${one ? "it is" : "they are"} not learned.`,
    );
  }
  if (small.length > 0) {
    const one = small.length === 1;
    notice(
      "class_small",
      `${nameLabels(small)} ${one ? "has" : "have"} fewer than ${FEW_ROWS} rows: more would help.`,
    );
  }
  return findings;
}

function rangeOf(candidates: readonly Candidate[]): Inspection["range"] {
  if (candidates.length === 0) return null;
  let [least, most] = [Infinity, -Infinity];
  for (const { row } of candidates) {
    least = Math.min(least, Number(row.label));
    most = Math.max(most, Number(row.label));
  }
  return { least, most };
}

function previewOf(
  table: Table,
  { columns, corrections }: Choice,
  found: RowFindings,
): PreviewRow[] {
  const rows: PreviewRow[] = [];
  let flagged = 0;
  table.rows.forEach((cells, index) => {
    const number = table.numbers[index] ?? 0;
    const note = found.noteOn(number);
    if (index >= PREVIEW_ROWS && (!note || flagged >= PREVIEW_ROWS)) return;
    if (note) flagged += 1;
    const cut = (cell: string | undefined) => (cell ?? "").trim().slice(0, PREVIEW_CHARACTERS);
    rows.push({
      number,
      text: cut(cells[columns.text]),
      text2: columns.text2 === null ? undefined : cut(cells[columns.text2]),
      label: corrections[number] ?? (columns.label === null ? "" : cut(cells[columns.label])),
      note,
    });
  });
  return rows;
}

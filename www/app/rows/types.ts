/**
 * What the reader of rows says and is asked, as it passes between worker and page. The reader is the crate in ../../../rows,
 * which the command line uses as well; its sentences are shown as they are.
 */
import type { Problem, Row } from "graftlet";

/** Indices into a table's columns. */
export interface Columns {
  text: number;
  /** The second text of a pair, or null. */
  text2: number | null;
  label: number | null;
  /** Instead of `label`: columns of zeros and ones, each a label that a text has or has not. */
  labelColumns?: number[] | undefined;
}

/** How a file is to be read where guessing gets it wrong. */
export interface Options {
  /** The file's name, a hint. */
  name?: string;
  delimiter?: string;
  /** Whether the first row names the columns. */
  header?: boolean;
}

/** A file as it was understood. */
export interface Source {
  /** “CSV”, “TSV”, “lines” (one text a line), “JSONL”, “JSON”, “CoNLL”. */
  format: string;
  encoding: string;
  /** Between cells, where the format has one. */
  delimiter: string | null;
  /** True when the first row named the columns. */
  header: boolean;
  columns: string[];
  rows: number;
  guess: Columns;
  /** Why the guess may be wrong, in a sentence; null where one reading is plain. */
  unclear: string | null;
  /** Sentences about how it was read. */
  notes: string[];
}

/** What the labels of some columns seem to say. */
export interface Proposal {
  problem: Problem;
  /** The label of texts that have none of the others. */
  reject: string | null;
}

/** How a table is to be read. */
export interface Choice extends Proposal {
  columns: Columns;
  /** Labels that were put right by hand, by row number; null takes the row out. */
  corrections: Readonly<Record<number, string | null>>;
  /** Whether labels that differ only in case or spaces become one. */
  merge: boolean;
}

export interface ClassCount {
  label: string;
  rows: number;
}

/** `left_out` rows are not trained on; a `notice` only says what is odd. */
export interface Finding {
  kind: string;
  severity: "left_out" | "notice";
  /** Numbers of the rows, ascending; empty of what is said of all rows, or of a class. */
  rows: number[];
  sentence: string;
}

/** Labels that differ only in case or spaces, also those that were merged. */
export interface Mergeable {
  /** The form that most rows use. */
  label: string;
  /** All forms, most used first. */
  variants: string[];
  rows: number;
}

export interface PreviewRow {
  number: number;
  text: string;
  text2?: string;
  label: string;
  note?: string;
}

export interface Inspection {
  problem: Problem;
  /** Rows that would be trained on. */
  usable: number;
  /** Classes among them (of tags the kinds of spans), largest first; empty of numbers. The page is told the first thousand. */
  classes: ClassCount[];
  /** How many classes there are; set by the worker. */
  classCount?: number;
  /** The range of numbers, or null. */
  range: { least: number; most: number } | null;
  findings: Finding[];
  mergeable: Mergeable[];
  /** Why training cannot start, or null. */
  blocked: string | null;
  /** The first rows, and after them the first rows that something was found at. */
  preview: PreviewRow[];
}

/** A row as its owner knows it. */
export interface NamedRow {
  /** In the file. */
  number: number;
  text: string;
  text2?: string | undefined;
}

/** What there is to classify, and which of the table's rows each is: those without a text are left out. */
export interface Texts {
  texts: (string | [string, string])[];
  rows: number[];
}

export type { Problem, Row };

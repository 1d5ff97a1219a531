/**
 * What is odd about rows, in words.
 */
import { count } from "../format/units.js";

/** The findings, in the order in which they are told. What is said of one row, of several, and in the preview. */
const WORDS = {
  misquoted: ["has quotes that do not match", "have quotes that do not match", "quotes"],
  too_wide: [
    "has more cells than there are columns",
    "have more cells than there are columns",
    "too many cells",
  ],
  not_json: ["is not a JSON object", "are not JSON objects", "not JSON"],
  not_tagged: ["has a word without a tag", "have words without a tag", "no tag"],
  damaged: ["has bytes that are no characters", "have bytes that are no characters", "damaged"],
  text_missing: ["has no text", "have no text", "no text"],
  text2_missing: ["has no second text", "have no second text", "no second text"],
  label_missing: ["has no label", "have no label", "no label"],
  not_a_number: ["has a label that is no number", "have labels that are no numbers", "no number"],
  tags_unlike_words: [
    "has not one tag a word",
    "have not one tag a word",
    "tags do not fit the words",
  ],
  contradiction: [
    "has a text that another row gives another label",
    "have texts that other rows give other labels",
    "contradicts another row",
  ],
  duplicate: ["repeats an earlier row", "repeat earlier rows", "repeats a row"],
  class_of_one: [
    "is the only one of its class",
    "are each the only one of their class",
    "only row of its class",
  ],
  taken_out: ["was taken out by you", "were taken out by you", "taken out"],
  no_labels: [
    "has no label, and is taken to have none of them",
    "have no label, and are taken to have none of them",
    "none of the labels",
  ],
} as const satisfies Record<string, readonly [string, string, string]>;

export type FindingKind = keyof typeof WORDS | "class_empty" | "class_small" | "encoding";

/** `left_out` rows are not trained on; a `notice` only says what is odd. */
export interface Finding {
  kind: FindingKind;
  severity: "left_out" | "notice";
  /** Numbers of the rows, ascending; empty of what is said of all rows, or of a class. */
  rows: number[];
  sentence: string;
}

/** Findings about rows that are trained on all the same. */
const NOTICES: readonly FindingKind[] = ["no_labels"];

/** What was found at rows, gathered row by row. */
export class RowFindings {
  readonly #found = new Map<keyof typeof WORDS, number[]>();
  readonly #notes = new Map<number, string>();

  add(kind: keyof typeof WORDS, number: number): void {
    const numbers = this.#found.get(kind);
    if (numbers) numbers.push(number);
    else this.#found.set(kind, [number]);
    if (!this.#notes.has(number)) this.#notes.set(number, WORDS[kind][2]);
  }

  /** The preview's word on a row. */
  noteOn(number: number): string | undefined {
    return this.#notes.get(number);
  }

  all(): Finding[] {
    return (Object.keys(WORDS) as (keyof typeof WORDS)[]).flatMap((kind) => {
      const rows = this.#found.get(kind)?.toSorted((a, b) => a - b);
      if (!rows) return [];
      const severity = NOTICES.includes(kind) ? "notice" : "left_out";
      const [one, many] = WORDS[kind];
      const out = rows.length === 1 ? ": it is left out" : ": they are left out";
      const sentence = `${nameRows(rows)} ${rows.length === 1 ? one : many}${severity === "notice" ? "" : out}.`;
      return [{ kind, severity, rows, sentence }];
    });
  }
}

/** “Row 4”, “Rows 4 and 9”, “31 rows (4, 9, 12, 13, 20, …)”. */
export function nameRows(rows: readonly number[]): string {
  const [first] = rows;
  if (rows.length === 1) return `Row ${first}`;
  if (rows.length > 6) return `${count(rows.length)} rows (${rows.slice(0, 5).join(", ")}, …)`;
  return `Rows ${rows.slice(0, -1).join(", ")} and ${rows.at(-1)}`;
}

/** “a”, “a” and “b”; of many the first few. */
export function nameLabels(labels: readonly string[]): string {
  const quoted = labels.slice(0, labels.length > 6 ? 5 : 6).map((label) => `“${label}”`);
  const last = labels.length > 6 ? `${count(labels.length - 5)} more` : quoted.pop();
  return quoted.length === 0 ? `${last}` : `${quoted.join(", ")} and ${last}`;
}

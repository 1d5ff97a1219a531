/**
 * CoNLL: a word and its tag a line, an empty line between sentences. A sentence becomes one row: its words and its tags,
 * each joined by spaces.
 */
import type { Table } from "./table.js";

/** Tags of spans: BIO, and BIOES or BILOU, whose finer prefixes are read as B and I. */
export const TAG = /^(O|[BIESLU]-\S+)$/;

/** True when the first lines are words with tags. */
export function looksLikeConll(text: string): boolean {
  const lines = text
    .slice(0, 20_000)
    .split(/\r\n|\n|\r/)
    .filter((line) => line.trim() !== "" && !isAside(line));
  // The last line of the sample may be cut off.
  const sample = lines.slice(0, Math.max(1, lines.length - 1)).map(cellsOf);
  const tagged = sample.filter((cells) => cells.length > 1 && TAG.test(cells.at(-1) ?? ""));
  return sample.length > 1 && tagged.length >= 0.9 * sample.length;
}

export function readConll(text: string): Table {
  const table: Table = {
    format: "CoNLL",
    header: true,
    columns: ["words", "tags"],
    rows: [],
    numbers: [],
    faults: [],
  };
  let words: string[] = [];
  let tags: string[] = [];
  let first = 0;
  let sound = true;
  const close = () => {
    if (!sound) table.faults.push({ number: first, kind: "not_tagged" });
    else if (words.length > 0) {
      table.rows.push([words.join(" "), tags.join(" ")]);
      table.numbers.push(first);
    }
    words = [];
    tags = [];
    sound = true;
    first = 0;
  };
  text.split(/\r\n|\n|\r/).forEach((line, index) => {
    if (line.trim() === "") {
      close();
      return;
    }
    if (isAside(line)) return;
    first ||= index + 1;
    const cells = cellsOf(line);
    const [word] = cells;
    const tag = cells.length > 1 ? cells.at(-1) : undefined;
    if (!word || !tag || !TAG.test(tag) || /\s/.test(word)) sound = false;
    else {
      words.push(word);
      tags.push(tag);
    }
  });
  close();
  return table;
}

/** Tags with B at the first word of every span and I at the others; older files begin spans with I. */
export function toBio(tags: readonly string[]): string[] {
  let open: string | undefined;
  return tags.map((tag) => {
    const kind = tag === "O" ? undefined : tag.slice(2);
    const begins = /^[BSU]-/.test(tag) || kind !== open;
    open = kind;
    return kind === undefined ? "O" : `${begins ? "B" : "I"}-${kind}`;
  });
}

function cellsOf(line: string): string[] {
  return line.includes("\t")
    ? line.split("\t").map((cell) => cell.trim())
    : line.trim().split(/ +/);
}

function isAside(line: string): boolean {
  return line.startsWith("-DOCSTART-") || (line.startsWith("# ") && !line.includes("\t"));
}

/**
 * Delimited text as records (RFC 4180). A record that breaks the rules of quoting is set aside and reading goes on at the
 * next line, so that one stray quote costs its own row and not all that follow.
 */

export interface Delimited {
  records: string[][];
  /** The number of each record: the spreadsheet's row, blank ones counted. */
  numbers: number[];
  /** Numbers of the records whose quotes do not match. */
  misquoted: number[];
}

const NEWLINE = /\r\n|\n|\r/g;

export function readDelimited(text: string, delimiter: string, most = Infinity): Delimited {
  const found: Delimited = { records: [], numbers: [], misquoted: [] };
  let at = 0;
  for (let number = 1; at < text.length && found.records.length < most; number += 1) {
    const record = readRecord(text, at, delimiter) ?? asItStands(text, at, delimiter);
    if (record.cells === undefined) found.misquoted.push(number);
    else if (record.cells.some((cell) => cell.trim() !== "")) {
      found.records.push(record.cells);
      found.numbers.push(number);
    }
    at = record.next;
  }
  return found;
}

function readRecord(text: string, start: number, delimiter: string) {
  const cells: string[] = [];
  let at = start;
  for (;;) {
    if (text[at] === '"') {
      const close = closingQuote(text, at + 1);
      if (close < 0) return undefined;
      cells.push(text.slice(at + 1, close).replaceAll('""', '"'));
      at = close + 1;
    } else {
      const begin = at;
      while (at < text.length && text[at] !== delimiter && !isNewline(text[at])) at += 1;
      cells.push(text.slice(begin, at));
    }
    if (at >= text.length || isNewline(text[at])) return { cells, next: lineAfter(text, at) };
    if (text[at] !== delimiter) return undefined;
    at += 1;
  }
}

/** The line of a record that is misquoted. Where tabs separate cells, a quote may be no more than a character. */
function asItStands(text: string, start: number, delimiter: string) {
  const next = lineAfter(text, start);
  const line = text.slice(start, next).replace(/[\r\n]+$/, "");
  return { cells: delimiter === "\t" ? line.split("\t") : undefined, next };
}

function closingQuote(text: string, from: number): number {
  let at = text.indexOf('"', from);
  while (at >= 0 && text[at + 1] === '"') at = text.indexOf('"', at + 2);
  return at;
}

function isNewline(character: string | undefined): boolean {
  return character === "\n" || character === "\r";
}

/** Where the line after the one at `at` begins. */
function lineAfter(text: string, at: number): number {
  NEWLINE.lastIndex = at;
  return NEWLINE.test(text) ? NEWLINE.lastIndex : text.length;
}

/**
 * The delimiter that the first lines agree on. Prose is full of commas: a delimiter has to give the same number of cells
 * in the rows it is tried on.
 */
export function guessDelimiter(text: string): string {
  const sample = text.slice(0, 50_000);
  const scored = ["\t", ",", ";", "|"].map((delimiter) => {
    const { records } = readDelimited(sample, delimiter, 40);
    const widths = new Map<number, number>();
    for (const { length } of records) widths.set(length, (widths.get(length) ?? 0) + 1);
    const [width, rows] = [...widths].sort((a, b) => b[1] - a[1])[0] ?? [1, 0];
    return { delimiter, score: width > 1 ? rows / records.length : 0 };
  });
  const best = scored.reduce((a, b) => (b.score > a.score ? b : a));
  return best.score > 0 ? best.delimiter : ",";
}

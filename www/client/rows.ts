/**
 * Rows on their way to the workers: JSON lines, some at a time, so that there is never a second copy of all of them.
 */
import { GraftletError } from "./errors.js";
import type { Row, TaggedRow } from "./types.js";

/** Rows of a part. */
const PART = 1000;

/** The rows as UTF-8 JSON lines of `{ text, text2?, label }`, which is what the engine reads. */
export function* partsOf(
  rows: readonly (Row | TaggedRow)[],
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  const encoder = new TextEncoder();
  for (let start = 0; start < rows.length; start += PART) {
    const lines = rows.slice(start, start + PART).map((row, index) => line(row, start + index));
    yield encoder.encode(`${lines.join("\n")}\n`);
  }
}

function line(row: Row | TaggedRow, index: number): string {
  if (typeof row !== "object" || row === null) {
    throw new GraftletError(
      "option_invalid",
      `Row ${index + 1} is ${JSON.stringify(row)}: give rows as { text, label }.`,
    );
  }
  const { text, text2, label } = "words" in row ? plain(row, index) : row;
  return wellFormed(JSON.stringify({ text, text2, label }));
}

/** Words and tags, each separated by spaces. */
function plain({ words }: TaggedRow, index: number): Row {
  for (const { text, tag } of words) {
    for (const word of [text, tag]) {
      if (typeof word === "string" && /^\S+$/u.test(word)) continue;
      throw new GraftletError(
        "option_invalid",
        `Row ${index + 1} has the word or tag “${word}”: give words and tags that are not empty and have no space in them.`,
      );
    }
  }
  return {
    text: words.map(({ text }) => text).join(" "),
    label: words.map(({ tag }) => tag).join(" "),
  };
}

/** Half of a surrogate pair, which JSON escapes and UTF-8 does not have, becomes U+FFFD. */
function wellFormed(json: string): string {
  return json.replace(/\\(ud[89a-f][0-9a-f]{2}|.)/g, (found, what: string) =>
    what.length > 1 ? "\\ufffd" : found,
  );
}

/**
 * Rows on their way to the workers: JSON lines, some at a time, so that there is never a second copy of all of them.
 */
import { checked, readable, shown } from "./check.js";
import { GraftletError } from "./errors.js";
import type { Row, TaggedRow } from "./types.js";

/** Rows of a part. */
const PART = 1000;

/**
 * The rows as UTF-8 JSON lines of `{ text, text2?, label, replay? }`, which is what the engine reads. `replay` marks rows
 * that an adapter should not forget; those need no label.
 */
export function* partsOf(
  rows: readonly unknown[],
  replay?: true,
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
  const encoder = new TextEncoder();
  for (let start = 0; start < rows.length; start += PART) {
    const lines = rows
      .slice(start, start + PART)
      .map((row, index) => line(row, start + index, replay));
    yield encoder.encode(`${lines.join("\n")}\n`);
  }
}

function line(row: unknown, index: number, replay: true | undefined): string {
  const place = `${replay ? "Replayed row" : "Row"} ${index + 1}`;
  const { text, text2, label } = checked(row, place, (row) => {
    if (typeof row !== "object" || row === null) {
      throw refused(place, row, "give rows as { text, label }");
    }
    return "words" in row ? plain(row as TaggedRow, place) : fields(row as Row, place);
  });
  return wellFormed(JSON.stringify({ text, text2, label, replay }));
}

/** A row whose label is missing is left to the engine, which counts them. */
function fields({ text, text2, label }: Row, place: string): Row {
  const given = { text, text2: text2 ?? "", label: label ?? "" };
  for (const [name, value] of Object.entries(given)) {
    if (typeof value !== "string") {
      throw refused(`${name} of ${place.toLowerCase()}`, value, "give a string");
    }
  }
  const read = readable(text);
  const own = text2 === undefined || text2 === null ? {} : { text2: readable(text2) };
  return { text: read, ...own, label };
}

/** Words and tags, each separated by spaces. */
function plain({ words }: TaggedRow, place: string): Row {
  const copy: { text: string; tag: string }[] = [];
  for (const word of words) {
    const { text, tag } = word;
    for (const part of [text, tag]) {
      if (typeof part === "string" && /^\S+$/u.test(part)) continue;
      throw refused(
        `A word or tag of ${place.toLowerCase()}`,
        part,
        "give words and tags that are not empty and have no space in them",
      );
    }
    copy.push({ text, tag });
  }
  return {
    text: copy.map(({ text }) => text).join(" "),
    label: copy.map(({ tag }) => tag).join(" "),
  };
}

function refused(place: string, value: unknown, advice: string): GraftletError {
  return new GraftletError("option_invalid", `${place} is ${shown(value)}: ${advice}.`);
}

/** Half of a surrogate pair, which JSON escapes and UTF-8 does not have, becomes U+FFFD. */
function wellFormed(json: string): string {
  return json.replace(/\\(ud[89a-f][0-9a-f]{2}|.)/g, (found, what: string) =>
    what.length > 1 ? "\\ufffd" : found,
  );
}

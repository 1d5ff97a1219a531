/**
 * Rows on their way to the workers: JSON lines, or what was read of recordings and pictures. Some at a time, so that there is
 * never a second copy of all of them.
 */
import { checked, readable, shown } from "./check.js";
import { bytesOf, type Media, media, type Reads, refuseOther } from "./check-media.js";
import { GraftletError } from "./errors.js";
import type { Given, Keep } from "./protocol.js";
import type { Caller } from "./remote.js";
import { prepared } from "./sounds.js";
import type { Row, TaggedRow } from "./types.js";

/** Rows of a part. */
const PART = 1000;
/** Most recordings or pictures that are read at once, and about the most bytes of them. */
const READ = 8;
const READ_BYTES = 64_000_000;
/** About the bytes of a part of what was read. */
const PART_BYTES = 4_000_000;

/** The rows of a run to come, of a model that reads these. */
export interface RunRows {
  reads: Reads;
  rows: readonly unknown[];
  /** Those that an adapter should not forget. */
  replay: readonly unknown[];
}

/** How a worker reads recordings and pictures; see `Calls.read`. */
export type ReadRows = (given: Given[], place: string, before: number) => Promise<Uint8Array[]>;

/** Reads in a worker that has the backbone. */
export function readBy(worker: Caller, keep: Keep = "beginning"): ReadRows {
  // It gives back texts as they are, and there are none.
  return async (...args) => (await worker.call("read", [...args, keep])) as Uint8Array[];
}

/** All rows as the engine takes them. `tell` is told how many recordings or pictures were read. */
export async function* allParts(
  all: RunRows,
  read: ReadRows,
  tell?: (done: number) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const { reads, rows, replay } = all;
  if (reads === "texts") {
    yield* partsOf(rows);
    yield* partsOf(replay, true);
    return;
  }
  yield* readParts(rows, reads, read, tell);
  yield* readParts(replay, reads, read, (done) => tell?.(rows.length + done), true);
}

/** Refuses rows that the model cannot read, before anything is started. */
export function checkSorts({ reads, rows, replay }: RunRows): void {
  for (const [all, place] of [
    [rows, "Row"],
    [replay, "Replayed row"],
  ] as const) {
    for (const [index, row] of all.entries()) {
      const at = `${place} ${index + 1}`;
      checked(row, at, (row) => refuseOther(inputOf(row), at, reads));
    }
  }
}

/** What of a row is read. */
function inputOf(row: unknown): unknown {
  if (typeof row !== "object" || row === null) return undefined;
  const { sound, picture } = row as { sound?: unknown; picture?: unknown };
  return sound ?? picture ?? ("text" in row || "words" in row ? "" : undefined);
}

/**
 * Rows of recordings or pictures, as what is read of them: each a zero byte, a JSON line of `{ text: "", label, replay? }`, the
 * number of bytes that follow, as 32 bits, and these.
 */
async function* readParts(
  rows: readonly unknown[],
  reads: "sounds" | "pictures",
  read: ReadRows,
  tell?: (done: number) => void,
  replay?: true,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  const encoder = new TextEncoder();
  const noun = replay ? "Replayed row" : "Row";
  let part: Uint8Array[] = [];
  let bytes = 0;
  for (let start = 0; start < rows.length; ) {
    const lines: Uint8Array[] = [];
    const given: Given[] = [];
    let units = 0;
    // A few at a time, so that their originals are never in memory together.
    while (start + given.length < rows.length && given.length < READ && units < READ_BYTES) {
      const at = start + given.length;
      const place = `${noun} ${at + 1}`;
      const { media, label } = checked(rows[at], place, (row) => mediaRow(row, place, reads));
      lines.push(encoder.encode(wellFormed(`${JSON.stringify({ text: "", label, replay })}\n`)));
      units += bytesOf(media);
      given.push(await prepared(media, place, reads));
    }
    for (const [index, sequence] of (await read(given, noun, start)).entries()) {
      const count = new DataView(new ArrayBuffer(4));
      count.setUint32(0, sequence.length, true);
      const record = [MARK, lines[index] as Uint8Array, new Uint8Array(count.buffer), sequence];
      part.push(...record);
      bytes += record.reduce((sum, { length }) => sum + length, 0);
    }
    start += given.length;
    tell?.(start);
    if (bytes < PART_BYTES && start < rows.length) continue;
    yield joined(part, bytes);
    [part, bytes] = [[], 0];
  }
}

/** Stands before what was read; no JSON begins with it. */
const MARK = Uint8Array.of(0);

function joined(pieces: readonly Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

function mediaRow(
  row: unknown,
  place: string,
  reads: "sounds" | "pictures",
): { media: Media; label: string | undefined } {
  const field = reads === "sounds" ? "sound" : "picture";
  if (typeof row !== "object" || row === null) {
    throw refused(place, row, `give rows as { ${field}, label }`);
  }
  const { [field]: given, label } = row as Record<string, unknown>;
  if (label !== undefined && label !== null && typeof label !== "string") {
    throw refused(`label of ${place.toLowerCase()}`, label, "give a string");
  }
  // An empty field is told from a row that has the other one.
  refuseOther(given ?? inputOf(row), place, reads);
  return { media: media(reads)(given, place), label: label ?? undefined };
}

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
    refuseOther(inputOf(row), place, "texts");
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

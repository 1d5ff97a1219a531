/**
 * A text cut at the spans that were found in it.
 */
import type { Span } from "graftlet";

/** A piece of the text; with a span, what was found. */
export interface Piece {
  text: string;
  span: Span | undefined;
}

/** The pieces in order; together they are the text. Spans that overlap an earlier one are passed over. */
export function piecesOf(text: string, spans: readonly Span[]): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  for (const span of spans.toSorted((a, b) => a.start - b.start)) {
    if (span.start < at || span.end > text.length) continue;
    if (span.start > at) pieces.push({ text: text.slice(at, span.start), span: undefined });
    pieces.push({ text: text.slice(span.start, span.end), span });
    at = span.end;
  }
  if (at < text.length) pieces.push({ text: text.slice(at), span: undefined });
  return pieces;
}

/** The longest word that is kept on one line with what follows it: a phone has room for some thirty characters. */
const LONGEST_WORD = 16;

/** A text cut before its last word; of a longer word, before its last characters. */
export function lastWordOf(text: string): [before: string, last: string] {
  const [word = ""] = /\S+\s*$/.exec(text) ?? [];
  const characters = [...word];
  const last = characters.slice(-LONGEST_WORD).join("");
  return [text.slice(0, text.length - last.length), last];
}

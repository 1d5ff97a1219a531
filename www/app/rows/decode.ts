/**
 * Bytes of a dropped file as text. Spreadsheets write UTF-8 with a byte-order mark, UTF-16, or the old Windows
 * encoding. A mark decides where there is one. Bytes that are not UTF-8 in a file that is mostly well-formed UTF-8 are
 * damage: they become `DAMAGED`, so that their rows can be named; otherwise the file is taken as Windows-1252.
 */

export interface Decoded {
  text: string;
  encoding: "UTF-8" | "UTF-16" | "Windows-1252";
}

/** What stands for bytes that are no character. */
export const DAMAGED = "\uFFFD";

/** The five bytes that Windows-1252 has no character for; the decoder gives control characters. */
const UNDEFINED = /[\u0081\u008d\u008f\u0090\u009d]/g;

export function decode(bytes: Uint8Array): Decoded {
  const wide = utf16Of(bytes);
  if (wide) return { text: new TextDecoder(wide).decode(bytes), encoding: "UTF-16" };
  // TextDecoder takes the byte-order mark away.
  const text = new TextDecoder("utf-8").decode(bytes);
  const damaged = count(text, /\uFFFD/g);
  const marked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  if (damaged === 0 || marked || damaged <= count(text, /[^\0-\x7f\uFFFD]/gu)) {
    return { text, encoding: "UTF-8" };
  }
  const old = new TextDecoder("windows-1252").decode(bytes);
  return { text: old.replace(UNDEFINED, DAMAGED), encoding: "Windows-1252" };
}

function count(text: string, pattern: RegExp): number {
  let found = 0;
  for (const _ of text.matchAll(pattern)) found += 1;
  return found;
}

/** The byte order of UTF-16: by its mark, or by the zeros that every second byte of western text is. */
function utf16Of(bytes: Uint8Array): "utf-16le" | "utf-16be" | undefined {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return "utf-16le";
  if (first === 0xfe && second === 0xff) return "utf-16be";
  const sample = bytes.subarray(0, 2000);
  const zeros = [0, 0];
  sample.forEach((byte, index) => {
    if (byte === 0) zeros[index % 2] = (zeros[index % 2] ?? 0) + 1;
  });
  const [even = 0, odd = 0] = zeros;
  const many = sample.length / 5;
  if (odd > many && even === 0) return "utf-16le";
  if (even > many && odd === 0) return "utf-16be";
  return undefined;
}

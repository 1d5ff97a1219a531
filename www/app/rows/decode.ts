/**
 * Bytes of a dropped file as text. Spreadsheets write UTF-8 with a byte-order mark, UTF-16, or the old Windows
 * encoding; the mark decides where there is one, and bytes that are not UTF-8 are taken as Windows-1252.
 */

export interface Decoded {
  text: string;
  encoding: "UTF-8" | "UTF-16" | "Windows-1252";
}

export function decode(bytes: Uint8Array): Decoded {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return utf16(bytes, "utf-16le");
  if (first === 0xfe && second === 0xff) return utf16(bytes, "utf-16be");
  try {
    // TextDecoder takes the byte-order mark away.
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return { text, encoding: "UTF-8" };
  } catch {
    return { text: new TextDecoder("windows-1252").decode(bytes), encoding: "Windows-1252" };
  }
}

function utf16(bytes: Uint8Array, label: string): Decoded {
  return { text: new TextDecoder(label).decode(bytes), encoding: "UTF-16" };
}

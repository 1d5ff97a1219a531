import { describe, expect, it } from "vitest";
import { decode } from "../rows/decode.js";

const utf8 = (text: string) => new TextEncoder().encode(text);
const bytes = (...parts: (string | number)[]) =>
  new Uint8Array(parts.flatMap((part) => (typeof part === "string" ? [...utf8(part)] : [part])));

describe("decode", () => {
  it("takes a byte-order mark away", () => {
    expect(decode(bytes(0xef, 0xbb, 0xbf, "text,label"))).toEqual({
      text: "text,label",
      encoding: "UTF-8",
    });
  });

  it("reads what spreadsheets call Unicode text", () => {
    expect(decode(bytes(0xff, 0xfe, 0x61, 0x00, 0xe9, 0x00))).toMatchObject({
      text: "aé",
      encoding: "UTF-16",
    });
    expect(decode(bytes(0xfe, 0xff, 0x00, 0x61, 0x00, 0xe9))).toMatchObject({
      text: "aé",
      encoding: "UTF-16",
    });
  });

  it("knows UTF-16 without a mark by its zeros", () => {
    const little = bytes(...[..."text,label"].flatMap((c) => [c, 0]));
    const big = bytes(...[..."text,label"].flatMap((c) => [0, c]));
    expect(decode(little)).toMatchObject({ text: "text,label", encoding: "UTF-16" });
    expect(decode(big)).toMatchObject({ text: "text,label", encoding: "UTF-16" });
  });

  it("falls back to Windows-1252 for bytes that are not UTF-8", () => {
    expect(decode(bytes("caf", 0xe9))).toEqual({
      text: "café",
      encoding: "Windows-1252",
    });
  });

  it("marks bytes that Windows-1252 has no character for", () => {
    expect(decode(bytes("caf", 0xe9, 0x81))).toEqual({
      text: "café\uFFFD",
      encoding: "Windows-1252",
    });
  });

  it("takes a bad byte in a file of UTF-8 for damage, not for another encoding", () => {
    expect(decode(bytes("grün, weiß, caf", 0xe9, "\n"))).toEqual({
      text: "grün, weiß, caf\uFFFD\n",
      encoding: "UTF-8",
    });
  });
});

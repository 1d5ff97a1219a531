import { describe, expect, it } from "vitest";
import { GraftletError } from "../errors.js";
import { readManifest } from "../manifest.js";

const HASH = "a".repeat(64);
const entry = { name: "model.safetensors", bytes: 5, sha256: HASH };
const manifest = (files: unknown) => JSON.stringify({ format: 1, name: "m", files });
const withEntry = (change: object) => manifest([{ ...entry, ...change }]);

function outcome(text: string | Uint8Array): unknown {
  try {
    return readManifest(typeof text === "string" ? new TextEncoder().encode(text) : text);
  } catch (error) {
    if (!(error instanceof GraftletError)) throw error;
    expect(error.message.length).toBeLessThanOrEqual(400);
    return error.code;
  }
}

describe("a manifest", () => {
  it("lists files", () => {
    expect(outcome(manifest([entry]))).toEqual([entry]);
    expect(outcome(manifest([]))).toEqual([]);
  });

  it.each([
    ["is empty", ""],
    ["is cut", manifest([entry]).slice(0, -3)],
    ["is a page", "<!doctype html><title>x</title>"],
    ["is no text", Uint8Array.of(0xff, 0xfe, 0x00, 0xd8)],
    ["is null", "null"],
    ["is a number", "3e9"],
    ["is a string", '"manifest"'],
    ["is a list", "[]"],
    ["has no format", JSON.stringify({ files: [entry] })],
    ["has a later format", JSON.stringify({ format: 2, files: [entry] })],
    ["has a format of words", JSON.stringify({ format: "1", files: [entry] })],
    ["has no files", JSON.stringify({ format: 1 })],
    ["has files that are no list", manifest({ "0": entry })],
    ["lists null", manifest([null])],
    ["lists names alone", manifest(["model.safetensors"])],
    ["lists lists", manifest([[entry]])],
    ["lists a file twice", manifest([entry, entry])],
    [
      "lists too many files",
      manifest(Array.from({ length: 65 }, (_, i) => ({ ...entry, name: `${i}` }))),
    ],
    ["has no name", withEntry({ name: undefined })],
    ["has an empty name", withEntry({ name: "" })],
    ["has a number for a name", withEntry({ name: 7 })],
    ["leads out of its folder", withEntry({ name: "../secret" })],
    ["leads up", withEntry({ name: ".." })],
    ["leads up in disguise", withEntry({ name: "%2e%2e" })],
    ["leads elsewhere", withEntry({ name: "https://elsewhere.test/x" })],
    ["leads elsewhere without a scheme", withEntry({ name: "//elsewhere.test" })],
    ["has a backslash", withEntry({ name: "..\\secret" })],
    ["has a query", withEntry({ name: "model?x" })],
    ["has a line break in a name", withEntry({ name: "a\nb" })],
    ["has an endless name", withEntry({ name: "x".repeat(100_000) })],
    ["has no length", withEntry({ bytes: undefined })],
    ["has a negative length", withEntry({ bytes: -1 })],
    ["has a broken length", withEntry({ bytes: 1.5 })],
    ["has a length of words", withEntry({ bytes: "5" })],
    ["has 3e9 bytes", withEntry({ bytes: 3e9 })],
    ["has 1e300 bytes", withEntry({ bytes: 1e300 })],
    [
      "has files of 3e9 bytes together",
      manifest([
        { ...entry, bytes: 1.5e9 },
        { ...entry, name: "b", bytes: 1.5e9 },
      ]),
    ],
    ["has no hash", withEntry({ sha256: undefined })],
    ["has a short hash", withEntry({ sha256: "abc" })],
    ["has a hash of capitals", withEntry({ sha256: "A".repeat(64) })],
    ["has a hash of no digits", withEntry({ sha256: "z".repeat(64) })],
    ["is nested without end", "[".repeat(100_000)],
  ])("that %s is refused", (_, text) => {
    expect(outcome(text)).toBe("config_invalid");
  });
});

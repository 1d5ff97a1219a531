import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readShipped } from "../state/shipped.js";

const real = readFileSync(new URL("../../public/adapters/index.json", import.meta.url));
const { adapters } = JSON.parse(real.toString()) as { adapters: Record<string, unknown>[] };
const [good = {}, other = {}] = adapters;

const read = (text: string | Uint8Array) =>
  readShipped(typeof text === "string" ? new TextEncoder().encode(text) : text);
const index = (entries: unknown) => JSON.stringify({ adapters: entries });

describe("the list of shipped tasks", () => {
  it("is read whole", () => {
    const { tasks, trouble } = read(real);
    expect(trouble).toBeNull();
    expect(tasks).toEqual(adapters);
  });

  it.each([
    ["is empty", ""],
    ["is cut", index([good]).slice(0, -4)],
    ["is a page", "<!doctype html>"],
    ["is no text", Uint8Array.of(0xff, 0xff)],
    ["is null", "null"],
    ["is a list", JSON.stringify([good])],
    ["is a number", "7"],
    ["is a string", '"adapters"'],
    ["has no adapters", "{}"],
    ["has null for adapters", index(null)],
    ["has an object for adapters", index({ a: good })],
    ["is nested without end", "[".repeat(100_000)],
  ])("that %s gives one sentence and no task", (_, text) => {
    const { tasks, trouble } = read(text);
    expect(tasks).toEqual([]);
    expect(trouble).toMatch(/^The list of tasks \(adapters\/index\.json\) [^.]+\. Your own/);
  });

  it.each([
    ["null", null],
    ["a string", "sst2"],
    ["a list", [good]],
    ["without a name", { ...good, name: undefined }],
    ["with an empty name", { ...good, name: "" }],
    ["with a name twice", other],
    ["without a title", { ...good, title: undefined }],
    ["without a path", { ...good, path: undefined }],
    ["that leads up", { ...good, path: "../secret/" }],
    ["that is up", { ...good, path: "../" }],
    ["that leads elsewhere", { ...good, path: "https://elsewhere.test/" }],
    ["that leads elsewhere without a scheme", { ...good, path: "//elsewhere.test/" }],
    ["with labels that are no list", { ...good, labels: "positive" }],
    ["with labels that are no texts", { ...good, labels: [1, 2] }],
    ["with a length of words", { ...good, bytes: "346163" }],
    ["with a negative length", { ...good, bytes: -1 }],
    ["without a score", { ...good, score: null }],
    ["with an example that is no text", { ...good, example: { text: "x" } }],
    ["with a scale of one end", { ...good, scale: [1] }],
    ["with a scale of words", { ...good, scale: ["0", "5"] }],
    ["with an endless title", { ...good, title: "x".repeat(20_000) }],
    ["with a group that is none", { ...good, group: ["Sentiment"] }],
  ])("with an entry %s has the others", (_, entry) => {
    const { tasks, trouble } = read(index([other, entry]));
    expect(tasks).toEqual([other]);
    expect(trouble).toMatch(/1 of 2 task is left out \(entry 2 has no usable “\w+”\)\.$/);
  });

  it("of a million entries ends", () => {
    const entries = Array.from({ length: 5000 }, (_, i) => ({ ...good, name: `task ${i}` }));
    const { tasks, trouble } = read(index(entries));
    expect(tasks).toHaveLength(1000);
    expect(trouble).toContain("only the first 1000");
  });
});

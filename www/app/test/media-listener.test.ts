import { expect, test } from "vitest";
import { StreamListener } from "../media/listener.js";

const RATE = 1000;
/** A tenth of a second. */
const HOP = 100;

/** Hears one score of “yes” a window, and gives the ends of what was detected. */
async function ends(yes: readonly number[], background: readonly string[] = ["background"]) {
  let at = 0;
  const listener = new StreamListener({
    threshold: 0.7,
    background,
    async classify({ samples, rate }) {
      expect([samples.length, rate]).toEqual([RATE, RATE]);
      const score = yes[at] ?? 0;
      at += 1;
      return [
        { label: "yes", score },
        { label: "background", score: 1 - score },
      ];
    },
  });
  const found: [string, number][] = [];
  for (let hop = 0; hop < yes.length + 9; hop += 1) {
    for (const { label, start, end } of await listener.push(new Float32Array(HOP), RATE)) {
      expect(end - start).toBeCloseTo(1);
      found.push([label, Number(end.toFixed(1))]);
    }
  }
  return found;
}

test("a label is detected when the average of three windows passes the threshold", async () => {
  expect(await ends([0, 0, 0.9, 0.9, 0.9, 0])).toEqual([["yes", 1.4]]);
  expect(await ends([0, 0, 0.9, 0, 0, 0])).toEqual([]);
  expect(await ends([0.6, 0.6, 0.6, 0.6])).toEqual([]);
});

test("a word is detected once, until it has passed", async () => {
  expect(await ends(new Array(20).fill(1))).toEqual([["yes", 1.2]]);
  expect(await ends([1, 1, 1, 1, 0, 0, 0, 1, 1, 1])).toEqual([
    ["yes", 1.2],
    ["yes", 1.9],
  ]);
  // Not below half of the threshold in between.
  expect(await ends([1, 1, 1, 0.5, 0.5, 0.5, 1, 1, 1])).toEqual([["yes", 1.2]]);
});

test("after a detection there is none for half a second", async () => {
  expect(await ends([1, 1, 1, 0, 0, 0, 1, 1, 1])).toEqual([
    ["yes", 1.2],
    ["yes", 1.8],
  ]);
  expect(await ends([1, 1, 1, 0, 0, 1, 1, 1, 0])).toEqual([
    ["yes", 1.2],
    ["yes", 1.7],
  ]);
  expect(await ends([1, 1, 1, 0, 0, 1, 1, 0, 0])).toEqual([["yes", 1.2]]);
});

test("the background is never detected", async () => {
  expect(await ends([0, 0, 0, 0, 0])).toEqual([]);
  expect(await ends([0, 0, 0, 0, 0], [])).toEqual([["background", 1.2]]);
});

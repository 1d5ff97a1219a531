import { expect, test } from "vitest";
import { covered, falls, GRID, lead } from "../media/occlusion.js";

test("each square is covered once, in the mean colour, and the rest stays", () => {
  const [width, height] = [15, 9];
  const data = Uint8ClampedArray.from({ length: 4 * width * height }, (_, at) =>
    at % 4 === 3 ? 255 : at % 4 === 0 ? 100 : (at * 7) % 200,
  );
  const seen = new Array<number>(width * height).fill(0);
  const copies = [...covered({ width, height, data })];
  expect(copies).toHaveLength(GRID * GRID);
  for (const copy of copies) {
    for (let pixel = 0; pixel < width * height; pixel += 1) {
      const now = copy.data.slice(4 * pixel, 4 * pixel + 4);
      const before = data.slice(4 * pixel, 4 * pixel + 4);
      if (String(now) !== String(before)) {
        seen[pixel] = (seen[pixel] ?? 0) + 1;
        expect(now[0]).toBe(100);
        expect(now[3]).toBe(255);
      }
    }
  }
  expect(seen).toEqual(new Array(width * height).fill(1));
});

test("a lead still moves where a score is nearly 1", () => {
  const scores = (cup: number, pen: number) => [
    { label: "pen", score: pen },
    { label: "cup", score: cup },
    { label: "key", score: 0 },
  ];
  expect(lead(scores(0.8, 0.2), "cup")).toBeCloseTo(Math.log(4));
  expect(lead(scores(0.2, 0.8), "cup")).toBeCloseTo(-Math.log(4));
  expect(lead(scores(1, 1e-9), "cup")).toBeGreaterThan(lead(scores(1, 1e-8), "cup"));
  expect(lead(scores(1, 0), "cup")).toBeLessThan(70);
});

test("what counts is how far the lead fell", () => {
  expect(falls(0.9, [0.5, 0.9, 0.95]).map((fall) => fall.toFixed(2))).toEqual([
    "0.40",
    "0.00",
    "0.00",
  ]);
});

import type { TrainReport } from "graftlet";
import { describe, expect, it } from "vitest";
import { baselineOf } from "../report/baseline.js";
import { mostConfused } from "../report/confusion.js";
import { reportJson, reportRows } from "../report/export.js";
import { placesOf, reportOf } from "../report/report.js";

const ENGINE: TrainReport = {
  metric: "accuracy",
  score: 0.8,
  epochs: 3,
  steps: 30,
  parameters: 1000,
  trainRows: 40,
  devRows: 10,
  truncated: 0,
  evaluation: {
    rows: 10,
    loss: 0.4,
    scores: { accuracy: 0.8, macro_f1: 0.7 },
    perLabel: [
      { label: "x", precision: 0.8, recall: 0.9, f1: 0.85, rows: 6 },
      { label: "y", precision: 0.7, recall: 0.5, f1: 0.58, rows: 4 },
    ],
    confusion: [
      [5, 1],
      [2, 2],
    ],
  },
  calibrationErrorBefore: 0.1,
  calibrationError: 0.02,
  hardest: [{ row: 7, label: "y", answer: "x", loss: 3.1 }],
  suspects: [{ row: 2, heldOut: false, label: "x", score: 0.02, rival: "y", rivalScore: 0.97 }],
};

const INSPECTION = {
  problem: "single_label" as const,
  usable: 50,
  classes: [
    { label: "x", rows: 30 },
    { label: "y", rows: 20 },
  ],
  findings: [
    { kind: "duplicate" as const, severity: "left_out" as const, rows: [4, 9], sentence: "…" },
    { kind: "class_small" as const, severity: "notice" as const, rows: [], sentence: "…" },
  ],
};

const REPORT = reportOf(
  { name: "t", kind: "lora" },
  ENGINE,
  INSPECTION,
  new Map([
    [7, { number: 12, text: "hard, indeed", text2: undefined }],
    [2, { number: 5, text: "slip", text2: "other" }],
  ]),
  {
    choice: "lora",
    metric: "accuracy",
    candidates: [{ kind: "lora", scores: [0.75], mean: 0.75, gain: 0.2, error: 0.05 }],
  },
);

describe("a report", () => {
  it("asks for the rows it speaks of and names them by the file's numbers", () => {
    expect(placesOf(ENGINE)).toEqual([7, 2]);
    expect(REPORT.hardest[0]).toMatchObject({ number: 12, text: "hard, indeed", answer: "x" });
    expect(REPORT.suspects[0]).toMatchObject({ number: 5, rival: "y", heldOut: false });
    expect(REPORT.labels).toEqual(["x", "y"]);
  });

  it("counts rows that nobody knows any more", () => {
    const report = reportOf({ name: "t", kind: "lora" }, ENGINE, INSPECTION, new Map());
    expect(report.hardest[0]).toMatchObject({ number: 8, text: "" });
  });

  it("is written as JSON with everything in it", () => {
    expect(JSON.parse(reportJson(REPORT))).toMatchObject({
      score: 0.8,
      baseline: 0.6,
      hardest: [{ number: 12, loss: 3.1 }],
      findings: [{ kind: "duplicate", rows: [4, 9] }, { kind: "class_small" }],
    });
  });

  it("is written as CSV, one fact a line", () => {
    const rows = [...reportRows(REPORT)];
    expect(new Set(rows.map((row) => row.length))).toEqual(new Set([8]));
    expect(rows).toContainEqual(["run", "", "", "", "baseline", 0.6, "", ""]);
    expect(rows).toContainEqual(["comparison", "", "", "lora", "accuracy", 0.75, "", ""]);
    expect(rows).toContainEqual(["label", "", "y", "", "recall", 0.5, "", ""]);
    expect(rows).toContainEqual(["confusion", "", "y", "x", "rows", 2, "", ""]);
    expect(rows).toContainEqual(["hard", 12, "y", "x", "loss", 3.1, "hard, indeed", ""]);
    expect(rows).toContainEqual(["doubtful label", 5, "x", "y", "score", 0.97, "slip", "other"]);
    expect(rows.filter(([part]) => part === "left out").map(([, row]) => row)).toEqual([4, 9]);
  });
});

describe("the baseline", () => {
  const of = (metric: string) => baselineOf("single_label", { ...ENGINE, metric });

  it("is what always answering the commonest label scores", () => {
    expect(of("accuracy")).toBeCloseTo(0.6);
    // Precision .6 and recall 1 of one label, nothing of the other.
    expect(of("macro_f1")).toBeCloseTo(0.75 / 2);
    expect(of("matthews")).toBe(0);
    expect(of("f1")).toBeNull();
  });

  it("is nothing where no number follows from the text", () => {
    expect(baselineOf("regression", { ...ENGINE, metric: "spearman" })).toBe(0);
    expect(baselineOf("token_classification", { ...ENGINE, metric: "entity_f1" })).toBe(0);
    expect(baselineOf("multi_label", { ...ENGINE, metric: "accuracy" })).toBeNull();
  });
});

describe("mostConfused", () => {
  it("lists pairs by rows, then by the part of their label", () => {
    const confusion = [
      [1, 2, 0],
      [2, 7, 0],
      [0, 1, 3],
    ];
    expect(mostConfused(["a", "b", "c"], confusion)).toEqual([
      { truth: "a", answer: "b", rows: 2, of: 3 },
      { truth: "b", answer: "a", rows: 2, of: 9 },
      { truth: "c", answer: "b", rows: 1, of: 4 },
    ]);
    expect(mostConfused(["a", "b", "c"], confusion, 1)).toHaveLength(1);
  });
});

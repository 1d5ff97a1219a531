import type { Answer, Span } from "graftlet";
import { describe, expect, it } from "vitest";
import { cellsOf } from "../format/answer-cells.js";
import { writeCsv } from "../format/csv.js";
import { piecesOf } from "../format/marked.js";
import { tableOf } from "./reader.js";

const COMMON = { logits: [], tokens: 3, windows: 1, truncated: false, ms: 1 };
const span = (start: number, end: number, label: string): Span => ({
  start,
  end,
  label,
  score: 0.91234,
  second: false,
});

describe("cellsOf", () => {
  it.each<[Answer, string[]]>([
    [
      {
        ...COMMON,
        problem: "single_label",
        form: "label",
        label: "x",
        score: 0.12345,
        scores: [],
        rejected: false,
      },
      ["x", "0.1235"],
    ],
    [
      {
        ...COMMON,
        problem: "multi_label",
        form: "labels",
        labels: [
          { label: "joy", score: 0.8 },
          { label: "love", score: 0.6 },
        ],
        scores: [],
      },
      ["joy|love", "0.8|0.6"],
    ],
    [{ ...COMMON, problem: "regression", form: "number", value: 2.5 }, ["2.5"]],
    [
      { ...COMMON, problem: "token_classification", form: "spans", spans: [span(3, 7, "place")] },
      ['[{"start":3,"end":7,"label":"place","score":0.9123}]'],
    ],
  ])("writes %j", (answer, cells) => {
    expect(cellsOf(answer)).toEqual(cells);
  });
});

describe("writeCsv", () => {
  it("gives a table back as it was", async () => {
    const rows = [
      ["text", "label"],
      ['says "a, b"', "x"],
      ["two\nlines", " spaced "],
    ];
    const bytes = new Uint8Array(await writeCsv(rows).arrayBuffer());
    expect(tableOf(bytes)).toEqual(rows);
  });

  it("begins with the mark by which spreadsheets know UTF-8", async () => {
    const bytes = new Uint8Array(await writeCsv([["é"]]).arrayBuffer());
    expect([...bytes.slice(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
  });
});

describe("piecesOf", () => {
  const TEXT = "Ann went to Rome";

  it("cuts a text at its spans, whatever their order", () => {
    const [rome, ann] = [span(12, 16, "place"), span(0, 3, "person")];
    expect(piecesOf(TEXT, [rome, ann])).toEqual([
      { text: "Ann", span: ann },
      { text: " went to ", span: undefined },
      { text: "Rome", span: rome },
    ]);
  });

  it("loses no text to spans that overlap or pass its end", () => {
    const pieces = piecesOf(TEXT, [span(0, 8, "a"), span(4, 16, "b"), span(12, 99, "c")]);
    expect(pieces.map(({ text }) => text).join("")).toBe(TEXT);
    expect(pieces.filter((piece) => piece.span)).toHaveLength(1);
  });

  it("is the text where nothing was found", () => {
    expect(piecesOf(TEXT, [])).toEqual([{ text: TEXT, span: undefined }]);
  });
});

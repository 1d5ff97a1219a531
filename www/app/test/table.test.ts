import { describe, expect, it } from "vitest";
import { guessColumns, looksLikeHeader } from "../rows/columns.js";
import { toBio } from "../rows/conll.js";
import { parseTable } from "../rows/table.js";

describe("CSV", () => {
  it("is read with quotes, CRLF and line breaks inside a cell", () => {
    const table = parseTable('text,label\r\n"a, ""b""\r\nc",x\r\nd,y\r\n');
    expect(table).toMatchObject({ format: "CSV", header: true, columns: ["text", "label"] });
    expect(table.rows).toEqual([
      ['a, "b"\r\nc', "x"],
      ["d", "y"],
    ]);
    expect(table.numbers).toEqual([2, 3]);
    expect(table.faults).toEqual([]);
  });

  it("may come from a continental spreadsheet, with semicolons", () => {
    const table = parseTable("text;label\nja, gern;x\nnein;y\n");
    expect(table.rows[0]).toEqual(["ja, gern", "x"]);
  });

  it("keeps the spreadsheet's row numbers over blank lines", () => {
    expect(parseTable("text,label\n\na,x\n\nb,y\n").numbers).toEqual([3, 5]);
  });

  it("loses to a stray quote its own row and no other", () => {
    const table = parseTable('text,label\na,x\n"b,x\nc,y\n"d, e",y\n"f" g,x\nh,y\n"open,x\n');
    expect(table.rows).toEqual([
      ["a", "x"],
      ["c", "y"],
      ["d, e", "y"],
      ["h", "y"],
    ]);
    expect(table.numbers).toEqual([2, 4, 5, 7]);
    expect(table.faults).toEqual([3, 6, 8].map((number) => ({ number, kind: "misquoted" })));
  });

  it("takes a quote inside a cell as it stands", () => {
    expect(parseTable('text,label\na 5" disk,x\nb,y\n').rows[0]).toEqual(['a 5" disk', "x"]);
  });

  it("fills short rows up and sets aside those with more cells than columns", () => {
    const table = parseTable("text,label\na\nb,x,,\nc, d,x\n");
    expect(table.rows).toEqual([
      ["a", ""],
      ["b", "x"],
    ]);
    expect(table.faults).toEqual([{ number: 4, kind: "too_wide" }]);
  });

  it("takes the first row for an example when nothing names columns", () => {
    const table = parseTable("what a lovely film,good\nso dull,bad\nlovely again,good\n");
    expect(table.header).toBe(false);
    expect(table.rows).toHaveLength(3);
    expect(table.numbers[0]).toBe(1);
  });

  it("does as told about the header", () => {
    expect(parseTable("text,label\na,x\n", false).rows).toHaveLength(2);
  });

  it("gives an empty table for nothing", () => {
    expect(parseTable("").rows).toEqual([]);
  });

  it("is read in a moment when it is large", () => {
    const lines = Array.from({ length: 100_000 }, (_, i) => `"text, number ${i}",${i % 7}`);
    const began = performance.now();
    expect(parseTable(`text,label\n${lines.join("\n")}`).rows).toHaveLength(100_000);
    expect(performance.now() - began).toBeLessThan(5000);
  });
});

describe("TSV", () => {
  it("may hold commas and unmatched quotes", () => {
    const table = parseTable('text\tlabel\none, two, three\tx\n"four, five\ty\n');
    expect(table.format).toBe("TSV");
    expect(table.rows).toEqual([
      ["one, two, three", "x"],
      ['"four, five', "y"],
    ]);
  });
});

describe("JSONL", () => {
  it("has keys in any order; lines that are not objects are named", () => {
    const table = parseTable('{"text":"a","label":1}\n{"label":2,"text":"b"}\nnot json\n[1]\n');
    expect(table).toMatchObject({ format: "JSONL", columns: ["text", "label"] });
    expect(table.faults).toEqual([3, 4].map((number) => ({ number, kind: "not_json" })));
    expect(table.rows).toEqual([
      ["a", "1"],
      ["b", "2"],
    ]);
  });

  it("may have lists: several labels, or words and their tags", () => {
    const labels = parseTable('{"text":"a","labels":["joy","love"]}\n{"text":"b","labels":[]}');
    expect(labels.rows).toEqual([
      ["a", "joy|love"],
      ["b", ""],
    ]);
    const tags = parseTable('{"tokens":["in","Rome"],"ner_tags":["O","B-place"]}');
    expect(tags.rows).toEqual([["in Rome", "O B-place"]]);
  });

  it("may be one array of objects, and leave keys out", () => {
    const table = parseTable('[{"text":"a","label":"x"},\n{"text":"b"}]');
    expect(table.rows).toEqual([
      ["a", "x"],
      ["b", ""],
    ]);
    expect(table.numbers).toEqual([1, 2]);
  });
});

describe("CoNLL", () => {
  it("has a sentence a row, numbered by its first line", () => {
    const table = parseTable("-DOCSTART- O\n\nIn IN O\nRome NNP B-place\n\nYes\tO\n\t\nNo\tO\n");
    expect(table).toMatchObject({ format: "CoNLL", columns: ["words", "tags"] });
    expect(table.rows).toEqual([
      ["In Rome", "O B-place"],
      ["Yes", "O"],
      ["No", "O"],
    ]);
    expect(table.numbers).toEqual([3, 6, 8]);
  });

  it("names the sentence that has a word without a tag", () => {
    const good = "Rome\tB-place\nis\tO\nold\tO\n\n".repeat(5);
    const table = parseTable(`${good}In\nParis\tB-place\n\n${good}`);
    expect(table.faults).toEqual([{ number: 21, kind: "not_tagged" }]);
    expect(table.rows).toHaveLength(10);
  });

  it("knows the finer schemes and the older one as BIO", () => {
    expect(toBio(["S-a", "B-a", "E-a", "O", "U-b", "L-b"])).toEqual([
      "B-a",
      "B-a",
      "I-a",
      "O",
      "B-b",
      "I-b",
    ]);
    expect(toBio(["I-a", "I-a", "I-b", "O", "I-b"])).toEqual(["B-a", "I-a", "B-b", "O", "B-b"]);
  });
});

describe("guessColumns", () => {
  it("goes by names", () => {
    expect(guessColumns(["id", "Sentence1", "sentence2", "gold_label", "label"], [])).toEqual({
      text: 1,
      text2: 2,
      label: 4,
    });
    expect(guessColumns(["Category", "Message"], [])).toMatchObject({ text: 1, label: 0 });
    expect(guessColumns(["words", "tags"], [])).toMatchObject({ text: 0, label: 1 });
  });

  it("goes by content where names say nothing", () => {
    const rows = [
      ["1", "a rather long text", "pos"],
      ["2", "another text to read", "neg"],
      ["3", "and a third one here", "pos"],
      ["4", "the last of them all", "neg"],
    ];
    expect(guessColumns(["a", "b", "c"], rows)).toEqual({ text: 1, text2: null, label: 2 });
  });

  it("finds no label in a file that has none", () => {
    const rows = [["first text"], ["second text"], ["third text"]];
    expect(guessColumns(["text"], rows).label).toBeNull();
  });
});

describe("looksLikeHeader", () => {
  it("knows usual names and unlike first rows", () => {
    expect(looksLikeHeader([["Text", "Label"]])).toBe(true);
    expect(
      looksLikeHeader([
        ["Satz", "Art"],
        ["Das ist ein ganzer Satz", "x"],
        ["Und noch einer dazu", "x"],
      ]),
    ).toBe(true);
    expect(
      looksLikeHeader([
        ["good film", "pos"],
        ["bad film", "neg"],
        ["fine film", "pos"],
      ]),
    ).toBe(false);
  });
});

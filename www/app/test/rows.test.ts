import { describe, expect, it } from "vitest";
import { guessColumns, looksLikeHeader } from "../rows/columns.js";
import { decode } from "../rows/decode.js";
import { inspect, nameRows } from "../rows/inspect.js";
import { SAMPLE } from "../rows/sample.js";
import { parseTable } from "../rows/table.js";

describe("decode", () => {
  const utf8 = new TextEncoder();

  it("takes a byte-order mark away", () => {
    const bytes = new Uint8Array([0xef, 0xbb, 0xbf, ...utf8.encode("text,label")]);
    expect(decode(bytes)).toEqual({ text: "text,label", encoding: "UTF-8" });
  });

  it("reads what spreadsheets call Unicode text", () => {
    const little = new Uint8Array([0xff, 0xfe, 0x61, 0x00, 0xe9, 0x00]);
    const big = new Uint8Array([0xfe, 0xff, 0x00, 0x61, 0x00, 0xe9]);
    expect(decode(little)).toEqual({ text: "aé", encoding: "UTF-16" });
    expect(decode(big)).toEqual({ text: "aé", encoding: "UTF-16" });
  });

  it("falls back to Windows-1252 for bytes that are not UTF-8", () => {
    expect(decode(new Uint8Array([0x63, 0x61, 0x66, 0xe9]))).toEqual({
      text: "café",
      encoding: "Windows-1252",
    });
  });
});

describe("parseTable", () => {
  it("reads CSV with quotes, CRLF and line breaks inside a cell", () => {
    const table = parseTable('text,label\r\n"a, ""b""\r\nc",x\r\nd,y\r\n');
    expect(table).toMatchObject({ format: "CSV", header: true, columns: ["text", "label"] });
    expect(table.rows).toEqual([
      ['a, "b"\r\nc', "x"],
      ["d", "y"],
    ]);
    expect(table.numbers).toEqual([2, 3]);
  });

  it("reads TSV whose texts hold commas", () => {
    const table = parseTable("text\tlabel\none, two, three\tx\nfour, five\ty\n");
    expect(table.format).toBe("TSV");
    expect(table.rows).toEqual([
      ["one, two, three", "x"],
      ["four, five", "y"],
    ]);
  });

  it("reads the semicolons of a continental spreadsheet", () => {
    const table = parseTable("text;label\nja, gern;x\nnein;y\n");
    expect(table.rows[0]).toEqual(["ja, gern", "x"]);
  });

  it("keeps the spreadsheet's row numbers over blank lines", () => {
    expect(parseTable("text,label\n\na,x\n\nb,y\n").numbers).toEqual([3, 5]);
  });

  it("evens out rows of different length", () => {
    expect(parseTable("text,label\na\nb,x,extra\n").rows).toEqual([
      ["a", "", ""],
      ["b", "x", "extra"],
    ]);
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

  it("reads JSONL with keys in any order and names the lines that are not objects", () => {
    const table = parseTable('{"text":"a","label":1}\n{"label":2,"text":"b"}\nnot json\n[1]\n');
    expect(table).toMatchObject({
      format: "JSONL",
      columns: ["text", "label"],
      unreadable: [3, 4],
    });
    expect(table.rows).toEqual([
      ["a", "1"],
      ["b", "2"],
    ]);
  });

  it("gives an empty table for nothing", () => {
    expect(parseTable("").rows).toEqual([]);
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

describe("inspect", () => {
  const of = (text: string) => {
    const table = parseTable(text);
    return inspect(table, guessColumns(table.columns, table.rows));
  };

  it("names the rows of every problem", () => {
    const { inspection, rows } = of("text,label\na,x\n,x\nb,\nc,y\nd,y\na,x\na,y\ne,lonely\nf,x\n");
    const sentences = Object.fromEntries(inspection.problems.map((p) => [p.kind, p]));
    expect(sentences.text_missing).toMatchObject({ rows: [3], severity: "left_out" });
    expect(sentences.label_missing?.sentence).toBe("Row 4 has no label: it is left out.");
    expect(sentences.class_of_one?.rows).toEqual([9]);
    expect(sentences.duplicate).toMatchObject({ rows: [7], severity: "notice" });
    expect(sentences.contradiction?.rows).toEqual([8]);
    expect(inspection.blocked).toBeNull();
    expect(inspection.usable).toBe(6);
    expect(rows).toHaveLength(6);
    expect(inspection.classes).toEqual([
      { label: "x", rows: 3 },
      { label: "y", rows: 3 },
    ]);
    expect(inspection.problems.at(-1)?.severity).toBe("notice");
  });

  it("flags problem rows in the preview, those further down too", () => {
    const lines = Array.from({ length: 40 }, (_, i) => `text ${i},${i % 2 ? "x" : "y"}`);
    lines[30] = "text 30,";
    const { preview } = of(`text,label\n${lines.join("\n")}\n`).inspection;
    expect(preview.map(({ number }) => number)).toEqual([2, 3, 4, 5, 6, 32]);
    expect(preview.at(-1)?.note).toBe("no label");
  });

  it("reads pairs and asks for both texts", () => {
    const { inspection, rows } = of("text,text2,label\na,b,x\nc,,x\nd,e,y\nf,g,x\nh,i,y\n");
    expect(inspection.problems[0]).toMatchObject({ kind: "text2_missing", rows: [3] });
    expect(rows[0]).toEqual({ text: "a", text2: "b", label: "x" });
  });

  it.each([
    ["no rows", "text,label\n", "no rows"],
    ["no label column", "text\nfirst text\nsecond text\n", "No column holds labels"],
    ["only empty labels", "text,label\na,\nb,\n", "No row has a label"],
    ["one class", "text,label\na,x\nb,x\n", "Every row has the label “x”"],
    ["labels that never come twice", "text,label\na,p\nb,q\nc,r\n", "check the chosen columns"],
  ])("is blocked by %s", (_, text, sentence) => {
    expect(of(text).inspection.blocked).toContain(sentence);
  });

  it("finds nothing wrong with the sample", () => {
    const { inspection } = of(SAMPLE);
    expect(inspection).toMatchObject({ usable: 30, problems: [], blocked: null });
    expect(inspection.classes).toHaveLength(3);
  });
});

describe("nameRows", () => {
  it("lists a few and counts many", () => {
    expect(nameRows([4])).toBe("Row 4");
    expect(nameRows([4, 9])).toBe("Rows 4 and 9");
    expect(nameRows([1, 2, 3, 4, 5, 6])).toBe("Rows 1, 2, 3, 4, 5 and 6");
    expect(nameRows([1, 2, 3, 4, 5, 6, 7, 8])).toBe("Rows 1, 2, 3, 4, 5 and 3 more");
  });
});

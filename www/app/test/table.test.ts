/**
 * How the built reader takes files apart: bytes to characters, characters to cells, cells to columns.
 */
import { describe, expect, it } from "vitest";
import { look, type Read, read, tableOf, utf8 } from "./reader.js";

const bytes = (...parts: (string | number)[]) =>
  new Uint8Array(parts.flatMap((part) => (typeof part === "string" ? [...utf8(part)] : [part])));

/** The table without its names. */
const rowsOf = (file: string | Uint8Array) => tableOf(file).slice(1);

/** Rows that could not be read, by what is wrong with them. */
const faults = (file: string) =>
  Object.fromEntries(
    look(file)
      .inspection.findings.filter(({ kind }) => /misquoted|too_wide|not_json|not_tagged/.test(kind))
      .map(({ kind, rows }) => [kind, rows]),
  );

/** The columns that the reader would take, by their names. */
function guessed({ source: { columns, guess } }: Read) {
  const name = (column: number | null) => (column === null ? null : columns[column]);
  return { text: name(guess.text), text2: name(guess.text2), label: name(guess.label) };
}

describe("bytes", () => {
  const ROWS = "text,label\naé,x\n";

  it.each([
    ["UTF-8", bytes(ROWS)],
    ["UTF-8", bytes(0xef, 0xbb, 0xbf, ROWS)],
    ["UTF-16", bytes(0xff, 0xfe, ...wide(ROWS, false))],
    ["UTF-16", bytes(0xfe, 0xff, ...wide(ROWS, true))],
    ["UTF-16", bytes(...wide(ROWS, false))],
    ["UTF-16", bytes(...wide(ROWS, true))],
    ["Windows-1252", bytes("text,label\na", 0xe9, ",x\n")],
  ])("of %s give the same table", (encoding, file) => {
    expect(read(file).source.encoding).toBe(encoding);
    expect(tableOf(file)).toEqual([
      ["text", "label"],
      ["aé", "x"],
    ]);
  });

  it("that Windows-1252 has no character for are marked", () => {
    const file = bytes("text,label\ncaf", 0xe9, 0x81, ",x\n");
    const { source } = read(file);
    expect(source.encoding).toBe("Windows-1252");
    expect(source.notes.join()).toContain("read as Windows-1252");
    expect(rowsOf(file)).toEqual([["café\uFFFD", "x"]]);
  });

  it("that are damaged do not make UTF-8 another encoding", () => {
    const file = bytes("text,label\ngrün,x\nweiß,x\ncaf", 0xe9, ",x\n");
    expect(read(file).source.encoding).toBe("UTF-8");
    expect(rowsOf(file)).toEqual([
      ["grün", "x"],
      ["weiß", "x"],
      ["caf\uFFFD", "x"],
    ]);
  });

  function wide(text: string, big: boolean): number[] {
    return [...text].flatMap((c) => {
      const unit = c.charCodeAt(0);
      return big ? [unit >> 8, unit & 255] : [unit & 255, unit >> 8];
    });
  }
});

describe("CSV", () => {
  it("is read with quotes, CRLF and line breaks inside a cell", () => {
    const file = 'text,label\r\n"a, ""b""\r\nc",x\r\nd,y\r\n';
    expect(read(file).source).toMatchObject({ format: "CSV", header: true });
    expect(tableOf(file)).toEqual([
      ["text", "label"],
      ['a, "b"\r\nc', "x"],
      ["d", "y"],
    ]);
    expect(look(file).inspection.preview.map(({ number }) => number)).toEqual([2, 3]);
    expect(faults(file)).toEqual({});
  });

  it("may come from a continental spreadsheet, with semicolons", () => {
    const file = "text;label\nja, gern;x\nnein;y\n";
    expect(rowsOf(file)[0]).toEqual(["ja, gern", "x"]);
  });

  it("keeps the spreadsheet's row numbers over blank lines", () => {
    const { preview } = look("text,label\n\na,x\n\nb,y\n").inspection;
    expect(preview.map(({ number }) => number)).toEqual([3, 5]);
  });

  it("loses to a stray quote its own row and no other", () => {
    const good = Array.from({ length: 16 }, (_, i) => `"good, ${i}",${i % 2 ? "x" : "y"}`);
    const odd = ['"b,x', "c,y", '"d, e",y', '"f" g,x', "h,y", '"open,x'];
    const file = `text,label\n${[...good, ...odd].join("\n")}\n`;
    expect(rowsOf(file).slice(16)).toEqual([
      ["c", "y"],
      ["d, e", "y"],
      ["h", "y"],
    ]);
    expect(look(file).numbers.slice(16)).toEqual([19, 20, 22]);
    expect(faults(file)).toEqual({ misquoted: [18, 21, 23] });
  });

  it("takes quotes for characters where many rows are misquoted", () => {
    const file = 'text,label\na,x\n"b,x\nc,y\n"f" g,x\nh,y\n"open,x\n';
    expect(rowsOf(file)).toHaveLength(6);
    expect(faults(file)).toEqual({});
  });

  it("takes a quote inside a cell as it stands", () => {
    expect(rowsOf('text,label\na 5" disk,x\nb,y\n')[0]).toEqual(['a 5" disk', "x"]);
  });

  it("fills short rows up and sets aside those with more cells than columns", () => {
    const file = "text,label\na\nb,x,,\nc, d,x\n";
    expect(rowsOf(file)).toEqual([
      ["a", ""],
      ["b", "x"],
    ]);
    expect(faults(file)).toEqual({ too_wide: [4] });
  });

  it("takes the first row for an example when nothing names columns", () => {
    const file = "what a lovely film,good\nso dull,bad\nlovely again,good\n";
    expect(read(file).source).toMatchObject({ header: false, rows: 3 });
    expect(look(file).inspection.preview[0]?.number).toBe(1);
  });

  it("names columns after an unlike first row", () => {
    const file = "Satz,Art\nDas ist ein ganzer Satz,x\nUnd noch einer dazu,x\n";
    expect(read(file).source).toMatchObject({ header: true, columns: ["Satz", "Art"] });
  });

  it("has no rows where there is only a header", () => {
    expect(rowsOf("text,label\n")).toEqual([]);
    expect(() => read("")).toThrow(expect.objectContaining({ code: "file_empty" }));
  });

  it("is read whole when it is large", () => {
    const lines = Array.from({ length: 100_000 }, (_, i) => `"text, number ${i}",${i % 7}`);
    const { inspection } = look(`text,label\n${lines.join("\n")}`);
    expect(inspection.usable).toBe(100_000);
  });
});

describe("TSV", () => {
  it("may hold commas and unmatched quotes", () => {
    const file = 'text\tlabel\none, two, three\tx\n"four, five\ty\n';
    expect(read(file).source.format).toBe("TSV");
    expect(rowsOf(file)).toEqual([
      ["one, two, three", "x"],
      ['"four, five', "y"],
    ]);
  });
});

describe("JSONL", () => {
  it("has keys in any order; lines that are not objects are named", () => {
    const file = '{"text":"a","label":1}\n{"label":2,"text":"b"}\nnot json\n[1]\n';
    expect(read(file).source).toMatchObject({ format: "JSONL", columns: ["text", "label"] });
    expect(faults(file)).toEqual({ not_json: [3, 4] });
    expect(rowsOf(file)).toEqual([
      ["a", "1"],
      ["b", "2"],
    ]);
  });

  it("may have lists: several labels, or words and their tags", () => {
    const labels = look(
      '{"text":"a","labels":["joy","love"]}\n{"text":"b","labels":[]}\n{"text":"c","labels":["joy"]}',
    );
    expect(labels.rows.map(({ label }) => label)).toEqual(["joy|love", "", "joy"]);
    const tags = look('{"tokens":["in","Rome"],"ner_tags":["O","B-place"]}');
    expect(tags.rows).toEqual([{ text: "in Rome", label: "O B-place" }]);
  });

  it("may be one array of objects, and leave keys out", () => {
    const file = '[{"text":"a","label":"x"},\n{"text":"b"}]';
    expect(rowsOf(file)).toEqual([
      ["a", "x"],
      ["b", ""],
    ]);
    expect(look(file).inspection.preview.map(({ number }) => number)).toEqual([1, 2]);
  });
});

describe("CoNLL", () => {
  it("has a sentence a row, numbered by its first line", () => {
    const { rows, numbers } = look(
      "-DOCSTART- O\n\nIn IN O\nRome NNP B-place\n\nYes\tO\n\t\nNo\tO\n",
    );
    expect(rows).toEqual([
      { text: "In Rome", label: "O B-place" },
      { text: "Yes", label: "O" },
      { text: "No", label: "O" },
    ]);
    expect(numbers).toEqual([3, 6, 8]);
  });

  it("names the sentence that has a word without a tag", () => {
    const good = (i: number) => `Rome${i}\tB-place\nis\tO\nold\tO\n\n`;
    const [before, after] = [
      [0, 1, 2, 3, 4].map(good).join(""),
      [5, 6, 7, 8, 9].map(good).join(""),
    ];
    const file = `${before}In\nParis\tB-place\n\n${after}`;
    expect(faults(file)).toEqual({ not_tagged: [21] });
    expect(look(file).rows).toHaveLength(10);
  });

  it("knows the finer schemes and the older one as BIO", () => {
    const tagsOf = (tags: string) =>
      look(tags.replace(/(\S+) ?/g, "w $1\n")).rows.map(({ label }) => label);
    expect(tagsOf("S-a B-a E-a O U-b B-b L-b")).toEqual(["B-a B-a I-a O B-b B-b I-b"]);
    expect(tagsOf("I-a I-a I-b O I-b")).toEqual(["B-a I-a B-b O B-b"]);
  });
});

describe("the guess of columns", () => {
  it("goes by names", () => {
    const file = (header: string, cells: string) => read(`${header}\n${cells}\n`, { header: true });
    expect(guessed(file("id,Sentence1,sentence2,gold_label,label", "1,a b,c d,x,y"))).toEqual({
      text: "Sentence1",
      text2: "sentence2",
      label: "label",
    });
    expect(guessed(file("Category,Message", "ham,hello there"))).toMatchObject({
      text: "Message",
      label: "Category",
    });
  });

  it("goes by content where names say nothing", () => {
    const file = `a,b,c
1,a rather long text,pos
2,another text to read,neg
3,and a third one here,pos
4,the last of them all,neg
`;
    expect(guessed(read(file, { header: true }))).toEqual({ text: "b", text2: null, label: "c" });
  });

  it("finds no label in a file that has none", () => {
    expect(read("text\nfirst text\nsecond text\nthird text\n").source.guess.label).toBeNull();
  });
});

describe("the guess of what labels are", () => {
  const proposed = (labels: readonly string[]) => {
    const cells = labels.map((label, i) => `text ${i},"${label}"`);
    return read(`text,label\n${cells.join("\n")}\n`).choice;
  };

  it.each([
    ["single_label", ["good", "bad"]],
    ["single_label", ["0", "1", "1"]],
    ["single_label", ["a|b", "c|d"]],
    ["regression", ["2.500", "3.600", "0.000"]],
    ["multi_label", ["joy", "joy|love", "love"]],
    ["single_label", []],
  ] as const)("%s for %j", (problem, labels) => {
    expect(proposed(labels).problem).toBe(problem);
  });

  it("takes many whole numbers for amounts", () => {
    expect(proposed(Array.from({ length: 100 }, (_, i) => `${i}`)).problem).toBe("regression");
  });

  it("finds the label that stands for none of the others", () => {
    expect(proposed(["balance", "oos", "balance"]).reject).toBe("oos");
    expect(proposed(["balance", "books", "balance"]).reject).toBeNull();
  });
});

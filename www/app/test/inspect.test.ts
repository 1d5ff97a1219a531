/**
 * What the built reader of rows finds. The reader's own tests are in Rust; these hold what the page relies on.
 */
import { describe, expect, it } from "vitest";
import { SAMPLE } from "../rows/sample.js";
import type { Choice } from "../rows/types.js";
import { emptyDesk, look, read, tableOf, utf8 } from "./reader.js";

/** What was found, as kind → row numbers. */
function findings(text: string, choice: Partial<Choice> = {}): Record<string, number[]> {
  const { inspection } = look(text, choice);
  return Object.fromEntries(inspection.findings.map(({ kind, rows }) => [kind, rows]));
}

describe("one label a text", () => {
  const MIXED = `text,label
a,x
,x
b,
c,y
d,y
a,x
e,lonely
f,x
g,x
h,y
h,x
,ghost
"i,x
j,x,y,z
`;

  it("names the rows of every finding and leaves them out", () => {
    expect(findings(MIXED)).toEqual({
      misquoted: [14],
      too_wide: [15],
      text_missing: [3, 13],
      label_missing: [4],
      contradiction: [11, 12],
      duplicate: [7],
      class_of_one: [8],
      class_empty: [],
      class_small: [],
    });
    const { inspection, rows, numbers } = look(MIXED);
    expect(inspection.blocked).toBeNull();
    expect(numbers).toEqual([2, 5, 6, 9, 10]);
    expect(rows[0]).toEqual({ text: "a", label: "x" });
    expect(inspection.classes).toEqual([
      { label: "x", rows: 3 },
      { label: "y", rows: 2 },
    ]);
  });

  it("says it in sentences", () => {
    const sentences = look(MIXED).inspection.findings.map(({ sentence }) => sentence);
    expect(sentences).toContain("Row 4 has no label: it is left out.");
    expect(sentences).toContain(
      "Rows 11 and 12 have texts that other rows give other labels: they are left out.",
    );
    expect(sentences).toContain(
      "The classes “ghost” and “lonely” have no row left: they are not learned.",
    );
    expect(sentences).toContain("“x” and “y” have fewer than 5 rows: more would help.");
  });

  it("flags rows in the preview, those further down too", () => {
    const lines = Array.from({ length: 40 }, (_, i) => `text ${i},${i % 2 ? "x" : "y"}`);
    lines[30] = "text 30,";
    const { preview } = look(`text,label\n${lines.join("\n")}\n`).inspection;
    expect(preview.map(({ number }) => number)).toEqual([2, 3, 4, 5, 6, 32]);
    expect(preview.at(-1)?.note).toBe("no label");
  });

  it("reads pairs and asks for both texts", () => {
    const { inspection, rows } = look(
      "text,text2,label\na,b,x\nc,,x\nd,e,y\nf,g,x\nh,i,y\na,other,x\n",
    );
    expect(inspection.findings[0]).toMatchObject({ kind: "text2_missing", rows: [3] });
    expect(rows[0]).toEqual({ text: "a", text2: "b", label: "x" });
    expect(rows).toHaveLength(5);
  });

  it("leaves out rows whose bytes were no characters", () => {
    expect(findings("text,label\na\uFFFD,x\nb,\uFFFD\nc,x\nd,x\ne,y\nf,y\n")).toMatchObject({
      damaged: [2, 3],
    });
  });

  it("takes labels that were put right, and rows that were taken out", () => {
    const text = "text,label\na,x\nb,x\nc,y\nd,y\ne,x\n";
    const { rows, inspection } = look(text, { corrections: { 6: "y", 2: null } });
    expect(rows.map(({ label }) => label)).toEqual(["y", "y", "y"]);
    expect(inspection.findings[0]).toMatchObject({ kind: "class_of_one", rows: [3] });
    expect(inspection.findings[1]).toMatchObject({ kind: "taken_out", rows: [2] });
    expect(inspection.preview.at(-1)?.label).toBe("y");
  });

  it.each([
    ["no rows", "text,label\n", "no rows"],
    ["no label column", "text\nfirst text\nsecond text\n", "No column holds labels"],
    ["only empty labels", "text,label\na,\nb,\n", "No row has a label"],
    ["one class", "text,label\na,x\nb,x\n", "Every row has the label “x”"],
    ["labels that never come twice", "text,label\na,p\nb,q\nc,r\n", "check the chosen columns"],
  ])("is blocked by %s", (_, text, sentence) => {
    expect(look(text).inspection.blocked).toContain(sentence);
  });

  it("needs two classes beside the one that stands for none of them", () => {
    const text = "text,label\na,oos\nb,oos\nc,x\nd,x\n";
    expect(look(text, { reject: null }).inspection.blocked).toBeNull();
    expect(look(text, { reject: "oos" }).inspection.blocked).toContain(
      "Every row has the label “x”",
    );
  });

  it("finds nothing wrong with the sample", () => {
    const { inspection } = look(SAMPLE);
    expect(inspection.findings).toEqual([]);
    expect(inspection.blocked).toBeNull();
    expect(inspection.classes).toHaveLength(3);
  });
});

describe("other problems", () => {
  it("reads several labels, none of them included", () => {
    const { inspection, rows } = look(
      "text,label\na,joy|love\nb,joy\nc,\nd, love | joy|joy\ne,love\n",
    );
    expect(inspection.problem).toBe("multi_label");
    expect(rows.map(({ label }) => label)).toEqual(["joy|love", "joy", "", "love|joy", "love"]);
    expect(inspection.findings[0]).toMatchObject({ kind: "no_labels", severity: "notice" });
    expect(inspection.classes).toEqual([
      { label: "joy", rows: 3 },
      { label: "love", rows: 3 },
    ]);
  });

  it("reads numbers with a point or a comma, and names what is none", () => {
    const text = `text,text2,label\n${Array.from({ length: 30 }, (_, i) => `t${i},u,${i / 7}`).join("\n")}`;
    const { inspection, rows } = look(`${text}\nlast,u,"2,5"\nbad,u,much\n`);
    expect(inspection.problem).toBe("regression");
    expect(inspection.findings[0]).toMatchObject({ kind: "not_a_number", rows: [33] });
    expect(inspection.range?.least).toBe(0);
    expect(rows.at(-1)?.label).toBe("2.5");
  });

  it("reads tags, one a word", () => {
    const good = "in\tO\nRome\tB-place\n\nof\tO\nNew\tI-place\nYork\tI-place\n\n";
    const { inspection, rows } = look(good);
    expect(inspection.problem).toBe("token_classification");
    expect(rows.map(({ label }) => label)).toEqual(["O B-place", "O B-place I-place"]);
    expect(inspection.classes).toEqual([{ label: "place", rows: 2 }]);
    const csv = 'text,tags\n"in Rome",O B-place\n"in Bonn",O\n"at Ulm",O B-place\n';
    expect(findings(csv, { problem: "token_classification" })).toMatchObject({
      tags_unlike_words: [3],
    });
  });

  it.each([
    ["multi_label", "text,label\na,\nb,\n", "No row has a label"],
    ["regression", "text,label\na,x\nb,y\n", "Fewer than two rows have a number"],
    ["token_classification", "text,label\na,x\nb,y\n", "one tag for each word"],
    ["token_classification", "text,label\na,O\nb,O\n", "nothing to learn"],
  ] as const)("%s is blocked by what it cannot learn from", (problem, text, sentence) => {
    expect(look(text, { problem }).inspection.blocked).toContain(sentence);
  });
});

describe("the desk", () => {
  it("throws what it refuses as an Error with a code", () => {
    const desk = emptyDesk();
    expect(() => desk.propose({ text: 0, text2: null, label: null })).toThrow(
      expect.objectContaining({ name: "GraftletError", code: "nothing_open" }),
    );
    expect(() => desk.open(utf8("<!doctype html><p>Not found</p>"), {})).toThrow(
      expect.objectContaining({ name: "GraftletError", code: "not_rows" }),
    );
    // @ts-expect-error an option of the wrong type
    expect(() => desk.open(utf8("text,label\na,x\n"), { header: "yes" })).toThrow(
      expect.objectContaining({ code: "option_invalid" }),
    );
  });

  it("has no table after a file that was refused", () => {
    const { desk, source } = read("text,label\na,x\nb,y\n");
    expect(() => desk.open(utf8("<!doctype html><p>Not found</p>"), {})).toThrow();
    expect(() => desk.propose(source.guess)).toThrow(
      expect.objectContaining({ code: "nothing_open" }),
    );
  });

  it("gives the rows that are ready in parts, and by their places", () => {
    const { desk, choice } = read("text,label\na,x\n,x\nb,x\nc,y\nd,y\n");
    const { usable } = desk.prepare(choice);
    expect(usable).toBe(4);
    expect(desk.part(1, 3).map(({ text }) => text)).toEqual(["b", "c"]);
    expect(desk.part(3, 99)).toHaveLength(1);
    expect(desk.part(9, 99)).toEqual([]);
    expect(desk.named(Uint32Array.of(1, 7))).toEqual([
      { number: 4, text: "b" },
      { number: 8, text: "" },
    ]);
  });

  it("takes rows back that were put away", () => {
    const { desk, choice } = read("text,text2,label\na,A,x\nb,B,x\nc,C,y\nd,D,y\n");
    const inspection = desk.prepare(choice);
    const other = emptyDesk();
    expect(other.takeBack(desk.putAway())).toEqual(inspection);
    expect(other.part(0, 9)).toEqual(desk.part(0, 9));
    expect(other.named(Uint32Array.of(2))).toEqual([{ number: 4, text: "c", text2: "C" }]);
    expect(other.takeBack(utf8("something else"))).toBeNull();
    expect(other.part(0, 9)).toEqual([]);
  });

  it("puts answers beside their rows and leaves the others empty", () => {
    const { desk, source } = read('id,text\n1,a\n2,\n3,"c, d"\n');
    const { texts, rows } = desk.texts({ ...source.guess, text: 1 });
    expect(texts).toEqual(["a", "c, d"]);
    const cells = [
      ["x", "0.9"],
      ["y", "0.8"],
    ];
    const csv = desk.answered(Uint32Array.from(rows), ["answer", "score"], cells);
    expect([...csv.slice(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
    expect(new TextDecoder().decode(csv)).toBe(
      'id,text,answer,score\r\n1,a,x,0.9\r\n2,,,\r\n3,"c, d",y,0.8\r\n',
    );
  });

  it("does as told about the header and the delimiter", () => {
    expect(read("text,label\na,x\n", { header: false }).source.rows).toBe(2);
    const { source } = read("a;b,c\nd;e,f\n", { header: false, delimiter: "," });
    expect(source).toMatchObject({ delimiter: ",", rows: 2 });
    expect(tableOf("a;b,c\nd;e,f\n", { header: false, delimiter: "," })[1]).toEqual(["a;b", "c"]);
  });

  it("decodes by the browser's decoder", () => {
    const windows = Uint8Array.of(
      ...utf8("text,label\r\ncaf"),
      0xe9,
      0x20,
      0x80,
      ...utf8(",x\r\n"),
    );
    expect(read(windows).source.encoding).toBe("Windows-1252");
    expect(tableOf(windows)[1]).toEqual(["café €", "x"]);
    const wide = new Uint8Array([..."text,label\naé,x\n"].flatMap((c) => [c.charCodeAt(0), 0]));
    expect(read(wide).source.encoding).toBe("UTF-16");
    expect(tableOf(wide)[1]).toEqual(["aé", "x"]);
  });
});

describe("labels that differ only in case or spaces", () => {
  const FILE = "text,label\na,Billing\nb,billing\nc,Billing\nd,other\ne,other\nf, billing \n";

  it("are told with the form that most rows use", () => {
    const { inspection } = look(FILE);
    expect(inspection.mergeable).toHaveLength(1);
    expect(inspection.mergeable[0]).toMatchObject({ rows: 4 });
    expect(inspection.findings.map(({ kind }) => kind)).toContain("labels_alike");
  });

  it("become one when told so", () => {
    const { inspection, rows } = look(FILE, { merge: true });
    expect(inspection.classes.map(({ rows }) => rows)).toEqual([4, 2]);
    expect(rows.filter(({ label }) => label === inspection.mergeable[0]?.label)).toHaveLength(4);
  });
});

import { describe, expect, it } from "vitest";
import { guessColumns } from "../rows/columns.js";
import { nameLabels, nameRows } from "../rows/findings.js";
import { type Choice, inspect } from "../rows/inspect.js";
import { guessOutside, guessProblem } from "../rows/problem.js";
import { SAMPLE } from "../rows/sample.js";
import { parseTable } from "../rows/table.js";

/** The text as the page would take it, but for what `choice` says. */
function look(text: string, choice: Partial<Choice> = {}) {
  const table = parseTable(text);
  const columns = guessColumns(table.columns, table.rows);
  const column = (index: number | null) =>
    index === null ? [] : table.rows.map((row) => row[index] ?? "");
  const problem = guessProblem(column(columns.text), column(columns.label));
  return inspect(table, { columns, problem, reject: null, corrections: {}, ...choice });
}

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
    expect(look(text).inspection.blocked).toBeNull();
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

describe("guessProblem", () => {
  it.each([
    ["single_label", ["good", "bad"]],
    ["single_label", ["0", "1", "1"]],
    ["single_label", ["a|b", "c|d"]],
    ["regression", ["2.500", "3.600", "0.000"]],
    ["multi_label", ["joy", "joy|love", "love"]],
    ["single_label", []],
  ] as const)("%s for %j", (problem, labels) => {
    expect(guessProblem([], labels)).toBe(problem);
  });

  it("takes many whole numbers for amounts", () => {
    const labels = Array.from({ length: 100 }, (_, i) => `${i}`);
    expect(guessProblem([], labels)).toBe("regression");
  });

  it("finds the label that stands for none of the others", () => {
    expect(guessOutside(["balance", "oos"])).toBe("oos");
    expect(guessOutside(["balance", "books"])).toBeNull();
  });
});

describe("naming", () => {
  it("lists a few rows and counts many", () => {
    expect(nameRows([4])).toBe("Row 4");
    expect(nameRows([4, 9])).toBe("Rows 4 and 9");
    expect(nameRows([1, 2, 3, 4, 5, 6])).toBe("Rows 1, 2, 3, 4, 5 and 6");
    expect(nameRows([1, 2, 3, 4, 5, 6, 7, 8])).toBe("8 rows (1, 2, 3, 4, 5, …)");
  });

  it("lists a few labels and counts many", () => {
    expect(nameLabels(["a"])).toBe("“a”");
    expect(nameLabels(["a", "b"])).toBe("“a” and “b”");
    expect(nameLabels([..."abcdefgh"])).toBe("“a”, “b”, “c”, “d”, “e” and 3 more");
  });
});

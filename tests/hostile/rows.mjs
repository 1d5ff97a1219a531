/** Files of rows that nobody writes in good faith, and odd ones that are right. */
import { random } from "./bytes.mjs";

const MB = 1_000_000;
const TAIL = "good film,yes\nbad film,no\nfine film,yes\npoor film,no\nnice film,yes\nsad film,no\n";
const HEAD = "text,label\n";

const lines = (count, line) => Array.from({ length: count }, (_, i) => line(i)).join("");
const rows = (text) => Buffer.from(HEAD + text + TAIL);
const jsonl = (line) => `${JSON.stringify(line)}\n`;
const JSONL = jsonl({ text: "good film", label: "yes" }) + jsonl({ text: "bad film", label: "no" });
const both = (start, bytes, end) =>
  Buffer.concat([Buffer.from(start), bytes, Buffer.from(end)]);

/** [name, file, bytes, what must come of it: "error", "answer", or either where that is left open] */
export function hostileRows() {
  const cases = [];
  const add = (name, file, make, must = "either") => cases.push({ name, file, make, must });

  // Size.
  for (const size of [1, 10, 50]) {
    add(`a word of ${size} MB`, "rows.csv", () =>
      both(HEAD, Buffer.alloc(size * MB, "w"), `,yes\n${TAIL}`),
    );
  }
  for (const size of [1, 20, 100]) {
    add(`a cell of ${size} MB`, "rows.csv", () =>
      both(`${HEAD}"`, Buffer.alloc(size * MB, "some words, "), `",yes\n${TAIL}`),
    );
  }
  add("a label of 20 MB", "rows.csv", () =>
    both(`${HEAD}a film,`, Buffer.alloc(20 * MB, "l"), `\n${TAIL}`),
  );
  add("a column's name of 20 MB", "rows.csv", () =>
    both("text,", Buffer.alloc(20 * MB, "n"), `\n${TAIL}`),
  );
  add("50 MB of one line without an end", "rows.csv", () => Buffer.alloc(50 * MB, "a,b "));
  add("50 MB of line breaks", "rows.csv", () => both(HEAD, Buffer.alloc(50 * MB, "\n"), TAIL));
  add("50 MB of quotes", "rows.csv", () => both(HEAD, Buffer.alloc(50 * MB, '"'), TAIL));
  add("50 MB of commas", "rows.csv", () => both(HEAD, Buffer.alloc(50 * MB, ","), `\n${TAIL}`));
  add("50 MB of zeros", "rows.csv", () => Buffer.alloc(50 * MB));
  add("50 MB of spaces", "rows.txt", () => Buffer.alloc(50 * MB, " "));
  add("50 MB of brackets", "rows.json", () => Buffer.alloc(50 * MB, "["));
  add("a string of 50 MB in JSON", "rows.jsonl", () =>
    both(`{"label":"yes","text":"`, Buffer.alloc(50 * MB, "words "), `"}\n${JSONL}`),
  );
  add("a string of 20 MB of escapes in JSON", "rows.jsonl", () =>
    both(`{"label":"yes","text":"`, Buffer.alloc(20 * MB, "\\u0000"), `"}\n${JSONL}`),
  );
  add("a number of 10 MB in JSON", "rows.jsonl", () =>
    both(`{"text":"a","label":`, Buffer.alloc(10 * MB, "9"), `}\n${JSONL}`),
  );
  add("a word of 10 MB with a tag", "rows.conll", () =>
    both("a O\n", Buffer.alloc(10 * MB, "w"), " B-X\n\nb O\n\nc B-X\n"),
  );
  add("a sentence of a million words", "rows.conll", () =>
    both("", Buffer.alloc(6 * MB, "word O\n"), "\nb O\n\nc B-X\n\n"),
  );

  // Counts.
  const cells = (count, separator) => Buffer.from(lines(count, (i) => `c${i}${separator}`));
  add("a million columns", "rows.csv", () => both("", cells(MB, ","), `x\n${TAIL}`));
  add("a million columns in a later row", "rows.csv", () =>
    both(HEAD, cells(MB, ","), `x\n${TAIL}`),
  );
  add("a hundred thousand columns of tabs", "rows.tsv", () =>
    both("", cells(100_000, "\t"), `x\n${TAIL}`),
  );
  add("a million keys in one row", "rows.jsonl", () =>
    Buffer.from(`{${lines(MB, (i) => `"k${i}":1,`)}"text":"a","label":"b"}\n${JSONL}`),
  );
  add("other keys in each of 100,000 rows", "rows.jsonl", () =>
    Buffer.from(lines(100_000, (i) => `{"k${i}":"some text ${i}","label":"x"}\n`)),
  );
  // Labels of one row each are left out, and the others are learned.
  for (const count of [100_000, 500_000]) {
    add(`${count} labels of one row`, "rows.csv", () =>
      rows(lines(count, (i) => `text ${i},label ${i}\n`)),
    );
    add(`${count} labels of two rows`, "rows.csv", () =>
      rows(lines(2 * count, (i) => `text ${i},label ${i >> 1}\n`)),
      "error",
    );
  }
  add("a million labels in one row", "rows.jsonl", () =>
    Buffer.from(
      `{"text":"a","label":[${lines(MB, (i) => `"l${i}",`)}"x"]}\n{"text":"b","label":["x"]}\n`,
    ),
  );
  add("a hundred thousand tags", "rows.conll", () =>
    Buffer.from(lines(100_000, (i) => `word${i} B-T${i}\n${i % 10 === 9 ? "\n" : ""}`)),
    "error",
  );
  add("a million equal rows", "rows.csv", () => both(HEAD, Buffer.alloc(11 * MB, "a film,yes\n"), TAIL));
  add("a hundred thousand rows without a text", "rows.csv", () =>
    rows(lines(100_000, (i) => `,label${i % 3}\n`)),
  );
  add("a hundred thousand rows of other lengths", "rows.csv", () =>
    rows(lines(100_000, (i) => `${"x,".repeat(i % 7)}y\n`)),
  );

  // Quotes.
  add("a quote that never ends", "rows.csv", () => Buffer.from(`${HEAD}"good film,yes\n${TAIL}`));
  add("a quote that never ends, 20 MB", "rows.csv", () =>
    both(`${HEAD}"`, Buffer.alloc(20 * MB, "good film,yes\n"), TAIL),
  );
  add("a quote within a cell", "rows.csv", () => rows('a "good" film,yes\n'), "answer");
  add("text behind a quote", "rows.csv", () => rows('"good" film,yes\n'));
  add("quotes in every cell, none closed", "rows.csv", () => rows(lines(2000, () => '"a,"b\n')));
  add("quotes of two kinds", "rows.csv", () => rows("'a, b',yes\n"));
  add("escaped quotes by a backslash", "rows.csv", () => rows('"a \\"good\\" film",yes\n'));
  add("an odd number of quotes", "rows.tsv", () =>
    Buffer.from(`text\tlabel\n"""good" film\tyes\n${TAIL.replaceAll(",", "\t")}`),
  );

  // Characters.
  const characters = {
    "a NUL": "a\0b",
    "many NULs": "\0".repeat(5000),
    "an escape": "a\u001b[2J\u001b[31mb",
    "a bell": "a\u0007b",
    "an order of a terminal": "\u009b2J\u0090q\u009c",
    "a carriage return": "a\rb",
    "a line separator": "a\u2028b\u2029c",
    "a form feed": "a\fb\vc",
    "the reverse order of characters": "a\u202eb\u202c",
    "zero-width characters": "\u200b\u200c\u200d\ufeff",
    "noncharacters": "a\ufffe\uffffb\u{10ffff}",
    "the object replacement": "\ufffc\ufffd",
    "private characters": "\ue000\u{f0000}",
    "a hundred accents": `a${"\u0301".repeat(100)}`,
    "five thousand accents": `a${"\u0301".repeat(5000)}`,
    "a family": "👨‍👩‍👧‍👦".repeat(50),
    "flags": "🇩🇪".repeat(500),
  };
  for (const [name, text] of Object.entries(characters)) {
    add(`${name} in a text`, "rows.csv", () => rows(`"${text}",yes\n"x${text}",yes\n`));
    add(`${name} in a label`, "rows.csv", () => rows(`one film,"l${text}"\ntwo films,"l${text}"\n`));
  }
  add("an escape in a column's name", "rows.csv", () =>
    Buffer.from(`te\u001b[2Jxt,la\u0007bel\n${TAIL}`),
  );
  for (const escape of ["\\ud800", "\\udc00", "\\udc00\\ud800", "\\ud83d\\ud83d"]) {
    add(`half a surrogate pair ${escape} in JSON`, "rows.jsonl", () =>
      Buffer.from(`{"text":"a ${escape} b","label":"yes"}\n${JSONL}`),
    );
  }
  for (const [name, bytes] of Object.entries({
    "a lone continuation": [0x80],
    "an overlong slash": [0xc0, 0xaf],
    "an overlong NUL": [0xc0, 0x80],
    "a surrogate": [0xed, 0xa0, 0x80],
    "past the last character": [0xf4, 0x90, 0x80, 0x80],
    "five bytes": [0xf8, 0x88, 0x80, 0x80, 0x80],
    "a character cut short": [0xe2, 0x82],
    "all of Latin-1": Array.from({ length: 128 }, (_, i) => 128 + i),
  })) {
    add(`UTF-8 with ${name}`, "rows.csv", () =>
      both(`${HEAD}a `, Buffer.from(bytes), ` film,yes\n${TAIL}`),
    );
  }
  add("noise", "rows.csv", () => {
    const next = random(7);
    return Buffer.from(Array.from({ length: 300_000 }, () => Math.floor(256 * next())));
  });

  // Marks of an encoding.
  const utf16 = (text) => Buffer.from(text, "utf16le");
  add("a mark of UTF-8", "rows.csv", () => both("\ufeff", Buffer.from(HEAD), TAIL), "answer");
  add("two marks of UTF-8", "rows.csv", () => both("\ufeff\ufeff", Buffer.from(HEAD), TAIL));
  add("a mark and nothing else", "rows.csv", () => Buffer.from("\ufeff"), "error");
  add("a mark of UTF-16, the text is", "rows.csv", () => utf16(`\ufeff${HEAD}${TAIL}`));
  add("a mark of UTF-16, the text is not", "rows.csv", () =>
    both("", Buffer.from([0xff, 0xfe]), HEAD + TAIL),
  );
  add("UTF-16 the other way round", "rows.csv", () => utf16(`\ufeff${HEAD}${TAIL}`).swap16());
  add("UTF-16 cut in a character", "rows.csv", () => utf16(`\ufeff${HEAD}${TAIL}`).subarray(0, -1));
  add("UTF-16 without a mark", "rows.csv", () => utf16(`${HEAD}${TAIL}`));
  add("UTF-16 with half a pair", "rows.csv", () => utf16(`\ufeff${HEAD}a \ud800 film,yes\n${TAIL}`));
  add("a mark of UTF-32", "rows.csv", () => both("", Buffer.from([0xff, 0xfe, 0, 0]), HEAD + TAIL));

  // JSON.
  const deep = (count) => "[".repeat(count) + "]".repeat(count);
  for (const depth of [100, 5000, 1_000_000]) {
    add(`JSON ${depth} deep`, "rows.json", () => Buffer.from(deep(depth)), "error");
    add(`a row ${depth} deep`, "rows.jsonl", () =>
      Buffer.from(`{"text":"a","label":"b","more":${deep(depth)}}\n${JSONL}`),
    );
  }
  add("objects a million deep", "rows.json", () =>
    Buffer.from(`${'{"a":'.repeat(MB)}1${"}".repeat(MB)}`),
    "error",
  );
  for (const [name, text] of Object.entries({
    "nothing": "",
    "a number": "7",
    "null": "null",
    "an empty list": "[]",
    "an empty object": "{}",
    "a list of numbers": "[1,2,3]",
    "a list cut short": '[{"text":"a","label":"b"},',
    "a key twice": '[{"text":"a","text":"b","label":"x","label":"y"},{"text":"c","label":"y"}]',
    "__proto__": '[{"__proto__":"a","text":"b","label":"constructor"},{"text":"c","label":"__proto__"}]',
    "huge numbers": '[{"text":"a","label":1e999},{"text":"b","label":-1e999}]',
    "numbers that look alike": '[{"text":"a","label":9007199254740993},{"text":"b","label":9007199254740992}]',
    "text that is an object": '[{"text":{"a":1},"label":"x"},{"text":[1],"label":"y"}]',
    "spans out of the text": '[{"text":"ab","entities":[[0,99,"X"],[-1,1,"Y"],[1,0,"Z"]]}]',
    "tags and tokens of other numbers": '[{"tokens":["a","b"],"tags":["O"]},{"tokens":[],"tags":["O","O"]}]',
    "NaN": '[{"text":"a","label":NaN}]',
    "a comment": '/* rows */ [{"text":"a","label":"b"}]',
  })) {
    add(`JSON with ${name}`, "rows.json", () => Buffer.from(text));
  }

  // Something else under the name.
  for (const [name, start] of Object.entries({
    "a zip archive": "PK\x03\x04\x14\0\0\0",
    "an Excel workbook of old": "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "a PDF": "%PDF-1.7\n",
    "a PNG": "\x89PNG\r\n\x1a\n",
    "gzip": "\x1f\x8b\x08\0",
    "a database": "SQLite format 3\0",
    "a program": "\x7fELF\x02\x01\x01",
    "Parquet": "PAR1",
    "a web page": "<!DOCTYPE html><html>",
    "a pointer of LFS": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n",
  })) {
    add(`${name} as rows`, "rows.csv", () =>
      Buffer.concat([Buffer.from(start, "latin1"), Buffer.alloc(2000, "\0x")]),
      "error",
    );
  }
  // Formulas are text here, and must come back as such.
  add("formulas", "rows.csv", () => rows("=HYPERLINK(1),yes\n@SUM(A1),no\n+1,yes\n-1,no\n"), "answer");
  add("no row", "rows.csv", () => Buffer.from(HEAD), "error");
  add("an empty file", "rows.csv", () => Buffer.alloc(0), "error");
  add("a tag that is none", "rows.conll", () => Buffer.from("a X-\nb -\nc B-\n\nd I-Y\n"));
  return cases;
}

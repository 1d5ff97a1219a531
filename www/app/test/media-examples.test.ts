import { beforeEach, expect, test, vi } from "vitest";

vi.stubGlobal("localStorage", { getItem: () => "whisper-tiny-en", setItem() {}, removeItem() {} });
vi.stubGlobal("document", { baseURI: "http://localhost/" });

const {
  addClass,
  addPicture,
  addSound,
  blocked,
  classes,
  examples,
  findExample,
  hasRecordings,
  relabel,
  removeClass,
  removeExample,
  renameClass,
} = await import("../state/media/examples.js");
const { examplesLesson } = await import("../state/media/lesson.js");

const SOUND = { samples: new Float32Array(10), rate: 10 };
const shape = () =>
  classes.value.map(({ label, examples }) => [label, examples.map(({ title }) => title)]);

beforeEach(() => {
  classes.value = [];
});

test("takes are numbered, and no number is used twice", () => {
  addSound("yes", SOUND);
  const second = addSound("yes", SOUND);
  removeExample("yes", second);
  addSound("yes", SOUND);
  addSound(" no ", SOUND, "no.wav");
  addPicture("cup", new Blob());
  expect(shape()).toEqual([
    ["yes", ["take 1", "take 3"]],
    ["no", ["no.wav"]],
    ["cup", ["picture 1"]],
  ]);
});

test("only what was recorded here is lost with the page", () => {
  addSound("yes", SOUND, "yes.wav");
  expect(hasRecordings.value).toBe(false);
  addSound("yes", SOUND);
  expect(hasRecordings.value).toBe(true);
});

test("a label is entered once, renamed, and merged with one of its new name", () => {
  addClass("yes");
  addClass("yes ");
  addClass("  ");
  addSound("yes", SOUND);
  addSound("no", SOUND);
  expect(renameClass("yes", " ")).toBe(false);
  expect(renameClass("yes", "yeah")).toBe(true);
  expect(shape()).toEqual([
    ["yeah", ["take 1"]],
    ["no", ["take 1"]],
  ]);
  renameClass("yeah", "no");
  expect(shape()).toEqual([["no", ["take 1", "take 1"]]]);
  removeClass("no");
  expect(shape()).toEqual([]);
});

test("training waits for two labels with two examples each", () => {
  expect(blocked.value).toContain("two labels");
  addSound("yes", SOUND);
  addSound("yes", SOUND);
  addClass("no");
  expect(blocked.value).toContain("two labels");
  addSound("no", SOUND);
  expect(blocked.value).toContain("“no” has only 1");
  addSound("no", SOUND);
  expect(blocked.value).toBeNull();
});

test("the rows of a lesson are found again by their numbers, and put right", async () => {
  addSound("yes", SOUND);
  addSound("yes", SOUND);
  const wrong = addSound("no", SOUND);
  const out = addSound("no", SOUND);
  addClass("empty");
  const lesson = examplesLesson();
  const { rows, inspection } = await lesson.prepare();
  expect(rows.map((row) => "label" in row && row.label)).toEqual(["yes", "yes", "no", "no"]);
  expect(inspection.usable).toBe(4);
  expect(inspection.classes).toEqual([
    { label: "yes", rows: 2 },
    { label: "no", rows: 2 },
  ]);
  expect(await lesson.keeper.named([2, 9])).toEqual([
    { number: wrong, text: "no, take 1" },
    { number: 0, text: "" },
  ]);
  relabel(
    new Map([
      [wrong, "yes"],
      [out, null],
    ]),
  );
  expect(examples.value.map(({ label }) => label)).toEqual(["yes", "yes", "yes"]);
  expect(findExample(wrong)?.title).toBe("take 1");
  expect(findExample(out)).toBeUndefined();
});

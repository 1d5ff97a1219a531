import { expect, test } from "vitest";
import { hasDevices, lost, troubleOf } from "../media/device-trouble.js";
import { accepted, isMedia, labelled } from "../media/files.js";

const file = (path: string, type = "") => ({
  path,
  file: new File([], path.split("/").at(-1) ?? "", { type }),
});

test("files are told by their type, or else by their name", () => {
  expect(isMedia("sounds", new File([], "a", { type: "audio/x-new" }))).toBe(true);
  expect(isMedia("sounds", new File([], "A.WAV"))).toBe(true);
  expect(isMedia("sounds", new File([], "a.png", { type: "image/png" }))).toBe(false);
  expect(isMedia("pictures", new File([], "a.JPeG"))).toBe(true);
  expect(isMedia("pictures", new File([], "png"))).toBe(false);
  expect(accepted("sounds")).toContain("audio/*,.wav");
  expect(accepted("pictures")).toContain("image/*,.jpg");
});

test("a file's label is the name of the folder that it lies in", () => {
  const { found, others } = labelled("sounds", [
    file("words/yes/1.wav"),
    file("yes\\2.wav"),
    file("loose.mp3"),
    file("words/yes/notes.txt"),
    file("__MACOSX/yes/._1.wav"),
    file("words/.hidden/1.wav"),
  ]);
  expect(found.map(({ file, label }) => [file.name, label])).toEqual([
    ["1.wav", "yes"],
    ["yes\\2.wav", "yes"],
    ["loose.mp3", null],
  ]);
  expect(others).toBe(1);
});

test("what a device refuses is said with what to do", () => {
  const named = (name: string) => Object.assign(new Error("x"), { name });
  const names = ["NotAllowedError", "NotFoundError", "NotReadableError", "NoDevices", "Strange"];
  for (const device of ["microphone", "camera"] as const) {
    const sentences = names.map((name) => troubleOf(device, named(name)).message);
    expect(new Set(sentences).size).toBe(names.length);
    for (const sentence of [...sentences, lost(device).message]) {
      expect(sentence).toContain(device);
      expect(sentence).toMatch(/\. ?.*(choose|Close|Connect|Allow|Open)/);
    }
  }
  expect(troubleOf("camera", "odd").message).toContain("could not be started");
  expect(hasDevices()).toBe(false);
});

/**
 * Files as people have them, read by the built module: what it says of each is what the crate says natively, which the
 * Rust tests hold to the same expectation.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { emptyDesk } from "./reader.js";

const CASES = fileURLToPath(new URL("../../../rows/tests/cases", import.meta.url));

type Expected = { refusal: { code: string; message: string } } | Record<string, unknown>;

const expected: Record<string, Expected> = JSON.parse(
  readFileSync(`${CASES}/expected.json`, "utf8"),
);
const files = readdirSync(CASES, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => `${entry.parentPath}/${entry.name}`.slice(CASES.length + 1))
  .filter((path) => path !== "expected.json");

/** The whole reading of a file, as its owner meets it before choosing anything. */
function readingOf(path: string): unknown {
  const desk = emptyDesk();
  try {
    const name = path.split("/").at(-1) ?? path;
    const source = desk.open(readFileSync(`${CASES}/${path}`), { name });
    const proposal = desk.propose(source.guess);
    desk.prepare({ columns: source.guess, ...proposal, corrections: {}, merge: false });
    const looked: unknown = JSON.parse(new TextDecoder().decode(desk.putAway()));
    return { source, proposal, looked };
  } catch (error) {
    const { code, message } = error as Error & { code: string };
    return { refusal: { code, message } };
  }
}

describe("the cases", () => {
  it("are all expected", () => {
    expect(files.toSorted()).toEqual(Object.keys(expected).toSorted());
    expect(files.length).toBeGreaterThan(20);
  });

  it.each(files)("%s is read as natively", (path) => {
    expect(readingOf(path)).toEqual(expected[path]);
  });
});

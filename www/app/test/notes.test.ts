import { beforeEach, describe, expect, it, vi } from "vitest";
import { lastWordOf } from "../format/marked.js";
import { changeNotes, cleanNotes, readNotes } from "../state/notes.js";

describe("notes", () => {
  const kept = new Map<string, string>();
  beforeEach(() => {
    kept.clear();
    vi.stubGlobal("localStorage", {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => kept.set(key, value),
    });
  });

  it("are changed one at a time", () => {
    changeNotes("mine", { origin: "trained", pair: true, score: 1 });
    changeNotes("other", { origin: "imported" });
    changeNotes("mine", undefined);
    expect(readNotes()).toEqual({ other: { origin: "imported" } });
  });

  it("lose the rows that an earlier version wrote down", () => {
    kept.set("graftlet.notes", '{"mine":{"origin":"trained","example":"my secret"}}');
    expect(readNotes()).toEqual({ mine: { origin: "trained" } });
    cleanNotes();
    expect([...kept.values()].join()).not.toContain("secret");
  });

  it("are empty where they cannot be read", () => {
    for (const broken of ["{", "null", "3", '{"mine":null}', '{"mine":"x"}', "[]"]) {
      kept.set("graftlet.notes", broken);
      expect(readNotes(), broken).toEqual({});
    }
  });
});

describe("lastWordOf", () => {
  it("cuts before the last word, and a long word before its last characters", () => {
    expect(lastWordOf("Lady Gaga")).toEqual(["Lady ", "Gaga"]);
    expect(lastWordOf("Gaga")).toEqual(["", "Gaga"]);
    expect(lastWordOf("Gaga ")).toEqual(["", "Gaga "]);
    expect(lastWordOf("")).toEqual(["", ""]);
    expect(lastWordOf("x".repeat(40))).toEqual(["x".repeat(24), "x".repeat(16)]);
    expect(lastWordOf("👩‍🚀👩‍🚀").join("")).toBe("👩‍🚀👩‍🚀");
  });
});

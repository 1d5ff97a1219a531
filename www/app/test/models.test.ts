import { beforeEach, expect, test, vi } from "vitest";

vi.mock("graftlet", () => ({ fetchFile: vi.fn() }));

const kept = new Map<string, string>();
let denied = false;

vi.stubGlobal("localStorage", {
  getItem(key: string) {
    if (denied) throw new Error("denied");
    return kept.get(key) ?? null;
  },
  setItem(key: string, value: string) {
    if (denied) throw new Error("denied");
    kept.set(key, value);
  },
  removeItem(key: string) {
    if (denied) throw new Error("denied");
    kept.delete(key);
  },
});

/** The module as a new visit has it. */
async function visit() {
  vi.resetModules();
  return await import("../state/models.js");
}

beforeEach(() => {
  kept.clear();
  denied = false;
});

test("a visit begins with the usual model, and with the chosen one after that", async () => {
  const first = await visit();
  expect(first.model).toBe("minilm-l6");
  expect(first.adaptersFolder).toBe("adapters/");
  const open = vi.fn();
  first.chooseModel("e5-small", open);
  expect(open).toHaveBeenCalledOnce();
  const second = await visit();
  expect(second.model).toBe("e5-small");
  expect(second.adaptersFolder).toBe("adapters/e5-small/");
  second.chooseModel("e5-small", open);
  expect(open).toHaveBeenCalledOnce();
  second.chooseModel("minilm-l6", open);
  expect((await visit()).model).toBe("minilm-l6");
});

test("what cannot be a folder is not chosen", async () => {
  for (const value of ["../x", "https://x/", "", "A b", "x".repeat(100), "%2e"]) {
    kept.set("graftlet.model", value);
    const { model, chooseModel } = await visit();
    expect(model).toBe("minilm-l6");
    const open = vi.fn();
    chooseModel(value, open);
    expect(open).not.toHaveBeenCalled();
  }
});

test("a browser that keeps nothing has the usual model", async () => {
  denied = true;
  const { model, chooseModel } = await visit();
  expect(model).toBe("minilm-l6");
  const open = vi.fn();
  chooseModel("e5-small", open);
  expect(open).toHaveBeenCalledOnce();
});

test("of a list of models the usable entries are read", async () => {
  const { readModels } = await visit();
  const good = {
    folder: "e5-small",
    title: "E5",
    about: "many languages",
    bytes: 7,
    reads: "texts",
  };
  const broken = [
    null,
    3,
    [],
    { ...good, folder: "../up" },
    { ...good, folder: "a", title: 1 },
    { ...good, folder: "b", bytes: "7" },
    { ...good, folder: "c", about: undefined },
    { ...good, folder: "d", reads: "smells" },
    good,
  ];
  expect(readModels(JSON.stringify({ models: [good, ...broken] }))).toEqual([good]);
  const sounds = { ...good, folder: "whisper", reads: "sounds" };
  const { reads: _, ...silent } = good;
  expect(readModels(JSON.stringify({ models: [silent, sounds] }))).toEqual([good, sounds]);
  for (const text of ["", "[[[", "null", "[]", "{}", '{"models":{}}']) {
    expect(readModels(text)).toEqual([]);
  }
});

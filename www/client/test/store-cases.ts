/** The folders that the tests of the store keep, the writes that they try, and the faults that meet those. */
import type { Store } from "../store.js";
import type { AdapterFiles } from "../types.js";
import type { Fault } from "./fake-caches.js";

export const ROOT = "https://graftlet.invalid/adapters/";
export const text = (content: string) => new TextEncoder().encode(content);
export const OLD = {
  "config.json": text("old config"),
  weights: text("old weights"),
  only: text("o"),
};
export const NEW = { "config.json": text("new config"), weights: text("new weights, longer") };
export const OTHER = { "config.json": text("other") };

/** What a write may leave, and how the write is done. */
interface Write {
  before: AdapterFiles | undefined;
  after: AdapterFiles | undefined;
  act(store: Store): Promise<void>;
}

export const WRITES: Record<string, Write> = {
  "a first save": { before: undefined, after: NEW, act: (store) => store.put("a", NEW) },
  "an overwrite": { before: OLD, after: NEW, act: (store) => store.put("a", NEW) },
  "files that are added or replaced": {
    before: OLD,
    after: { ...OLD, ...NEW },
    act: (store) => store.putFiles("a", NEW),
  },
  "a removal": { before: OLD, after: undefined, act: (store) => store.remove("a") },
};

export const FAULTS: Record<string, (at: number) => Fault> = {
  "the end of the page": (at) => (write) => (write === at ? "fail" : undefined),
  "a disk that is full from then on": (at) => (write, kind) =>
    write >= at && kind === "put" ? "full" : undefined,
  "a disk that is full for once": (at) => (write, kind) =>
    write === at && kind === "put" ? "full" : undefined,
};

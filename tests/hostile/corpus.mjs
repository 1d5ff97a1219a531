/** All hostile files, by the kind of reader that takes them. */
import { folder, hostileAdapters } from "./adapters.mjs";
import { hostileBackbones, hostileSources, source } from "./models.mjs";
import { hostileRows } from "./rows.mjs";
import { hostileTexts } from "./texts.mjs";

/** Larger cases are for `./build.sh soak`. */
export const SHORT = 1_000_000;

const GOOD_ROWS = Buffer.from("text,label\ngood film,yes\nbad film,no\nfine film,yes\npoor film,no\n");
/** As much as is read of a text, so that a hostile one is compared with work that is as long. */
const GOOD_TEXT = Buffer.from("some words of a text, ".repeat(4545));

/**
 * `{ rows, adapters, sources, backbones, texts }`, each `{ good, cases }`. A case is `{ name, must, make }`: `make` gives
 * its content by file name, and `must` is "error", "answer", or "either" where both are right. `base` is the tiny model's
 * converted folder.
 */
export function corpus(base) {
  const named = (file) => (content) => ({ [file]: content });
  const files = (cases, place) => cases.map((one) => ({ ...one, make: () => place(one)(one.make()) }));
  return {
    rows: {
      good: { "rows.csv": GOOD_ROWS },
      cases: files(hostileRows(), ({ file }) => named(file)).map((one) => ({
        ...one,
        name: `rows: ${one.name}`,
      })),
    },
    adapters: { good: folder(), cases: hostileAdapters() },
    sources: { good: source(), cases: hostileSources() },
    backbones: { good: base, cases: hostileBackbones(base) },
    texts: {
      good: { "text.txt": GOOD_TEXT },
      cases: files(hostileTexts(), () => (text) => ({ "text.txt": Buffer.from(text) })),
    },
  };
}

export const sizeOf = (files) => Object.values(files).reduce((sum, { length }) => sum + length, 0);

/** The form of compositions and recipes. */
import { array, type Check, isPlain, number, shown, string } from "./check-values.js";
import { GraftletError } from "./errors.js";
import { checkName } from "./names.js";
import type { Composition, Part, Recipe } from "./types.js";

/** How deep compositions may be nested, and of how many parts they may be. */
const DEEPEST = 32;
export const MOST_PARTS = 4096;

/** The name of an adapter or a run. */
export const name: Check<string> = (value) => {
  checkName(value);
  return value;
};

/** Counts the parts of a composition, so that one that holds itself has an end. */
class Nesting {
  #parts = 0;

  enter(depth: number, at: string): void {
    this.#parts += 1;
    if (depth <= DEEPEST && this.#parts <= MOST_PARTS) return;
    throw new GraftletError(
      "composition_invalid",
      `${at.slice(0, 40)} is nested more than ${DEEPEST} deep or has more than ${MOST_PARTS} parts: give fewer.`,
    );
  }
}

function node(
  value: unknown,
  at: string,
  nesting: Nesting,
  depth: number,
): Part<"weight" | "rows"> {
  nesting.enter(depth, at);
  if (typeof value === "string") return name(value, at);
  const wrong = (reason: string): never => {
    throw new GraftletError("composition_invalid", `${at} ${reason}.`);
  };
  if (!isPlain(value)) return wrong(`is ${shown(value)}: give an adapter's name or a block`);
  const copy: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) {
    const place = `${at}.${key}`;
    if (field === undefined) continue;
    else if (key === "adapter") copy[key] = node(field, place, nesting, depth + 1);
    else if (["stack", "average", "split", "parallel", "fuse"].includes(key)) {
      const parts: Check<unknown> = (one, at) => node(one, at, nesting, depth + 1);
      copy[key] = array(parts, MOST_PARTS)(field, place);
    } else if (key === "weight" || key === "rows" || key === "rank")
      copy[key] = number(field, place);
    else if (key === "head" || key === "fusion") copy[key] = name(field, place);
    else if (key === "method") copy[key] = string(field, place);
    else wrong(`has “${key}”, which no block has: see docs/composition.md`);
  }
  const blocks = ["adapter", "stack", "average", "split", "parallel", "fuse"].filter(
    (b) => b in copy,
  );
  if (blocks.length !== 1)
    wrong("names no block, or several: give stack, average, split, parallel or fuse");
  return copy as Part<"weight" | "rows">;
}

/** The form of a composition; what may be inside what, the engine says. */
export const composition: Check<Composition> = (value, at) =>
  node(value, at, new Nesting(), 0) as Composition;

export const recipe: Check<Recipe> = (value, at) => node(value, at, new Nesting(), 0) as Recipe;

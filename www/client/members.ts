/**
 * What a composition is made of.
 */
import type { Composition, Part } from "./types.js";

/**
 * The loaded adapters that a composition names, a fusion after those that it is of. Nothing where what it answers
 * depends on which texts come together (`split`) or is more than one answer a text (`parallel`).
 */
export function membersOf(what: Composition): string[] | undefined {
  const names = new Set<string>();
  return collect(what, names) ? [...names] : undefined;
}

function collect(what: Part<"weight">, names: Set<string>): boolean {
  if (typeof what === "string") {
    names.add(what);
    return true;
  }
  if ("adapter" in what) return collect(what.adapter, names);
  if ("split" in what || "parallel" in what) return false;
  const parts = "stack" in what ? what.stack : "average" in what ? what.average : what.fuse;
  if (!parts.every((part) => collect(part, names))) return false;
  if ("fusion" in what) names.add(what.fusion);
  if ("head" in what && what.head !== undefined) names.add(what.head);
  return true;
}

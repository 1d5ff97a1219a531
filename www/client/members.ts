/**
 * What a composition is made of.
 */
import type { Composition, Part } from "./types.js";

/** What a composition names, and whether the answer to a text depends on which others come with it (`split`). */
export interface Members {
  /** Loaded adapters, a fusion after those that it is of. */
  names: string[];
  together: boolean;
}

export function membersOf(...of: readonly Composition[]): Members {
  const found = { names: new Set<string>(), together: false };
  for (const what of of) collect(what, found);
  return { names: [...found.names], together: found.together };
}

function collect(what: Part<"weight" | "rows">, found: { names: Set<string>; together: boolean }) {
  if (typeof what === "string") {
    found.names.add(what);
    return;
  }
  const { adapter, stack, average, split, parallel, fuse, fusion, head } = what as Block;
  if (split) found.together = true;
  if (adapter !== undefined) collect(adapter, found);
  for (const part of [stack, average, split, parallel, fuse].flatMap((parts) => parts ?? [])) {
    collect(part, found);
  }
  for (const name of [fusion, head]) if (name !== undefined) found.names.add(name);
}

/** Any block. */
interface Block {
  adapter?: Composition;
  stack?: readonly Composition[];
  average?: readonly Part<"weight">[];
  split?: readonly Part<"rows">[];
  parallel?: readonly Composition[];
  fuse?: readonly Composition[];
  fusion?: string;
  head?: string;
}

/**
 * The first of many, and a button for the rest.
 */
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { count } from "../../format/units.js";

export function useFirst<T>(
  all: readonly T[],
  most: number,
  what: string,
): { shown: readonly T[]; more: JSX.Element | null } {
  const [open, setOpen] = useState(false);
  if (all.length <= most) return { shown: all, more: null };
  return {
    shown: open ? all : all.slice(0, most),
    more: (
      <button type="button" class="link" aria-expanded={open} onClick={() => setOpen(!open)}>
        {open ? `Only the first ${most}` : `All ${count(all.length)} ${what}`}
      </button>
    ),
  };
}

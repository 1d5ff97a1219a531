/**
 * The parts of the page for sounds and pictures, which come when a model reads them: a page of texts goes without.
 */
import { effect, signal } from "@preact/signals";
import { sort } from "../state/sort.js";

type Parts = typeof import("./media/parts.js");

export const mediaParts = signal<Parts | null>(null);

export function followMedia(): void {
  let asked = false;
  effect(() => {
    if (sort.value === "texts" || asked) return;
    asked = true;
    void import("./media/parts.js").then((parts) => {
      mediaParts.value = parts;
    });
  });
}

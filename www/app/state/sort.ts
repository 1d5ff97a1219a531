/**
 * What the chosen model reads: the page asks and teaches accordingly.
 */
import { computed } from "@preact/signals";
import { engine } from "./engine.js";
import { model, models, type Sort } from "./models.js";

export type { Sort };

/** Known by the list of models before the model itself has come. */
export const sort = computed<Sort>(() => {
  const state = engine.value;
  if (state.status === "ready") return state.graftlet.backbone.reads;
  return models.value.find(({ folder }) => folder === model)?.reads ?? "texts";
});

/** What one input is called. */
export const NOUNS = { texts: "text", sounds: "recording", pictures: "picture" } satisfies Record<
  Sort,
  string
>;

/**
 * The examples as what a run learns from. They are not put by: a run that goes on in a later visit has what the engine
 * keeps of them, and only their names are lost.
 */
import type { PictureRow, SoundRow } from "graftlet";
import { DEFAULT_PROBLEM } from "../default-problem.js";
import type { Keeper, Lesson } from "../lesson.js";
import { classes, type Example, examples } from "./examples.js";
import { corrections } from "./listening.js";

/** Of a run whose examples another visit had. */
export const strangersKeeper: Keeper = {
  named: async (places) =>
    places.map((place) => ({ number: place + 1, text: `Example ${place + 1}` })),
  putBy: async () => {},
  forget: async () => {},
};

export function examplesLesson(): Lesson {
  const all = examples.value;
  const counts = classes.value.map(({ label, examples }) => ({ label, rows: examples.length }));
  return {
    source: "examples",
    keeper: {
      ...strangersKeeper,
      // A row's number is the example's, by which it is found again among them.
      named: async (places) =>
        places.map((place) => {
          const found = all[place];
          return found
            ? { number: found.example.id, text: `${found.label}, ${found.example.title}` }
            : { number: 0, text: "" };
        }),
    },
    async prepare() {
      corrections.value = 0;
      return {
        rows: all.map(({ label, example }) => rowOf(label, example)),
        inspection: {
          problem: DEFAULT_PROBLEM,
          usable: all.length,
          classes: counts.filter(({ rows }) => rows > 0),
          range: null,
          findings: [],
          mergeable: [],
          blocked: null,
          preview: [],
        },
      };
    },
  };
}

function rowOf(label: string, example: Example): SoundRow | PictureRow {
  return "sound" in example
    ? { sound: example.file ?? example.sound, label }
    : { picture: example.picture, label };
}

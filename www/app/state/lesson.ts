/**
 * What a run learns from, and who knows its rows: a table of texts, or the page's own examples of sounds or pictures.
 */
import type { AnyRow, Row } from "graftlet";
import type { Inspection, NamedRow } from "../rows/types.js";
import { asRead, choice, desk, opened } from "./rows.js";

/** Whoever knows the rows of a run. */
export interface Keeper {
  /** The rows at those places. */
  named(places: readonly number[]): Promise<NamedRow[]>;
  /** Puts the rows by for a later visit, which may go on with the run. */
  putBy(task: string): Promise<void>;
  forget(task: string): Promise<void>;
}

export interface Lesson {
  keeper: Keeper;
  /** What the rows were read from; corrections in the report are for these rows and no others. */
  source: Blob | string | null;
  prepare(): Promise<{ inspection: Inspection; rows: AnyRow[] }>;
}

/** Rows that are fetched from the desk at a time. */
const PART = 5000;

export const tableKeeper: Keeper = {
  named: (places) => desk().named(places),
  putBy: (task) => desk().putBy(task),
  forget: (task) => desk().forget(task),
};

/** The table as it is chosen now; null without one. */
export function tableLesson(): Lesson | null {
  const chosen = choice.value;
  if (!chosen) return null;
  return {
    keeper: tableKeeper,
    source: opened.value?.from ?? null,
    async prepare() {
      const inspection = { ...(await desk().prepare(asRead(chosen))), problem: chosen.problem };
      const rows: Row[] = [];
      for (let from = 0; from < inspection.usable; from += PART) {
        rows.push(...(await desk().part(from, from + PART)));
      }
      return { inspection, rows };
    },
  };
}

/**
 * What there is to say of a finished run: the engine's report with the rows it speaks of, and what was left out.
 */
import type { Problem, Suggestion, TrainOptions, TrainReport } from "graftlet";
import type { Finding, Inspection, NamedRow } from "../rows/types.js";
import { baselineOf } from "./baseline.js";

export interface Report {
  options: TrainOptions;
  /** How kinds compared, where the rows decided which to train. */
  suggestion: Suggestion | null;
  problem: Problem;
  engine: TrainReport;
  /** What answering the commonest label (or nothing, or the mean) would score, where that is known. */
  baseline: number | null;
  hardest: (NamedRow & { label: string; answer: string; loss: number })[];
  suspects: Suspect[];
  /** Rows that were left out, and notices. */
  findings: Finding[];
  usable: number;
  /** Labels that a row can be given instead of its own. */
  labels: string[];
}

/** A row whose label may be wrong. */
export interface Suspect extends NamedRow {
  heldOut: boolean;
  label: string;
  /** The score of its label. */
  score: number;
  /** The label it is answered with, and that one's score. */
  rival: string;
  rivalScore: number;
}

/** The rows, by their places among those trained on, that a report speaks of. */
export function placesOf({ hardest, suspects }: TrainReport): number[] {
  return [...new Set([...hardest, ...suspects].map(({ row }) => row))];
}

export function reportOf(
  options: TrainOptions,
  engine: TrainReport,
  inspection: Pick<Inspection, "problem" | "findings" | "usable" | "classes">,
  rows: ReadonlyMap<number, NamedRow>,
  suggestion: Suggestion | null = null,
): Report {
  const { problem, findings, usable, classes } = inspection;
  const named = <T extends { row: number }>({ row, ...rest }: T) => ({
    ...(rows.get(row) ?? { number: row + 1, text: "", text2: undefined }),
    ...rest,
  });
  return {
    options,
    suggestion,
    problem,
    engine,
    baseline: baselineOf(problem, engine),
    hardest: engine.hardest.map(named),
    suspects: engine.suspects.map(named),
    findings,
    usable,
    labels: classes.map(({ label }) => label),
  };
}

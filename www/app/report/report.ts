/**
 * What there is to say of a finished run: the engine's report with the rows it speaks of, and what was left out.
 */
import type { Problem, TrainOptions, TrainReport } from "graftlet";
import type { Finding } from "../rows/findings.js";
import type { Inspection } from "../rows/inspect.js";
import { baselineOf } from "./baseline.js";

/** A row as its owner knows it. */
export interface NamedRow {
  /** In the file. */
  number: number;
  text: string;
  text2: string | undefined;
}

export interface Report {
  options: TrainOptions;
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

export function reportOf(
  options: TrainOptions,
  engine: TrainReport,
  { problem, findings, usable, classes }: Inspection,
  rowOf: (row: number) => NamedRow,
): Report {
  return {
    options,
    problem,
    engine,
    baseline: baselineOf(problem, engine),
    hardest: engine.hardest.map(({ row, label, answer, loss }) => ({
      ...rowOf(row),
      label,
      answer,
      loss,
    })),
    suspects: engine.suspects.map(({ row, heldOut, label, score, rival, rivalScore }) => ({
      ...rowOf(row),
      heldOut,
      label,
      score,
      rival,
      rivalScore,
    })),
    findings,
    usable,
    labels: classes.map(({ label }) => label),
  };
}

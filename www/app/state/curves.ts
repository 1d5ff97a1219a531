/**
 * The curves of a run: steps with loss, and evaluations with score. They grow in place, as copying them at every step
 * would cost more than drawing them; `curvesVersion` tells of changes.
 */
import { signal } from "@preact/signals";
import type { TrainEvent } from "graftlet";

export interface Curves {
  steps: number[];
  losses: number[];
  evaluated: number[];
  scores: number[];
}

export const curves: Curves = { steps: [], losses: [], evaluated: [], scores: [] };
export const curvesVersion = signal(0);

/** Empties the curves for another run. */
export function clearCurves(): void {
  for (const curve of Object.values(curves) as number[][]) curve.length = 0;
  curvesVersion.value += 1;
}

export function extendCurves(event: TrainEvent): void {
  if (event.type === "step") {
    curves.steps.push(event.step);
    curves.losses.push(event.loss);
  } else if (event.type === "eval") {
    curves.evaluated.push(event.step);
    curves.scores.push(event.score);
  }
  curvesVersion.value += 1;
}

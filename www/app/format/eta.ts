/**
 * Remaining time of a run, from how long its steps have taken.
 */

/** Steps that the estimate looks back on. Evaluations lie between steps, so a window has to span some of them. */
const WINDOW = 60;

export class Eta {
  readonly #marks: { step: number; at: number }[] = [];

  /** Forgets what was seen: time in which nothing was computed must not count. */
  restart(): void {
    this.#marks.length = 0;
  }

  /** Seconds left after `step` of `steps` was reached at `at` milliseconds, or null while there is too little to go by. */
  mark(step: number, steps: number, at: number): number | null {
    const last = this.#marks.at(-1);
    if (!last || step > last.step) this.#marks.push({ step, at });
    if (this.#marks.length > WINDOW) this.#marks.shift();
    const first = this.#marks[0];
    if (!first || this.#marks.length < 3 || step <= first.step) return null;
    const perStep = (at - first.at) / (step - first.step);
    return (perStep * Math.max(0, steps - step)) / 1000;
  }
}

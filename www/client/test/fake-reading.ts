import type { Reading } from "../engine.js";

/** What is known from the beginning, told window by window. */
export class FakeReading<T> implements Reading<T> {
  static readonly begun: FakeReading<unknown>[] = [];
  /** How long a window takes. */
  static windowMs = 0;
  readonly #found: T;
  readonly #windows: number;
  computed = 0;
  freed = false;

  constructor(found: T, texts: readonly { windows: number }[]) {
    this.#found = found;
    this.#windows = texts.reduce((sum, { windows }) => sum + windows, 0);
    FakeReading.begun.push(this);
  }

  step(): boolean {
    const until = performance.now() + FakeReading.windowMs;
    while (performance.now() < until);
    this.computed += 1;
    return this.computed < this.#windows;
  }

  share(): number {
    return Math.min(1, this.computed / Math.max(1, this.#windows));
  }

  finish(): T {
    return this.#found;
  }

  free(): void {
    this.freed = true;
  }
}

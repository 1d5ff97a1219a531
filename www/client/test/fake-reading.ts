import type { Reading } from "../engine.js";

/** Exchanges of a step. */
const STAGES = 3;

/** What is known from the beginning, told window by window. */
export class FakeReading<T> implements Reading<T> {
  static readonly begun: FakeReading<unknown>[] = [];
  /** How long a window takes. */
  static windowMs = 0;
  static tokens = 100;
  /** What happens when a part of a reading goes on. */
  static onAdvance: ((reading: FakeReading<unknown>, place: number) => void) | undefined;
  readonly #found: T;
  readonly #windows: number;
  computed = 0;
  freed = false;
  /** Steps that were computed without the others. */
  alone = 0;
  places = 1;
  /** Sends nothing any more. */
  isStuck = false;
  #place = 0;
  #stage = 0;
  readonly #sent: (number | Float32Array)[] = [];
  #arrived: Float32Array[][] = [[]];

  constructor(found: T, texts: readonly { windows: number }[]) {
    this.#found = found;
    this.#windows = texts.reduce((sum, { windows }) => sum + windows, 0);
    FakeReading.begun.push(this);
  }

  step(): boolean {
    this.#stage = 0;
    this.alone += 1;
    this.#compute();
    return this.computed < this.#windows;
  }

  tokens(): number {
    return FakeReading.tokens;
  }

  split(place: number, places: number): void {
    [this.#place, this.#stage] = [place, 0];
    this.#arrived = Array.from({ length: places }, () => []);
    this.places = places;
  }

  /** Two layers, in each of which all places exchange something; then the first hears of the others' results. */
  advance(): number {
    FakeReading.onAdvance?.(this, this.#place);
    if (this.isStuck) return 0;
    for (; this.#stage < 2 * STAGES; this.#stage += 1) {
      const layer = this.#stage >> 1;
      const isLast = layer === STAGES - 1;
      const others = Array.from(this.#arrived.keys()).filter((place) => place !== this.#place);
      const to = isLast ? others.filter((place) => place === 0) : others;
      const from = isLast && this.#place !== 0 ? [] : others;
      if (this.#stage % 2 === 0) {
        for (const place of to) this.#sent.push(place, Float32Array.of(this.computed, layer));
        continue;
      }
      if (from.some((place) => this.#arrived[place]?.length === 0)) return 0;
      for (const place of from) {
        const [rows] = this.#arrived[place]?.splice(0, 1) ?? [];
        if (rows?.[0] !== this.computed || rows[1] !== layer) throw new Error("mixed up");
      }
    }
    this.#stage = 0;
    this.#compute();
    return this.computed < this.#windows ? 1 : 2;
  }

  takeSent(): (number | Float32Array)[] {
    return this.#sent.splice(0);
  }

  receive(from: number, rows: Float32Array): void {
    this.#arrived[from]?.push(rows);
  }

  #compute(): void {
    const until = performance.now() + FakeReading.windowMs;
    while (performance.now() < until);
    this.computed += 1;
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

/**
 * Listens for labels in a stream: the scores of windows are averaged, and a label is detected where its average is the
 * best and passes a threshold, once for a while.
 */
import { joined, type Samples } from "./sound.js";

export interface Detection {
  label: string;
  score: number;
  /** Seconds since listening began. */
  start: number;
  end: number;
}

export interface Score {
  label: string;
  score: number;
}

export interface ListenerOptions {
  /** The scores of a window. */
  classify(window: Samples): Promise<readonly Score[]>;
  threshold: number;
  /** Labels that are never detected. */
  background: readonly string[];
}

/** Seconds of a window. */
const WINDOW = 1;
/** Windows whose scores are averaged. */
const SMOOTHING = 3;
/** Seconds after a detection in which there is no other. */
const REFRACTORY = 0.5;
/** The share of the threshold below which a label must fall before it is detected again: a word is in many windows. */
const RELEASE = 0.5;

export class StreamListener {
  readonly #options: ListenerOptions;
  #parts: Float32Array[] = [];
  #seconds = 0;
  #last: (readonly Score[])[] = [];
  #rest = 0;
  /** Labels that were detected and have not passed yet. */
  readonly #held = new Set<string>();
  /** The averaged scores of the last windows. */
  scores: readonly Score[] = [];

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** Takes the next part of the stream, and tells what was detected with it. */
  async push(samples: Float32Array, rate: number): Promise<Detection[]> {
    this.#seconds += samples.length / rate;
    const all = joined([...this.#parts, samples]);
    const window = { samples: all.slice(-Math.round(WINDOW * rate)), rate };
    this.#parts = [window.samples];
    if (window.samples.length < WINDOW * rate) return [];
    this.#last = [...this.#last, await this.#options.classify(window)].slice(-SMOOTHING);
    this.scores = averaged(this.#last);
    const found = this.#spot();
    return found ? [found] : [];
  }

  async end(): Promise<void> {
    this.#parts = [];
  }

  #spot(): Detection | null {
    const { threshold, background } = this.#options;
    const words = this.scores.filter(({ label }) => !background.includes(label));
    for (const { label, score } of words) {
      if (score < RELEASE * threshold) this.#held.delete(label);
    }
    if (this.#last.length < SMOOTHING || this.#seconds < this.#rest) return null;
    const best = words.toSorted((a, b) => b.score - a.score)[0];
    if (!best || best.score < threshold || this.#held.has(best.label)) return null;
    this.#rest = this.#seconds + REFRACTORY;
    this.#held.add(best.label);
    return { ...best, start: this.#seconds - WINDOW, end: this.#seconds };
  }
}

function averaged(windows: readonly (readonly Score[])[]): Score[] {
  const [first = []] = windows;
  return first.map(({ label }, at) => ({
    label,
    score: windows.reduce((sum, scores) => sum + (scores[at]?.score ?? 0), 0) / windows.length,
  }));
}

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

export class StreamListener {
  readonly #options: ListenerOptions;
  #parts: Float32Array[] = [];
  #seconds = 0;
  #last: (readonly Score[])[] = [];
  #rest = 0;
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
    if (this.#last.length < SMOOTHING || this.#seconds < this.#rest) return null;
    const best = this.scores.toSorted((a, b) => b.score - a.score)[0];
    const { threshold, background } = this.#options;
    if (!best || best.score < threshold || background.includes(best.label)) return null;
    this.#rest = this.#seconds + REFRACTORY;
    this.#last = [];
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

/**
 * Listening live: what was detected, and what the visitor says it was.
 */
import { effect, signal, untracked } from "@preact/signals";
import type { Detection, Listening, Score } from "graftlet";
import { joined, lastOf, type Samples } from "../../media/sound.js";
import { readyEngine, sentenceOf } from "../engine.js";
import { adapter, selected } from "../tasks.js";
import { addSound, removeExample } from "./examples.js";
import { hear, hearNoMore, type Listener, microphoneTrouble } from "./microphone.js";

/** Something that was detected, with the sound of it. */
export interface Heard extends Detection {
  id: number;
  /** When it was detected. */
  time: Date;
  sound: Samples;
  /** What the visitor says that it was. */
  corrected: { label: string; example: number } | null;
}

export const isListening = signal(false);
export const threshold = signal(0.7);
export const scores = signal<readonly Score[]>([]);
export const heard = signal<readonly Heard[]>([]);
/** Corrections since the last training. */
export const corrections = signal(0);

/** Detections that are shown. */
const MOST = 30;
/** Of a detection so many seconds are kept: the model has answered the last of them. */
const KEPT_SECONDS = 1;
/** The engine may be so many seconds behind the microphone. */
const BEHIND_SECONDS = 3;

let current: Listener | undefined;
let lastId = 0;

export async function listen(): Promise<void> {
  const task = adapter.value?.name;
  if (task === undefined || isListening.value) return;
  const begin = () => readyEngine().listen({ with: task, threshold: threshold.value });
  const stream = new Stream(begin);
  let waiting: Float32Array[] = [];
  let busy = false;
  const take = async (rate: number) => {
    busy = true;
    try {
      while (waiting.length > 0 && current === own) {
        const part = joined(waiting);
        waiting = [];
        await stream.take({ samples: part, rate });
      }
    } catch (error) {
      microphoneTrouble.value = sentenceOf(error);
      stopListening();
    }
    busy = false;
  };
  const own: Listener = {
    samples(part, rate) {
      waiting.push(part);
      if (!busy) void take(rate);
    },
    ended() {
      if (current !== own) return;
      current = undefined;
      isListening.value = false;
      scores.value = [];
      stream.end();
    },
  };
  current = own;
  isListening.value = true;
  if (!(await hear(own))) own.ended();
}

export function stopListening(): void {
  const last = current;
  if (!last) return;
  hearNoMore(last);
  last.ended();
}

/** Stops when another task is chosen: what it has heard so far is the old one's. */
export function followListened(): void {
  effect(() => {
    const { value } = selected;
    untracked(() => {
      stopListening();
      if (value !== null) heard.value = [];
    });
  });
}

/** The stream as the engine hears it, and the last seconds of it. */
class Stream {
  readonly #begin: () => Listening;
  #listening: Listening | undefined;
  #threshold = Number.NaN;
  /** Seconds since the engine began to listen. */
  #seconds = 0;
  #tail = new Float32Array();

  constructor(begin: () => Listening) {
    this.#begin = begin;
  }

  async take({ samples, rate }: Samples): Promise<void> {
    // With another threshold the engine begins anew.
    if (this.#threshold !== threshold.peek()) {
      this.end();
      this.#threshold = threshold.peek();
      this.#listening = this.#begin();
      this.#seconds = 0;
    }
    const listening = this.#listening;
    if (!listening) return;
    this.#seconds += samples.length / rate;
    const tail = { samples: joined([this.#tail, samples]), rate };
    this.#tail = lastOf(tail, KEPT_SECONDS + BEHIND_SECONDS).samples as Float32Array<ArrayBuffer>;
    for (const detection of await listening.push(samples, rate)) {
      enter(detection, this.#before(detection.at, rate));
    }
    scores.value = listening.scores;
  }

  end(): void {
    // What the engine still has of the stream is not asked for.
    void this.#listening?.end().catch(() => {});
    this.#listening = undefined;
  }

  /** The sound before that moment. */
  #before(at: number, rate: number): Samples {
    const to = Math.round(this.#tail.length - (this.#seconds - at) * rate);
    const from = to - Math.round(KEPT_SECONDS * rate);
    return { samples: this.#tail.slice(Math.max(0, from), Math.max(0, to)), rate };
  }
}

function enter(detection: Detection, sound: Samples): void {
  lastId += 1;
  const entered = { ...detection, id: lastId, time: new Date(), sound, corrected: null };
  heard.value = [entered, ...heard.value].slice(0, MOST);
}

/** Makes a detection an example of what it was; said again it becomes an example of that instead. */
export function correctHeard(id: number, label: string): void {
  const found = heard.value.find((entry) => entry.id === id);
  if (!found) return;
  if (found.corrected) removeExample(found.corrected.label, found.corrected.example);
  else corrections.value += 1;
  const title = `heard at ${found.time.toLocaleTimeString()}`;
  const example = addSound(label, found.sound, title);
  heard.value = heard.value.map((entry) =>
    entry.id === id ? { ...entry, corrected: { label, example } } : entry,
  );
}

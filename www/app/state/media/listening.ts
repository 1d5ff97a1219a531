/**
 * Listening live: what was detected, and what the visitor says it was.
 */
import { effect, signal, untracked } from "@preact/signals";
import { type Detection, type Score, StreamListener } from "../../media/listener.js";
import { joined, lastOf, type Samples } from "../../media/sound.js";
import { readyEngine, sentenceOf } from "../engine.js";
import { adapter, selected } from "../tasks.js";
import { addSound, BACKGROUND, removeExample } from "./examples.js";
import { hear, hearNoMore, type Listener, microphoneTrouble } from "./microphone.js";

/** Something that was detected, with the sound of it. */
export interface Heard extends Detection {
  id: number;
  at: Date;
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
/** Of a detection so many seconds are kept: those that the model answered. */
const KEPT_SECONDS = 1;

let current: Listener | undefined;
let lastId = 0;

export async function listen(): Promise<void> {
  const task = adapter.value?.name;
  if (task === undefined || isListening.value) return;
  const stream = new StreamListener({
    threshold: threshold.value,
    background: [BACKGROUND],
    async classify(window) {
      const answer = await readyEngine().classify(window, { with: task });
      return answer.form === "label" || answer.form === "labels" ? answer.scores : [];
    },
  });
  let waiting: Float32Array[] = [];
  let tail: Float32Array = new Float32Array();
  let busy = false;
  const take = async (rate: number) => {
    busy = true;
    try {
      while (waiting.length > 0 && current === own) {
        const part = joined(waiting);
        waiting = [];
        tail = lastOf({ samples: joined([tail, part]), rate }, KEPT_SECONDS).samples;
        const sound = { samples: tail, rate };
        for (const detection of await stream.push(part, rate)) enter(detection, sound);
        scores.value = stream.scores;
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
      void stream.end();
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

function enter(detection: Detection, sound: Samples): void {
  lastId += 1;
  const entered = { ...detection, id: lastId, at: new Date(), sound, corrected: null };
  heard.value = [entered, ...heard.value].slice(0, MOST);
}

/** Makes a detection an example of what it was; said again it becomes an example of that instead. */
export function correctHeard(id: number, label: string): void {
  const found = heard.value.find((entry) => entry.id === id);
  if (!found) return;
  if (found.corrected) removeExample(found.corrected.label, found.corrected.example);
  else corrections.value += 1;
  const title = `heard at ${found.at.toLocaleTimeString()}`;
  const example = addSound(label, found.sound, title);
  heard.value = heard.value.map((entry) =>
    entry.id === id ? { ...entry, corrected: { label, example } } : entry,
  );
}

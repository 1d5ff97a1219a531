/**
 * One recording at a time: it ends by itself after silence, at its planned length, or when the visitor says so.
 */
import { signal } from "@preact/signals";
import { EndOfSpeech, LONGEST_SECONDS } from "../../media/end-of-speech.js";
import { joined, type Samples } from "../../media/sound.js";
import {
  closeMicrophone,
  hear,
  hearNoMore,
  type Listener,
  microphoneTrouble,
} from "./microphone.js";

export interface Recording {
  /** Who records: a label, or `ASKING`. */
  purpose: string;
  seconds: number;
  /** How long it will be, where that is planned. */
  of: number | null;
}

/** The purpose of a recording that is to be answered. */
export const ASKING = "\u0000asking";

export const recording = signal<Recording | null>(null);

interface Plan {
  purpose: string;
  /** Seconds; without it the recording ends after silence. */
  of?: number;
  done(sound: Samples): void;
}

const AWAY =
  "The page was in the background: the recording was thrown away. Keep the page in front and record again.";
const NOTHING =
  "Nothing was heard. Look whether the microphone is muted, speak closer to it, and record again.";

let current: { listener: Listener; finish(): void } | undefined;

export async function record({ purpose, of, done }: Plan): Promise<void> {
  const parts: Float32Array[] = [];
  const end = new EndOfSpeech();
  let rate = 0;
  let seconds = 0;
  const leave = () => {
    hearNoMore(listener);
    if (current?.listener !== listener) return;
    current = undefined;
    recording.value = null;
    document.removeEventListener("visibilitychange", hidden);
  };
  const hidden = () => {
    if (document.visibilityState !== "hidden") return;
    leave();
    closeMicrophone();
    microphoneTrouble.value = AWAY;
  };
  const finish = () => {
    leave();
    if (seconds > 0) done({ samples: joined(parts), rate });
  };
  const listener: Listener = {
    samples(part, at) {
      rate = at;
      parts.push(part);
      seconds += part.length / at;
      recording.value = { purpose, seconds, of: of ?? null };
      if (of !== undefined ? seconds >= of : false) finish();
      if (of !== undefined) return;
      const why = end.take(part, at);
      if (why === "nothing said") {
        leave();
        microphoneTrouble.value = NOTHING;
      } else if (why !== null) finish();
    },
    ended: leave,
  };
  current?.listener.ended();
  current = { listener, finish };
  recording.value = { purpose, seconds: 0, of: of ?? null };
  document.addEventListener("visibilitychange", hidden);
  if (!(await hear(listener))) leave();
}

/** Ends the recording that is under way, and takes it. */
export function finishRecording(): void {
  current?.finish();
}

export { LONGEST_SECONDS, NOTHING };

/**
 * When a recording may end by itself: someone has spoken and is silent again, or it is as long as the model reads.
 */
import { loudness } from "./sound.js";

/** Silence after which a recording ends. */
const PAUSE_SECONDS = 0.8;
/** The model reads no more than this. */
export const LONGEST_SECONDS = 30;
/** A recording in which nobody speaks ends after this. */
const PATIENCE_SECONDS = 6;
/** A voice is this far above the background, in decibels. */
const ABOVE_BACKGROUND = 12;
/** Where no background is known yet, a voice is taken to be louder than this. */
const SPEECH = -45;
/** No microphone is more silent than this. */
const QUIETEST = -90;
/** The background is followed down at once, and up by so many decibels a second. */
const RISE = 6;

export type End = "silence" | "nothing said" | "too long";

export class EndOfSpeech {
  #seconds = 0;
  #silent = 0;
  #spoke = false;
  #background = SPEECH - ABOVE_BACKGROUND;

  /** Takes the next part of a recording; says why it should end now, or null. */
  take(samples: Float32Array, rate: number): End | null {
    const seconds = samples.length / rate;
    const level = loudness(samples);
    this.#seconds += seconds;
    if (level > this.#background + ABOVE_BACKGROUND) {
      this.#spoke = true;
      this.#silent = 0;
    } else this.#silent += seconds;
    // Also while someone seems to speak: what stays as loud as it is was no voice.
    this.#background = Math.max(QUIETEST, Math.min(level, this.#background + RISE * seconds));
    if (this.#seconds >= LONGEST_SECONDS) return "too long";
    if (this.#spoke && this.#silent >= PAUSE_SECONDS) return "silence";
    if (!this.#spoke && this.#seconds >= PATIENCE_SECONDS) return "nothing said";
    return null;
  }
}

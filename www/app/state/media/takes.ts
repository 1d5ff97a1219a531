/**
 * What becomes of a recording: a take of a label, or a question.
 */
import { cutIntoSeconds, trim } from "../../media/sound.js";
import { proposeName } from "../plan.js";
import { addSound, BACKGROUND } from "./examples.js";
import { microphoneTrouble } from "./microphone.js";
import { NOTHING, record } from "./recording.js";

/** Seconds of background that are recorded at once. */
export const BACKGROUND_SECONDS = 10;

/** Records a take of a label; of the background so many seconds, which become as many examples. */
export function recordTake(label: string): Promise<void> {
  proposeName();
  if (label === BACKGROUND) {
    return record({
      purpose: label,
      of: BACKGROUND_SECONDS,
      done(sound) {
        for (const piece of cutIntoSeconds(sound)) addSound(label, piece);
      },
    });
  }
  return record({
    purpose: label,
    done(sound) {
      const word = trim(sound);
      if (word) addSound(label, word);
      else microphoneTrouble.value = NOTHING;
    },
  });
}

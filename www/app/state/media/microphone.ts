/**
 * The page's one microphone: whoever wants to hear it last has it. It is closed some seconds after it was used, so that
 * takes can follow one another, and at once when the page is left.
 */
import { signal } from "@preact/signals";
import { type Microphone, openMicrophone } from "../../media/microphone.js";
import { loudness, meter } from "../../media/sound.js";
import { sentenceOf } from "../engine.js";

/** The microphone stays open for so long after it was used. */
const WARM_MS = 8000;

/** Whether the microphone is open, which the browser shows as well. */
export const microphone = signal<"off" | "opening" | "on">("off");
/** How loud it is, from 0 to 1, while someone hears it. */
export const level = signal(0);
/** Why it cannot be used. */
export const microphoneTrouble = signal<string | null>(null);

export interface Listener {
  samples(part: Float32Array, rate: number): void;
  /** Nothing more will come: another listener has it, or it is gone. */
  ended(): void;
}

let open: Microphone | undefined;
let opening: Promise<Microphone> | undefined;
let listener: Listener | undefined;
let closing: ReturnType<typeof setTimeout> | undefined;

/** Hears from now on. Returns whether it does; where not, `microphoneTrouble` says why. */
export async function hear(next: Listener): Promise<boolean> {
  clearTimeout(closing);
  const before = listener;
  listener = next;
  before?.ended();
  microphoneTrouble.value = null;
  if (open) return true;
  microphone.value = "opening";
  opening ??= openMicrophone({
    samples(part, rate) {
      if (!listener) return;
      level.value = meter(loudness(part));
      listener.samples(part, rate);
    },
    failed(error) {
      open = undefined;
      microphoneTrouble.value = sentenceOf(error);
      microphone.value = "off";
      endListener();
    },
  });
  try {
    open = await opening;
  } catch (error) {
    microphone.value = "off";
    microphoneTrouble.value = sentenceOf(error);
    if (listener === next) listener = undefined;
    return false;
  } finally {
    opening = undefined;
  }
  microphone.value = "on";
  // It may have been let go of while it opened.
  if (!listener) closeSoon();
  return listener === next;
}

/** Lets go of the microphone. */
export function hearNoMore(own: Listener): void {
  if (listener !== own) return;
  listener = undefined;
  level.value = 0;
  closeSoon();
}

/** Closes the microphone at once; the browser's light goes out. */
export function closeMicrophone(): void {
  clearTimeout(closing);
  endListener();
  open?.close();
  open = undefined;
  microphone.value = "off";
}

function closeSoon(): void {
  clearTimeout(closing);
  closing = setTimeout(closeMicrophone, WARM_MS);
}

function endListener(): void {
  const last = listener;
  listener = undefined;
  level.value = 0;
  last?.ended();
}

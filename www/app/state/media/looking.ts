/**
 * Answers to what the camera sees, again and again while it is switched on for asking.
 */
import { effect, signal } from "@preact/signals";
import type { Answer } from "graftlet";
import { toFile } from "../../media/camera.js";
import { readyEngine, sentenceOf } from "../engine.js";
import { adapter } from "../tasks.js";
import { camera, cameraUsers } from "./camera.js";
import { addPicture } from "./examples.js";

/** Milliseconds between two pictures that are answered; a slow answer takes longer. */
const ANSWER_MS = 250;
/** And between two that are taken while a button is held. */
const CAPTURE_MS = 200;

export type Seen =
  | { status: "none" }
  | { status: "given"; task: string; answer: Answer }
  | { status: "failed"; sentence: string };

export const seen = signal<Seen>({ status: "none" });

/** Looks while the camera is on for asking. */
export function followCamera(): void {
  let looking = false;
  const isWanted = () => camera.peek() !== null && cameraUsers.peek().has("asking");
  const look = async () => {
    looking = true;
    while (isWanted()) {
      const began = performance.now();
      await answerOnce();
      await pause(Math.max(0, ANSWER_MS - (performance.now() - began)));
    }
    seen.value = { status: "none" };
    looking = false;
  };
  effect(() => {
    if (camera.value && cameraUsers.value.has("asking") && !looking) void look();
  });
}

async function answerOnce(): Promise<void> {
  const picture = camera.peek()?.look();
  const task = adapter.peek()?.name;
  if (!picture || task === undefined) return;
  try {
    const answer = await readyEngine().classify(picture, { with: task });
    seen.value = { status: "given", task, answer };
  } catch (error) {
    seen.value = { status: "failed", sentence: sentenceOf(error) };
    // What failed once most often fails again: not at every picture.
    await pause(1000);
  }
}

/** The label that pictures are taken for now. */
export const capturing = signal<string | null>(null);

/** Counts captures, so that one that was ended does not go on beside the next. */
let captures = 0;

/** Takes pictures of a label until `stopCapture`. */
export async function capture(label: string): Promise<void> {
  captures += 1;
  const own = captures;
  capturing.value = label;
  while (own === captures) {
    const picture = camera.peek()?.look();
    if (!picture) break;
    addPicture(label, await toFile(picture));
    await pause(CAPTURE_MS);
  }
  if (own === captures) capturing.value = null;
}

export function stopCapture(): void {
  captures += 1;
  capturing.value = null;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

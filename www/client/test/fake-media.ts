/** How the double of the engine reads recordings and pictures: as a word for what is in them. */
import type { ReadInput } from "../protocol.js";
import type { Pixels, Samples, Text } from "../types.js";
import { engineError } from "./fake-answer.js";

/** `hz16000 0.5 0.25` of samples, `wav 12` of a file's bytes, `px2x1 7 8 9` of pixels. */
export function readMedia(input: Samples | Uint8Array | Pixels, place: string): Uint8Array {
  return new TextEncoder().encode(wordsOf(input, place).join(" "));
}

function wordsOf(input: Samples | Uint8Array | Pixels, place: string): unknown[] {
  if (input instanceof Uint8Array) return ["wav", input.length];
  if ("samples" in input) {
    const { samples, rate } = input;
    if (samples.some(Number.isNaN)) throw engineError("sound_not_finite", `${place}: NaN`);
    return [`hz${rate}`, ...samples.slice(0, 5)];
  }
  const { width, height, data } = input;
  if (data.length !== 4 * width * height) throw engineError("picture_invalid", `${place}: sizes`);
  return [`px${width}x${height}`, ...data.slice(0, 3)];
}

export function textOf(input: ReadInput): Text {
  return input instanceof Uint8Array ? new TextDecoder().decode(input) : input;
}

/** How the double of the engine reads recordings and pictures: as a word for what is in them. */
import type { Engine, Hearing } from "../engine.js";
import type { ReadInput } from "../protocol.js";
import type { Detection, Pixels, Samples, Text } from "../types.js";
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

/** Hears a word in every piece whose first sample is above a half. */
export class FakeHearing implements Hearing {
  readonly #adapter: string;
  #seconds = 0;
  #last = 0;

  constructor(engine: Engine, adapter: string, _settings: object) {
    if (!engine.adapters().some(({ name }) => name === adapter)) {
      throw engineError("adapter_unknown", `There is no adapter “${adapter}”.`);
    }
    this.#adapter = adapter;
  }

  labels(): string[] {
    return ["other", this.#adapter];
  }

  push(_engine: Engine, samples: Float32Array, rate: number): Detection[] {
    const start = this.#seconds;
    this.#seconds += samples.length / rate;
    this.#last = samples[0] ?? 0;
    const word = { label: this.#adapter, score: this.#last, start, end: this.#seconds };
    return this.#last > 0.5 ? [{ ...word, at: this.#seconds }] : [];
  }

  end(engine: Engine): Detection[] {
    return this.push(engine, Float32Array.of(1), 16_000);
  }

  scores(): Float32Array {
    return Float32Array.of(1 - this.#last, this.#last);
  }

  free(): void {}
}

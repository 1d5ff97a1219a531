/** What the tests of recordings and pictures begin with. */
import { expect, vi } from "vitest";
import { type Graftlet, GraftletError } from "../index.js";
import type { Pixels, Samples } from "../types.js";
import * as fake from "./fake-engine.js";
import { load } from "./fake-graftlet.js";

const CONFIG = new TextEncoder().encode(
  JSON.stringify({ labels: ["low", "high"], words: { high: { hz16000: 2, px2: 1 } } }),
);
export const FILES = { "adapter_config.json": CONFIG };

export async function ready(reads: "sounds" | "pictures"): Promise<Graftlet> {
  fake.Engine.reads = reads;
  const g = await load();
  await g.addAdapter("m", FILES);
  await g.use("m");
  return g;
}

export async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(GraftletError);
  return `${(error as GraftletError).code}: ${(error as GraftletError).message}`;
}

export const tone = (first: number, rate = 16_000) => ({
  samples: Float32Array.of(first, 0.5),
  rate,
});
export const pixels = (width: number, height: number) => ({
  width,
  height,
  data: new Uint8ClampedArray(4 * width * height).fill(7),
});
/** The header of a WAV file, which the double does not look into. */
export const wav = (length: number) => {
  const bytes = new Uint8Array(length);
  bytes.set(new TextEncoder().encode("RIFF\0\0\0\0WAVE"));
  return new Blob([bytes]);
};

/** What the engine was given to read. */
export interface Seen {
  input: Partial<Samples & Omit<Pixels, "data"> & { data: Uint8Array }>;
  place: string;
}

/** All of it, in order. */
export function watched(): Seen[] {
  const seen: Seen[] = [];
  const read = fake.Engine.prototype.read;
  vi.spyOn(fake.Engine.prototype, "read").mockImplementation(function (
    this: InstanceType<typeof fake.Engine>,
    input,
    place,
  ) {
    seen.push({ input: input as Seen["input"], place });
    return read.call(this, input, place);
  });
  return seen;
}

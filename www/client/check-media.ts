/**
 * Recordings and pictures as they come from outside. Each is checked, and the samples of a recording are copied, so that the
 * caller can use its buffers again at once.
 */
import { type Check, isPlain, refuse } from "./check-values.js";
import { type ErrorCode, GraftletError } from "./errors.js";
import type { BackboneInfo, Bitmap, Pixels, Samples, SoundBuffer } from "./types.js";

/** What a model reads. */
export type Reads = BackboneInfo["reads"];

/** A recording or a picture that was checked. */
export type Media = Blob | Samples | Bitmap | Pixels;

/** Rates of a recording, in hertz. */
const LEAST_RATE = 1_000;
const MOST_RATE = 384_000;

/** Channels of a recording; browsers have no more. */
const MOST_CHANNELS = 32;

/** Samples of a recording, a gigabyte of them: 90 minutes at 48 kHz. The engine has no room for more. */
const MOST_SAMPLES = 2 ** 28;

/** What a value is: a model reads it or not. A `Blob` may hold a recording or a picture. */
export type Sort = "text" | "blob" | "sound" | "picture" | undefined;

/** What a value is by its form; undefined if it is no input at all. */
export function sortOf(value: unknown): Sort {
  if (typeof value === "string") return "text";
  if (value instanceof Blob) return "blob";
  if (isBitmap(value)) return "picture";
  if (!isPlain(value)) return undefined;
  if (isBuffer(value) || "samples" in value) return "sound";
  if ("data" in value) return "picture";
  return "text" in value ? "text" : undefined;
}

const WORDS = { text: "a text", blob: "a file", sound: "a recording", picture: "a picture" };

/** What to give a model. */
const WANTED = {
  texts: "a string, or { text, text2 }",
  sounds: "a Blob with a recording, an AudioBuffer, or { samples, rate }",
  pictures: "a Blob with a picture, an ImageBitmap, or an ImageData",
};

/** Refuses a value of a sort that the model does not read. */
export function refuseOther(value: unknown, place: string, reads: Reads): void {
  const sort = sortOf(value);
  if (sort === undefined || (sort === "blob" && reads !== "texts") || `${sort}s` === reads) return;
  throw new GraftletError(
    "input_unsupported",
    `${place} is ${WORDS[sort]}, and this model reads ${reads}: give ${WANTED[reads]}, or load a model that reads such inputs.`,
  );
}

/** A check of what a model of recordings or of pictures reads. */
export function media(reads: Reads): Check<Media> {
  return (value, place) => {
    refuseOther(value, place, reads);
    if (value instanceof Blob) return value;
    if (reads === "pictures" && isBitmap(value)) return bitmap(value, place);
    if (!isPlain(value)) refuse(value, place, WANTED[reads]);
    if (reads === "pictures" && "data" in value) return pixels(value as object as Pixels, place);
    if (reads === "sounds" && isBuffer(value)) return averaged(value, place);
    if (reads === "sounds" && "samples" in value) return samples(value, place);
    return refuse(value, place, WANTED[reads]);
  };
}

/** How much of a part of a call it takes, in bytes; of a file that is not known. */
export function bytesOf(media: Media): number {
  if (media instanceof Blob) return 0;
  return "samples" in media ? media.samples.byteLength : 4 * media.width * media.height;
}

/** As it is sent to a worker. Of a view the whole buffer would be sent, and one that is shared would not be copied. */
export function sendable(media: Media, place: string): Media {
  if (!("data" in media)) return media;
  const { width, height, data } = media;
  if (data.length === 0) {
    throw fault(
      "picture_invalid",
      `${place} cannot be read as a picture: its data are empty, or were moved away: give what is still here.`,
    );
  }
  const { buffer, byteOffset, byteLength } = data;
  const isWhole = buffer instanceof ArrayBuffer && byteLength === buffer.byteLength;
  const bytes = isWhole ? new Uint8Array(buffer, byteOffset, byteLength) : new Uint8Array(data);
  return { width, height, data: bytes };
}

function isBitmap(value: unknown): value is Bitmap {
  return typeof ImageBitmap === "function" && value instanceof ImageBitmap;
}

function isBuffer(value: unknown): value is SoundBuffer {
  return typeof (value as SoundBuffer).getChannelData === "function";
}

function bitmap(value: Bitmap, place: string): Bitmap {
  if (value.width > 0) return value;
  throw fault(
    "picture_invalid",
    `${place} is an ImageBitmap that was closed or moved away: give one that is still here.`,
  );
}

function pixels({ width, height, data }: Pixels, place: string): Pixels {
  if (!(data instanceof Uint8ClampedArray || data instanceof Uint8Array)) {
    refuse(data, `data of ${place}`, "a Uint8ClampedArray, as an ImageData has it");
  }
  if (typeof width !== "number" || typeof height !== "number") {
    refuse(width, `width or height of ${place}`, "a number");
  }
  return { width, height, data };
}

function samples(value: Record<string, unknown>, place: string): Samples {
  const { samples, rate } = value;
  if (!(samples instanceof Float32Array)) {
    refuse(samples, `samples of ${place}`, "a Float32Array with numbers from -1 to 1");
  }
  refuseDetached(samples, `samples of ${place}`);
  return recording(samples.length, rate, place, () => samples.slice());
}

/** The mean of the channels, in 32-bit floats, as the engine computes it. */
function averaged(buffer: SoundBuffer, place: string): Samples {
  const { numberOfChannels: count, length, sampleRate } = buffer;
  if (!(count >= 1 && count <= MOST_CHANNELS)) {
    refuse(count, `numberOfChannels of ${place}`, `a number from 1 to ${MOST_CHANNELS}`);
  }
  const channel = (index: number): Float32Array => {
    const samples: unknown = buffer.getChannelData(index);
    if (samples instanceof Float32Array) return samples;
    return refuse(samples, `a channel of ${place}`, "a Float32Array");
  };
  return recording(length, sampleRate, place, () => {
    const mean = channel(0).slice();
    for (let index = 1; index < count; index += 1) {
      const other = channel(index);
      for (const at of mean.keys()) mean[at] = (mean[at] as number) + (other[at] ?? 0);
    }
    return count > 1 ? mean.map((sum) => sum / count) : mean;
  });
}

/** A recording of which `copy` gives the samples. */
function recording(
  length: number,
  rate: unknown,
  place: string,
  copy: () => Float32Array,
): Samples {
  if (typeof rate !== "number") refuse(rate, `rate of ${place}`, "samples a second, as a number");
  if (!(rate >= LEAST_RATE && rate <= MOST_RATE)) {
    throw fault(
      "sound_rate",
      `${place}: the sample rate is ${rate} Hz, and it must be from ${LEAST_RATE} to ${MOST_RATE} Hz: check what wrote the recording, or resample it.`,
    );
  }
  if (length === 0) {
    throw fault(
      "sound_empty",
      `${place}: the recording is empty: record it again, or choose another one.`,
    );
  }
  if (!(length <= MOST_SAMPLES)) {
    refuse(length, `the number of samples of ${place}`, `at most ${MOST_SAMPLES}, in parts`);
  }
  return { samples: copy(), rate: Math.round(rate) };
}

function refuseDetached(view: ArrayBufferView, at: string): void {
  if ((view.buffer as { detached?: boolean }).detached) {
    refuse(view, `${at}, whose buffer was moved away,`, "what is still here");
  }
}

function fault(code: ErrorCode, message: string): GraftletError {
  return new GraftletError(code, message);
}

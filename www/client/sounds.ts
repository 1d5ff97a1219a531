/**
 * Files of sound, on the page: only there does a browser decode them. WAV files are left to the engine, which reads the same
 * samples of them everywhere.
 */
import { type Media, media, sendable } from "./check-media.js";
import { GraftletError } from "./errors.js";
import { bytesOfFile } from "./file-bytes.js";
import { rateOf } from "./sound-rate.js";

/** Where a file does not say its rate: that of Whisper and most other models. */
const USUAL_RATE = 16_000;

/** As the worker takes it. */
export async function prepared(given: Media, place: string, reads: string): Promise<Media> {
  if (!(given instanceof Blob) || reads !== "sounds") return sendable(given, place);
  const head = new Uint8Array(await bytesOfFile(given.slice(0, 12), place));
  if (head.length === 0) {
    throw new GraftletError(
      "file_invalid",
      `${place}: the file is empty (0 bytes): record or copy it again.`,
    );
  }
  const name = String.fromCharCode(...head);
  if (name.startsWith("RIFF") && name.slice(8) === "WAVE") return given;
  return decoded(await bytesOfFile(given, place), place);
}

async function decoded(file: ArrayBuffer, place: string): Promise<Media> {
  if (typeof OfflineAudioContext !== "function") {
    throw new GraftletError(
      "unsupported_feature",
      `${place} is no WAV file, and only the page of a browser decodes other recordings: give a WAV file, or { samples, rate }.`,
    );
  }
  const context = contextAt(rateOf(new Uint8Array(file)) ?? USUAL_RATE);
  let buffer: AudioBuffer;
  try {
    buffer = await context.decodeAudioData(file);
  } catch {
    throw new GraftletError(
      "file_invalid",
      `${place} is no recording that this browser decodes: give a WAV, MP3, Ogg, FLAC or M4A file.`,
    );
  }
  return media("sounds")(buffer, place);
}

/** What decodes at a rate, or at the usual one where the browser does not go as far. */
function contextAt(rate: number): OfflineAudioContext {
  try {
    return new OfflineAudioContext(1, 1, rate);
  } catch {
    return new OfflineAudioContext(1, 1, USUAL_RATE);
  }
}

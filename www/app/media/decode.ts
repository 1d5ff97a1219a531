/**
 * Files of sound and of pictures as the browser reads them.
 */
import type { Samples } from "./sound.js";

/** What the models of sound read; the browser resamples to it. */
const RATE = 16_000;
/** More than this is not a recording of a word but something chosen by mistake. */
const MOST_BYTES = 200_000_000;

/** Decodes a file of sound: one channel, 16 kHz. Throws an Error with a sentence. */
export async function decodeSound(file: Blob & { name?: string }): Promise<Samples> {
  const name = file.name ?? "The recording";
  if (file.size === 0) throw new Error(`${name} is empty.`);
  if (file.size > MOST_BYTES) throw new Error(`${name} is larger than 200 MB: cut it into pieces.`);
  const context = new OfflineAudioContext(1, 1, RATE);
  let buffer: AudioBuffer;
  try {
    buffer = await context.decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new Error(`${name} is not a sound that this browser can read: save it as WAV or MP3.`);
  }
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, i) =>
    buffer.getChannelData(i),
  );
  const [first = new Float32Array()] = channels;
  if (first.length === 0) throw new Error(`${name} holds no sound.`);
  if (channels.length === 1) return { samples: first.slice(), rate: buffer.sampleRate };
  const samples = first.map(
    (_, at) => channels.reduce((sum, channel) => sum + (channel[at] ?? 0), 0) / channels.length,
  );
  return { samples, rate: buffer.sampleRate };
}

/** Checks that the browser can read a picture. Throws an Error with a sentence. */
export async function checkPicture(file: Blob & { name?: string }): Promise<void> {
  const name = file.name ?? "The picture";
  try {
    (await createImageBitmap(file)).close();
  } catch {
    throw new Error(
      `${name} is not a picture that this browser can read: save it as JPEG, PNG or WebP.`,
    );
  }
}

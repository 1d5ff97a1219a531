/**
 * Plays recorded samples; what was playing before stops.
 */
import type { Samples } from "./sound.js";

let context: AudioContext | undefined;
let source: AudioBufferSourceNode | undefined;

/** Plays a sound to its end, or until another is played. */
export async function play({ samples, rate }: Samples): Promise<void> {
  context ??= new AudioContext();
  await context.resume();
  source?.stop();
  const buffer = context.createBuffer(1, Math.max(1, samples.length), rate);
  buffer.copyToChannel(new Float32Array(samples), 0);
  const node = context.createBufferSource();
  node.buffer = buffer;
  node.connect(context.destination);
  source = node;
  const ended = new Promise<void>((resolve) => {
    node.onended = () => {
      if (source === node) {
        source = undefined;
        // The sound card rests while nothing plays.
        void context?.suspend();
      }
      resolve();
    };
  });
  node.start();
  return ended;
}

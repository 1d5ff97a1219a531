/**
 * A made-up microphone and camera for the end-to-end suite, and the sounds that they are made of.
 */
import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const FAKES = join(import.meta.dirname, "../../target/e2e-devices");

const RATE = 16_000;
/** In hertz. */
export const LOW = 300;
export const HIGH = 2400;

/** A tone with an overtone, that swells and fades; no two of different `seed` are equal. */
export function tone(hertz, seconds, seed = 0) {
  const length = Math.round(seconds * RATE);
  return Float32Array.from({ length }, (_, at) => {
    const turn = (2 * Math.PI * hertz * (1 + seed / 100) * at) / RATE;
    return Math.sin((Math.PI * at) / length) * (0.3 * Math.sin(turn) + 0.1 * Math.sin(2 * turn));
  });
}

export function silence(seconds) {
  // Not quite, as in any room.
  return Float32Array.from(
    { length: Math.round(seconds * RATE) },
    (_, at) => 0.0004 * Math.sin(at * at),
  );
}

/** A WAV file of 16 bits. */
export function wav(...parts) {
  const samples = parts.flatMap((part) => [...part]);
  const bytes = Buffer.alloc(44 + 2 * samples.length);
  bytes.write("RIFF", 0);
  bytes.writeUInt32LE(36 + 2 * samples.length, 4);
  bytes.write("WAVEfmt ", 8);
  bytes.writeUInt32LE(16, 16);
  bytes.writeUInt16LE(1, 20);
  bytes.writeUInt16LE(1, 22);
  bytes.writeUInt32LE(RATE, 24);
  bytes.writeUInt32LE(2 * RATE, 28);
  bytes.writeUInt16LE(2, 32);
  bytes.writeUInt16LE(16, 34);
  bytes.write("data", 36);
  bytes.writeUInt32LE(2 * samples.length, 40);
  for (const [at, value] of samples.entries()) {
    bytes.writeInt16LE(Math.round(Math.max(-1, Math.min(1, value)) * 32767), 44 + 2 * at);
  }
  return bytes;
}

/** Two seconds of a grey ramp that moves, as a camera gives it. */
function video() {
  const [width, height] = [64, 48];
  const frames = Array.from({ length: 10 }, (_, frame) => {
    const light = Array.from(
      { length: width * height },
      (_, at) => 30 + (((at % width) * 3 + frame * 8) % 200),
    );
    return Buffer.concat([
      Buffer.from("FRAME\n"),
      Buffer.from(light),
      Buffer.alloc((width * height) / 2, 128),
    ]);
  });
  const header = `YUV4MPEG2 W${width} H${height} F5:1 Ip A1:1 C420jpeg\n`;
  return Buffer.concat([Buffer.from(header), ...frames]);
}

/** What the browser's fake microphone and camera give: low tones with silence between them, and a moving ramp. */
export function fakeDevices() {
  mkdirSync(FAKES, { recursive: true });
  const write = (name, content) => {
    const path = join(FAKES, name);
    if (existsSync(path)) return path;
    // Each of Playwright's processes comes here: a file is there as a whole or not at all.
    const own = `${path}.${process.pid}`;
    writeFileSync(own, content());
    renameSync(own, path);
    return path;
  };
  return {
    sound: write("low.wav", () => wav(silence(1.2), tone(LOW, 0.5), silence(0.8))),
    video: write("ramp.y4m", video),
  };
}

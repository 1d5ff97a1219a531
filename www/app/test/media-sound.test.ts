import { expect, test } from "vitest";
import { EndOfSpeech } from "../media/end-of-speech.js";
import {
  cutIntoSeconds,
  isClipped,
  lastOf,
  loudness,
  meter,
  peaks,
  type Samples,
  secondsOf,
  trim,
} from "../media/sound.js";

const RATE = 16_000;

/** Repeatable noise of that loudness. */
function noise(seconds: number, decibels: number, seed = 1): Float32Array {
  const scale = 10 ** (decibels / 20) * Math.sqrt(3);
  let state = seed;
  return Float32Array.from({ length: Math.round(seconds * RATE) }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return scale * (state / 2 ** 31 - 1);
  });
}

function sound(...parts: Float32Array[]): Samples {
  const samples = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    samples.set(part, at);
    at += part.length;
  }
  return { samples, rate: RATE };
}

test("loudness is in decibels below full scale", () => {
  expect(loudness(new Float32Array(100).fill(1))).toBeCloseTo(0);
  expect(loudness(new Float32Array(100).fill(0.1))).toBeCloseTo(-20);
  expect(loudness(noise(1, -30))).toBeCloseTo(-30, 0);
  expect(loudness(new Float32Array(100))).toBe(-100);
  expect(loudness(new Float32Array())).toBe(-100);
});

test("a meter goes from silence to full scale", () => {
  expect([-100, -60, -30, 0, 3].map(meter)).toEqual([0, 0, 0.5, 1, 1]);
});

test("silence at both ends is cut off, with a margin left", () => {
  const word = noise(0.5, -20);
  const cut = trim(sound(noise(1.2, -70), word, noise(0.9, -70)));
  if (!cut) throw new Error("the word was not found");
  expect(secondsOf(cut)).toBeCloseTo(0.5 + 2 * 0.12, 1);
  // The word itself is whole.
  const from = cut.samples.indexOf(word[0] ?? Number.NaN);
  expect(cut.samples.slice(from, from + word.length)).toEqual(word);
});

test("a pause within a word is no end of it", () => {
  const cut = trim(
    sound(noise(1, -70), noise(0.3, -20), noise(0.3, -70), noise(0.3, -25), noise(1, -70)),
  );
  expect(cut && secondsOf(cut)).toBeCloseTo(0.9 + 2 * 0.12, 1);
});

test("a word in a loud room is cut as well", () => {
  const cut = trim(sound(noise(1, -45), noise(0.5, -20), noise(1, -45)));
  expect(cut && secondsOf(cut)).toBeCloseTo(0.5 + 2 * 0.12, 1);
});

test("what sounds all the time stays whole", () => {
  const hum = sound(noise(1.5, -30));
  expect(trim(hum)?.samples).toEqual(hum.samples);
});

test("in silence there is nothing to keep", () => {
  expect(trim(sound(new Float32Array(RATE)))).toBeNull();
  expect(trim(sound(noise(2, -70)))).toBeNull();
  expect(trim(sound(new Float32Array()))).toBeNull();
  // A click is no word.
  expect(trim(sound(noise(1, -70), noise(0.02, -10), noise(1, -70)))).toBeNull();
});

test("a background is cut into seconds", () => {
  const pieces = cutIntoSeconds({
    samples: Float32Array.from({ length: 3600 }, (_, i) => i),
    rate: 1000,
  });
  expect(pieces.map(({ samples }) => samples.length)).toEqual([1000, 1000, 1000, 600]);
  expect(pieces[1]?.samples[0]).toBe(1000);
  const short = { samples: new Float32Array(700), rate: 1000 };
  expect(cutIntoSeconds(short)).toEqual([short]);
  const left = cutIntoSeconds({ samples: new Float32Array(2400), rate: 1000 });
  expect(left.map(({ samples }) => samples.length)).toEqual([1000, 1000]);
});

test("the last second is the last", () => {
  const samples = Float32Array.from({ length: 30 }, (_, i) => i);
  expect([...lastOf({ samples, rate: 10 }, 1).samples]).toEqual([
    20, 21, 22, 23, 24, 25, 26, 27, 28, 29,
  ]);
  expect(lastOf({ samples, rate: 10 }, 9).samples.length).toBe(30);
});

test("a distorted recording is told by its samples at full scale", () => {
  const samples = noise(1, -20);
  expect(isClipped({ samples, rate: RATE })).toBe(false);
  samples.fill(1, 0, 150);
  expect(isClipped({ samples, rate: RATE })).toBe(false);
  samples.fill(-1, 150, 170);
  expect(isClipped({ samples, rate: RATE })).toBe(true);
});

test("a drawing has the highest value of each part", () => {
  const samples = Float32Array.from([0.1, -0.5, 0.2, 0.25, 0, 0]);
  expect(peaks({ samples, rate: 1 }, 3).map((peak) => peak.toFixed(2))).toEqual([
    "0.50",
    "0.25",
    "0.00",
  ]);
  expect(peaks({ samples: new Float32Array(), rate: 1 }, 2)).toEqual([0, 0]);
});

/** When a recording of these parts ends, and why. */
function ending(...parts: Float32Array[]): [seconds: number, why: string] | null {
  const { samples } = sound(...parts);
  const end = new EndOfSpeech();
  for (let at = 0; at < samples.length; at += 2048) {
    const why = end.take(samples.subarray(at, at + 2048), RATE);
    if (why) return [(at + 2048) / RATE, why];
  }
  return null;
}

test("a recording ends after silence that follows speech", () => {
  for (const room of [-80, -60, -45]) {
    const found = ending(noise(1, room), noise(0.5, -20), noise(4, room));
    expect(found?.[1], `${room} dB`).toBe("silence");
    expect(found?.[0], `${room} dB`).toBeGreaterThan(2.2);
    expect(found?.[0], `${room} dB`).toBeLessThan(2.8);
  }
});

test("a pause between two words does not end it", () => {
  const found = ending(
    noise(0.5, -70),
    noise(0.4, -25),
    noise(0.5, -70),
    noise(0.4, -25),
    noise(3, -70),
  );
  expect(found?.[0]).toBeGreaterThan(2.4);
});

test("a recording in which nobody speaks ends, too", () => {
  expect(ending(noise(20, -70))?.[1]).toBe("nothing said");
  expect(ending(new Float32Array(20 * RATE))?.[1]).toBe("nothing said");
});

test("a loud room does not keep it open for ever", () => {
  expect(ending(noise(40, -35))?.[0]).toBeLessThan(7);
});

test("it is no longer than the model hears", () => {
  const syllables = Array.from({ length: 80 }, (_, i) => noise(0.5, i % 2 ? -20 : -60));
  expect(ending(...syllables)).toEqual([expect.closeTo(30, 0), "too long"]);
});

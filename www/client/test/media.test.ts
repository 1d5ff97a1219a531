/** Recordings and pictures: how they are checked, decoded, read and sent. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ManyProgress } from "../types.js";
import * as fake from "./fake-engine.js";
import { codeOf, reset } from "./fake-graftlet.js";
import { FakeWorker } from "./fake-worker.js";
import { messageOf, pixels, ready, tone, watched, wav } from "./media-world.js";

beforeEach(() => {
  reset();
});
afterEach(() => {
  vi.restoreAllMocks();
  fake.Engine.reads = "texts";
  vi.unstubAllGlobals();
});

describe("sounds", () => {
  it("are answered, one or many, of samples, buffers and WAV files", async () => {
    const g = await ready("sounds");
    expect(await g.classify(tone(1))).toMatchObject({ label: "high" });
    const buffer = {
      numberOfChannels: 1,
      length: 1,
      sampleRate: 16_000,
      getChannelData: () => Float32Array.of(0.25),
    };
    const many = await g.classify([tone(1), tone(1, 8000), buffer, wav(44)]);
    expect(many.map((answer) => "label" in answer && answer.label)).toEqual([
      "high",
      "low",
      "high",
      "low",
    ]);
    expect(await g.embed(tone(1))).toBeInstanceOf(Float32Array);
    expect(await g.embed([tone(1), wav(50)])).toHaveLength(2);
  });

  it("are copied when they are given, and nothing of the caller's changes", async () => {
    const seen = watched();
    const g = await ready("sounds");
    const whole = new Float32Array(1000).fill(0.5);
    const part = whole.subarray(10, 14);
    const answer = g.classify({ samples: part, rate: 16_000.4 });
    whole.fill(-1);
    await answer;
    expect(seen[0]).toEqual({
      input: { samples: new Float32Array(4).fill(0.5), rate: 16_000 },
      place: "Input 1",
    });
    expect(seen[0]?.input.samples?.buffer.byteLength).toBe(16);
    expect(whole.length).toBe(1000);
  });

  it("of several channels are averaged", async () => {
    const seen = watched();
    const g = await ready("sounds");
    const channels = [Float32Array.of(1, 0), Float32Array.of(0, 0.5), Float32Array.of(0.5, 0)];
    await g.classify({
      numberOfChannels: 3,
      length: 2,
      sampleRate: 44_100,
      getChannelData: (channel) => channels[channel] as Float32Array,
    });
    const third = (x: number) => Math.fround(x / 3);
    expect(seen[0]?.input).toEqual({
      samples: Float32Array.of(0.5, third(0.5)),
      rate: 44_100,
    });
    expect(channels[0]).toEqual(Float32Array.of(1, 0));
  });

  it("that are none are refused, each with its number", async () => {
    const g = await ready("sounds");
    const detached = new Float32Array(4);
    structuredClone(detached, { transfer: [detached.buffer] });
    const wrong: [unknown, RegExp][] = [
      ["a text", /^input_unsupported: Input 2 is a text, and this model reads sounds/],
      [{ text: "a text" }, /^input_unsupported: Input 2 is a text/],
      [pixels(2, 1), /^input_unsupported: Input 2 is a picture, and this model reads sounds/],
      [7, /^option_invalid: Input 2 is 7: give a Blob with a recording/],
      [new Float32Array(4), /^option_invalid: Input 2 is an object: give/],
      [new ArrayBuffer(4), /^option_invalid: Input 2/],
      [
        { samples: [0.5], rate: 16_000 },
        /^option_invalid: samples of Input 2 is an array: give a Float32Array/,
      ],
      [{ samples: new Int16Array(4), rate: 16_000 }, /^option_invalid: samples of Input 2/],
      [
        { samples: detached, rate: 16_000 },
        /^(option_invalid: samples of Input 2.*moved away|sound_empty: Input 2)/,
      ],
      [{ samples: new Float32Array(0), rate: 16_000 }, /^sound_empty: Input 2/],
      [
        { numberOfChannels: 1, length: 2 ** 29, sampleRate: 48_000, getChannelData: () => [] },
        /^option_invalid: the number of samples of Input 2 is 536870912/,
      ],
      [{ samples: new Float32Array(4) }, /^option_invalid: rate of Input 2 is undefined/],
      [{ samples: new Float32Array(4), rate: "44100" }, /^option_invalid: rate of Input 2/],
      [tone(1, 0), /^sound_rate: Input 2: the sample rate is 0 Hz/],
      [tone(1, Number.NaN), /^sound_rate: Input 2: the sample rate is NaN Hz/],
      [tone(1, -16_000), /^sound_rate/],
      [tone(1, 1e9), /^sound_rate: Input 2: the sample rate is 1000000000 Hz/],
      [tone(Number.NaN), /^sound_not_finite: Input 2/],
      [new Blob([]), /^file_invalid: Input 2: the file is empty/],
      [new Blob(["no sound"]), /^unsupported_feature: Input 2 is no WAV file/],
    ];
    for (const [value, message] of wrong) {
      expect(await messageOf(g.classify([tone(1), value as never]))).toMatch(message);
      expect(await messageOf(g.embed([tone(1), value as never]))).toMatch(message);
    }
    // the engine stays
    expect(await g.classify(tone(1))).toMatchObject({ label: "high" });
  });

  it("count over all parts of a call, tell how far they are, and can be shared among workers", async () => {
    const g = await ready("sounds");
    const many = Array.from({ length: 50 }, (_, i) => tone(i % 2, i % 3 === 0 ? 8000 : 16_000));
    const events: ManyProgress[] = [];
    const answers = await g.classify(many, { onProgress: (event) => events.push(event) });
    expect(answers.map((answer) => "label" in answer && answer.label)).toEqual(
      many.map(({ rate }) => (rate === 8000 ? "low" : "high")),
    );
    expect(events.at(-1)).toMatchObject({ done: 50, total: 50, share: 1 });
    expect(events.length).toBeGreaterThan(5);
    const plain = (list: unknown) => JSON.stringify(list, (key, x) => (key === "ms" ? 0 : x));
    expect(plain(await g.classify(many, { workers: 2 }))).toBe(plain(answers));
    const broken = [...many.slice(0, 30), tone(Number.NaN)];
    expect(await messageOf(g.classify(broken))).toMatch(/^sound_not_finite: Input 31/);
    expect(await messageOf(g.embed(broken))).toMatch(/^sound_not_finite: Input 31/);
    // all at once, though they were read in parts
    const split = {
      split: [
        { adapter: "m", rows: 25 },
        { adapter: "m", rows: 25 },
      ],
    };
    expect(plain(await g.classify(many, { with: split }))).toBe(plain(answers));
    expect(await messageOf(g.classify(broken, { with: split }))).toMatch(/Input 31/);
    expect(await g.embed(many, { with: split })).toHaveLength(50);
  });

  it("are answered by what was in use when they were given", async () => {
    const g = await ready("sounds");
    const config = JSON.stringify({ labels: ["other", "another"], words: {} });
    await g.addAdapter("other", { "adapter_config.json": new TextEncoder().encode(config) });
    const answer = g.classify([wav(44), tone(1)]);
    await g.use("other");
    expect((await answer).map((one) => "label" in one && one.label)).toEqual(["low", "high"]);
  });

  it("need an adapter in use, which is said before anything is read", async () => {
    const seen = watched();
    const g = await ready("sounds");
    await g.use(null);
    expect(await codeOf(g.classify(tone(1)))).toBe("adapter_not_in_use");
    expect(await codeOf(g.classify(new Array(20).fill(tone(1))))).toBe("adapter_not_in_use");
    expect(seen).toEqual([]);
  });

  it("end when they are aborted", async () => {
    const g = await ready("sounds");
    const controller = new AbortController();
    const many = g.classify(
      Array.from({ length: 100 }, () => tone(1)),
      { signal: controller.signal, onProgress: () => controller.abort() },
    );
    expect(await codeOf(many)).toBe("aborted");
  });

  it("of other formats are decoded by the page at the rate that the file says", async () => {
    const asked: number[] = [];
    class Context {
      constructor(_channels: number, _length: number, rate: number) {
        if (rate === 8000) throw new RangeError("too low");
        asked.push(rate);
      }
      async decodeAudioData(file: ArrayBuffer) {
        if (file.byteLength < 30) throw new DOMException("no", "EncodingError");
        const sampleRate = asked.at(-1) as number;
        const getChannelData = () => Float32Array.of(0.5);
        return { numberOfChannels: 1, length: 1, sampleRate, getChannelData };
      }
    }
    vi.stubGlobal("OfflineAudioContext", Context);
    const g = await ready("sounds");
    const seen = watched();
    const flac = new Uint8Array(40);
    flac.set(new TextEncoder().encode("fLaC"));
    // 44,100 in 20 bits
    flac.set([0x0a, 0xc4, 0x40], 18);
    await g.classify(new Blob([flac]));
    expect(seen[0]?.input).toEqual({ samples: Float32Array.of(0.5), rate: 44_100 });
    await g.classify(new Blob([new Uint8Array(40)]));
    flac.set([0x01, 0xf4, 0x00], 18);
    await g.classify(new Blob([flac]));
    expect(asked).toEqual([44_100, 16_000, 16_000]);
    expect(await messageOf(g.classify(new Blob(["no sound"])))).toMatch(
      /^file_invalid: Input 1 is no recording that this browser decodes/,
    );
  });
});

describe("pictures", () => {
  it("are answered of pixels, which are sent without what is around them", async () => {
    const seen = watched();
    const g = await ready("pictures");
    const all = new Uint8ClampedArray(1000).fill(9);
    await g.classify({ width: 2, height: 1, data: all.subarray(8, 16) });
    const data = seen[0]?.input.data;
    expect(data).toEqual(new Uint8Array(8).fill(9));
    expect(data?.buffer.byteLength).toBe(8);
    expect(await g.embed([pixels(1, 1), pixels(2, 2)])).toHaveLength(2);
    const shared = new Uint8ClampedArray(new SharedArrayBuffer(8)).fill(3);
    await g.classify({ width: 1, height: 2, data: shared });
    expect(seen.at(-1)?.input.data).toEqual(new Uint8Array(8).fill(3));
  });

  it("that are none are refused, each with its number", async () => {
    class ImageBitmap {
      width = 0;
      height = 0;
    }
    vi.stubGlobal("ImageBitmap", ImageBitmap);
    const g = await ready("pictures");
    const wrong: [unknown, RegExp][] = [
      ["a text", /^input_unsupported: Input 2 is a text, and this model reads pictures/],
      [tone(1), /^input_unsupported: Input 2 is a recording/],
      [
        { width: 1, height: 1 },
        /^option_invalid: Input 2 is an object: give a Blob with a picture/,
      ],
      [{ width: 1, height: 1, data: new Float32Array(4) }, /^option_invalid: data of Input 2/],
      [
        { width: "1", height: 1, data: new Uint8Array(4) },
        /^option_invalid: width or height of Input 2/,
      ],
      [{ width: 2, height: 1, data: new Uint8Array(4) }, /^picture_invalid: Input 2/],
      [new ImageBitmap(), /^picture_invalid: Input 2 is an ImageBitmap that was closed/],
      // As in Node.js, where nothing decodes pictures.
      [
        new Blob(["x"]),
        /^unsupported_feature: Input 2 is a file, and nothing here decodes pictures/,
      ],
    ];
    for (const [value, message] of wrong) {
      expect(await messageOf(g.classify([pixels(1, 1), value as never]))).toMatch(message);
    }
    expect(await g.classify(pixels(2, 1))).toMatchObject({ form: "label" });
  });

  it("that are large go to the worker one by one", async () => {
    const seen = watched();
    const g = await ready("pictures");
    const calls: number[] = [];
    const post = FakeWorker.prototype.postMessage;
    vi.spyOn(FakeWorker.prototype, "postMessage").mockImplementation(function (
      this: FakeWorker,
      message,
      transfer,
    ) {
      const { method, args } = message as { method?: string; args?: [unknown[]] };
      if (method === "classify") calls.push(args?.[0].length ?? 0);
      post.call(this, message, transfer);
    });
    const large = pixels(4000, 3000);
    await g.classify([large, large, pixels(2, 2), pixels(2, 2), pixels(3, 3)]);
    expect(calls).toEqual([1, 4]);
    expect(seen).toHaveLength(5);
    expect(large.data.length).toBe(48_000_000);
  });
});

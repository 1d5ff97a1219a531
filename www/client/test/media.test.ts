/** Recordings and pictures: how they are checked, decoded, read and sent. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Graftlet, GraftletError } from "../index.js";
import type { AnyRow, ManyProgress, Pixels, ReplayRow, Samples, TrainEvent } from "../types.js";
import * as fake from "./fake-engine.js";
import { codeOf, load, reset } from "./fake-graftlet.js";
import { FakeWorker } from "./fake-worker.js";

const CONFIG = new TextEncoder().encode(
  JSON.stringify({ labels: ["low", "high"], words: { high: { hz16000: 2, px2: 1 } } }),
);
const FILES = { "adapter_config.json": CONFIG };

async function ready(reads: "sounds" | "pictures"): Promise<Graftlet> {
  fake.Engine.reads = reads;
  const g = await load();
  await g.addAdapter("m", FILES);
  await g.use("m");
  return g;
}

async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(GraftletError);
  return `${(error as GraftletError).code}: ${(error as GraftletError).message}`;
}

const tone = (first: number, rate = 16_000) => ({ samples: Float32Array.of(first, 0.5), rate });
const pixels = (width: number, height: number) => ({
  width,
  height,
  data: new Uint8ClampedArray(4 * width * height).fill(7),
});
/** The header of a WAV file, which the double does not look into. */
const wav = (length: number) => {
  const bytes = new Uint8Array(length);
  bytes.set(new TextEncoder().encode("RIFF\0\0\0\0WAVE"));
  return new Blob([bytes]);
};

beforeEach(() => {
  reset();
  fake.Engine.stepMs = 0;
  FakeWorker.started = [];
});
afterEach(() => {
  fake.Engine.reads = "texts";
  vi.unstubAllGlobals();
});

/** What the engine was given to read. */
interface Seen {
  input: Partial<Samples & Omit<Pixels, "data"> & { data: Uint8Array }>;
  place: string;
}

/** All of it, in order. */
function watched(): Seen[] {
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
afterEach(() => vi.restoreAllMocks());

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

describe("texts", () => {
  it("of a model of texts stay what they were, and anything else is refused", async () => {
    const g = await load();
    await g.addAdapter("m", FILES);
    await g.use("m");
    expect(await messageOf(g.classify(["a text", tone(1)]))).toMatch(
      /^input_unsupported: texts\[1\] is a recording, and this model reads texts/,
    );
    expect(await messageOf(g.embed(pixels(1, 1)))).toMatch(/^input_unsupported/);
    expect(await messageOf(g.classify(wav(44)))).toMatch(/^input_unsupported: texts is a file/);
    const rows = [
      { text: "a", label: "x" },
      { sound: tone(1), label: "y" },
    ];
    expect(await messageOf(trained(g, rows as AnyRow[]))).toMatch(
      /^input_unsupported: Row 2 is a recording, and this model reads texts/,
    );
  });
});

async function trained(
  g: Graftlet,
  rows: readonly AnyRow[],
  options: object = {},
  replay?: readonly ReplayRow[],
): Promise<TrainEvent[]> {
  const events: TrainEvent[] = [];
  const all = { name: "t", kind: "lora", epochs: 1, ...options, ...(replay && { replay }) };
  for await (const event of g.train(all, rows, { persist: false })) events.push(event);
  return events;
}

describe("rows of recordings and pictures", () => {
  const rows = Array.from({ length: 20 }, (_, i) => ({
    sound: i % 4 === 0 ? wav(44 + i) : tone(i / 16, i % 2 ? 8000 : 16_000),
    label: i % 2 ? "low" : "high",
  }));

  it("are read once, whatever the workers, and give the same adapter", async () => {
    const seen = watched();
    const g = await ready("sounds");
    const events = await trained(g, rows);
    const read = events.filter((event) => event.type === "reading");
    expect(read.map(({ done }) => done)).toEqual([8, 16, 20]);
    expect(events.slice(0, 3).every(({ type }) => type === "reading")).toBe(true);
    expect(events.at(-1)).toMatchObject({ type: "done", trainRows: 18 });
    expect(seen.map(({ place }) => place)).toEqual(rows.map((_, i) => `Row ${i + 1}`));
    const one = await g.exportAdapter("t");
    await trained(g, rows, { workers: 3 });
    expect(seen).toHaveLength(40);
    expect(await g.exportAdapter("t")).toEqual(one);
    await trained(g, rows.slice(0, 19));
    expect(await g.exportAdapter("t")).not.toEqual(one);
  });

  it("of pictures are learnt from, replayed and compared", async () => {
    const g = await ready("pictures");
    const pictures = [1, 2, 3, 4, 5, 6].map((side) => ({
      picture: pixels(side, side),
      label: side % 2 ? "odd" : "even",
    }));
    const seen = watched();
    const old = [{ picture: pixels(9, 9) }, { picture: pixels(8, 8), label: "odd" }];
    const events = await trained(g, pictures, { from: "m" }, old);
    expect(events.at(-1)?.type).toBe("done");
    expect(seen.slice(6).map(({ place }) => place)).toEqual(["Replayed row 1", "Replayed row 2"]);
    expect(events.filter(({ type }) => type === "reading").at(-1)).toMatchObject({
      done: 8,
      total: 8,
    });
    expect((await g.suggest(pictures)).choice).toBeTypeOf("string");
  });

  it("that cannot be are named by their number, before a worker starts where that is possible", async () => {
    const g = await ready("sounds");
    const before = FakeWorker.started.length;
    const wrong: [unknown, RegExp][] = [
      [{ text: "a", label: "x" }, /^input_unsupported: Row 21 is a text/],
      [{ words: [], label: "x" }, /^input_unsupported: Row 21 is a text/],
      [{ picture: pixels(1, 1), label: "x" }, /^input_unsupported: Row 21 is a picture/],
      [{ label: "x" }, /^option_invalid: Row 21 is undefined/],
      [7, /^option_invalid: Row 21 is 7: give rows as { sound, label }/],
      [{ sound: tone(1), label: 7 }, /^option_invalid: label of row 21 is 7/],
      [{ sound: tone(1, 0), label: "x" }, /^sound_rate: Row 21/],
      [{ sound: tone(Number.NaN), label: "x" }, /^sound_not_finite: Row 21/],
      [{ sound: new Blob([]), label: "x" }, /^file_invalid: Row 21/],
    ];
    for (const [index, [row, message]] of wrong.entries()) {
      const all = [...rows, row] as AnyRow[];
      expect(await messageOf(trained(g, all))).toMatch(message);
      if (index < 3) expect(FakeWorker.started.length).toBe(before);
      expect(await messageOf(g.suggest(all))).toMatch(message);
    }
    const replay = [{ sound: tone(1) }, { text: "a" }] as ReplayRow[];
    expect(await messageOf(trained(g, rows, { from: "m" }, replay))).toMatch(
      /^input_unsupported: Replayed row 2 is a text/,
    );
  });

  it("of an interrupted run are read no second time", async () => {
    const options = { name: "t", kind: "lora", epochs: 3 };
    const g = await ready("sounds");
    for await (const _ of g.train(options, rows));
    const whole = await g.exportAdapter("t");
    await g.forget("t");
    const run = g.train(options, rows);
    const lost = (async () => {
      for await (const event of run) if (event.type === "eval") await g.dispose();
    })();
    expect(await codeOf(lost)).toBe("disposed");
    const next = await ready("sounds");
    expect(await next.interrupted()).toMatchObject([{ name: "t", rows: 20 }]);
    const seen = watched();
    const events: TrainEvent[] = [];
    for await (const event of next.continueTraining("t")) events.push(event);
    expect(events.at(-1)?.type).toBe("done");
    expect(events.filter(({ type }) => type === "reading")).toEqual([]);
    expect(seen).toEqual([]);
    expect(await next.exportAdapter("t")).toEqual(whole);
  });
});

describe("listening", () => {
  const word = (first: number) => Float32Array.of(first, 0, 0, 0);

  it("gives words in their order, with times of the whole stream, and goes on after a restart", async () => {
    const g = await ready("sounds");
    const ears = g.listen({ threshold: 0.8 });
    expect(await ears.end()).toEqual([]);
    const mine = g.listen({ with: "m" });
    const buffer = word(0.25);
    const pieces = [mine.push(buffer, 4000)];
    buffer[0] = 0.75;
    pieces.push(mine.push(buffer, 4000));
    expect(await Promise.all(pieces)).toEqual([
      [],
      [{ label: "m", score: 0.75, start: 0.001, end: 0.002, at: 0.002 }],
    ]);
    expect(mine.scores).toEqual([
      { label: "other", score: 0.25 },
      { label: "m", score: 0.75 },
    ]);
    FakeWorker.started[0]?.crash("killed");
    const [after] = await mine.push(word(1), 4000);
    expect(after?.start).toBeCloseTo(0.002);
    expect((await mine.end())[0]?.start).toBeCloseTo(0.003);
    expect(await mine.end()).toEqual([]);
    expect(await codeOf(mine.push(word(1), 4000))).toBe("disposed");
  });

  it("needs one adapter, and sound", async () => {
    const g = await ready("sounds");
    expect(await codeOf(g.listen({ with: "nobody" }).push(word(1), 4000))).toBe("adapter_unknown");
    expect(await codeOf(g.listen().push(word(1), 0))).toBe("sound_rate");
    expect(await codeOf(g.listen().push([1] as never, 16_000))).toBe("option_invalid");
    expect(() => g.listen({ treshold: 1 } as never)).toThrow(GraftletError);
    await g.use(null);
    expect(await codeOf(g.listen().push(word(1), 4000))).toBe("adapter_not_in_use");
    await g.use({ stack: ["m"] });
    expect(await codeOf(g.listen().push(word(1), 4000))).toBe("composition_invalid");
  });
});

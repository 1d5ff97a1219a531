/** Rows of recordings and pictures, and streams of sound. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Graftlet, GraftletError } from "../index.js";
import type { AnyRow, ReplayRow, TrainEvent } from "../types.js";
import * as fake from "./fake-engine.js";
import { codeOf, load, reset } from "./fake-graftlet.js";
import { FakeWorker } from "./fake-worker.js";
import { FILES, messageOf, pixels, ready, tone, watched, wav } from "./media-world.js";

beforeEach(() => {
  reset();
});
afterEach(() => {
  vi.restoreAllMocks();
  fake.Engine.reads = "texts";
  vi.unstubAllGlobals();
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

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Graftlet } from "../index.js";
import type { Composition, ManyProgress } from "../types.js";
import { FakeCaches } from "./fake-caches.js";
import * as fake from "./fake-engine.js";
import { FakeWorker } from "./fake-worker.js";

function load(module = fake): Promise<Graftlet> {
  const worker = () => new FakeWorker(module) as unknown as Worker;
  return Graftlet.load({ backbone: "https://graftlet.test/models/", worker });
}

const code = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "none",
    (error: { code: string }) => error.code,
  );

beforeEach(() => {
  FakeWorker.started = [];
  FakeWorker.caches = new FakeCaches();
  fake.Engine.stepMs = 0;
});
afterEach(() => vi.unstubAllGlobals());

describe("classify, of many texts,", () => {
  const texts = Array.from({ length: 500 }, (_, i) => `money ${i}`);
  const files = {
    "adapter_config.json": new TextEncoder().encode(
      JSON.stringify({ labels: ["no", "yes"], words: { yes: { money: 2 } } }),
    ),
  };

  async function ready(module = fake): Promise<Graftlet> {
    const g = await load(module);
    await g.addAdapter("m", files);
    await g.use("m");
    return g;
  }

  it("answers in order with several workers, which end, and tells how far it is", async () => {
    const g = await ready();
    const expected = await g.classify(texts);
    const done: number[] = [];
    const onProgress = (at: { done: number }) => done.push(at.done);
    expect(await g.classify(texts, { workers: 3, onProgress })).toEqual(expected);
    expect(done).toEqual(done.toSorted((a, b) => a - b));
    expect(done.at(-1)).toBe(500);
    expect(await g.classify([])).toEqual([]);
  });

  it("gives a composition to all workers, but not one whose answers depend on which texts come together", async () => {
    const computed: number[] = [];
    class Counting extends fake.Engine {
      readonly number = computed.push(0) - 1;
      static override fromFiles = () => new Counting();
      override beginAnswers(...args: Parameters<fake.Engine["beginAnswers"]>) {
        computed[this.number] = (computed[this.number] ?? 0) + args[0].length;
        return super.beginAnswers(...args);
      }
    }
    // enough for all to get some
    const lots = Array.from({ length: 4 }, () => texts).flat();
    const g = await ready({ ...fake, Engine: Counting });
    await g.addAdapter("last", files);
    await g.addAdapter("mixed", files);
    for (const [what, workers] of [
      [{ stack: ["m", { average: [{ adapter: "last", weight: 1 }], head: "mixed" }] }, 3],
      [{ fuse: ["m", "last"], fusion: "mixed" }, 3],
      [{ split: ["m", { adapter: "last", rows: 1999 }] }, 1],
    ] satisfies [Composition, number][]) {
      await g.use(what);
      const expected = await g.classify(lots);
      computed.fill(0);
      let most = 0;
      const onProgress = (at: ManyProgress) => {
        most = Math.max(most, at.workers);
      };
      expect(await g.classify(lots, { workers: 3, onProgress })).toEqual(expected);
      expect(most).toBe(workers);
      expect(computed.filter((texts) => texts > 0).length).toBe(workers);
    }
  });

  it("does without workers that cannot be had or fail", async () => {
    let engines = 0;
    class Failing extends fake.Engine {
      readonly number = engines++;
      static override fromFiles = () => new Failing();
      override beginAnswers(...args: Parameters<fake.Engine["beginAnswers"]>) {
        if (this.number > 0) throw new RangeError("out of memory");
        return super.beginAnswers(...args);
      }
    }
    const g = await ready({ ...fake, Engine: Failing });
    expect(await g.classify(texts, { workers: 3 })).toEqual(await g.classify(texts));
  });

  it("needs an adapter in use, and texts that say something", async () => {
    const g = await ready();
    expect(await code(g.classify([...texts, " "], { workers: 2 }))).toBe("text_empty");
    await g.use(null);
    expect(await code(g.classify(texts))).toBe("adapter_not_in_use");
  });

  it("ends when it is aborted", async () => {
    const g = await ready();
    const controller = new AbortController();
    const many = g.classify(texts, {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    expect(await code(many)).toBe("aborted");
  });
});

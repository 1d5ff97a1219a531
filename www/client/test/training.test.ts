import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Graftlet } from "../index.js";
import { Store } from "../store.js";
import type { AdapterFiles, InterruptedRun, Row, TrainEvent, TrainOptions } from "../types.js";
import { workersFor } from "../workers.js";
import { FakeCaches } from "./fake-caches.js";
import * as fake from "./fake-engine.js";
import { FakeWorker } from "./fake-worker.js";

const ROWS: Row[] = Array.from({ length: 2500 }, (_, i) => ({
  text: `parcel ${"x".repeat(i % 17)}`,
  label: i % 2 ? "late" : "lost",
}));
const OPTIONS: TrainOptions = { name: "shop", kind: "lora", epochs: 3 };

function load(module = fake): Promise<Graftlet> {
  const worker = () => new FakeWorker(module) as unknown as Worker;
  return Graftlet.load({ backbone: "https://graftlet.test/models/", worker });
}

/** Trains to the end. */
async function trained(
  g: Graftlet,
  options: TrainOptions,
): Promise<{ events: TrainEvent[]; files: AdapterFiles }> {
  const events: TrainEvent[] = [];
  for await (const event of g.train(options, ROWS)) events.push(event);
  return { events, files: await g.exportAdapter(options.name) };
}

const notices = (events: TrainEvent[]) => events.filter(({ type }) => type === "notice");
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

describe("rows", () => {
  it("arrive whole, in parts, whatever is in them", async () => {
    const pushed: Row[] = [];
    const module = {
      ...fake,
      Rows: class extends fake.Rows {
        override push(lines: Uint8Array) {
          super.push(lines);
          pushed.push(...this.rows.slice(pushed.length));
        }
      },
    };
    const odd: Row[] = [
      { text: 'a "b" \\ud800 \n c', text2: "é👋", label: "x" },
      { text: "lone \ud800 half", label: "y" },
    ];
    const tagged = [
      {
        words: [
          { text: "Rome", tag: "B-place" },
          { text: ".", tag: "O" },
        ],
      },
    ];
    const g = await load(module);
    const rows = [...odd, ...tagged, ...ROWS];
    for await (const _ of g.train(OPTIONS, rows, { persist: false }));
    expect(pushed).toHaveLength(rows.length);
    expect(pushed[0]).toEqual(odd[0]);
    expect(pushed[1]?.text).toBe("lone \ufffd half");
    expect(pushed[2]).toEqual({ text: "Rome .", label: "B-place O" });
  });

  it.each([
    ["a word with a space", { words: [{ text: "New York", tag: "O" }] }],
    ["an empty tag", { words: [{ text: "York", tag: "" }] }],
    ["no row", null as unknown as Row],
    ["a text", "text" as unknown as Row],
  ])("of %s are refused", async (_, row) => {
    const g = await load();
    expect(await code(g.train(OPTIONS, [row]).next())).toBe("option_invalid");
  });

  it("are refused with numbers that are none, which the engine would take for the default", async () => {
    const g = await load();
    const run = g.train({ ...OPTIONS, learningRate: Number.NaN }, ROWS);
    expect(await code(run.next())).toBe("option_invalid");
  });
});

describe("several workers", () => {
  it("come to what one comes to, and all end with the run", async () => {
    const g = await load();
    const one = await trained(g, OPTIONS);
    const three = await trained(g, { ...OPTIONS, workers: 3 });
    expect(three.files).toEqual(one.files);
    expect(three.events.at(-1)).toMatchObject({ type: "done", workers: 3 });
    expect(FakeWorker.started).toHaveLength(1 + 1 + 3);
    expect(FakeWorker.started.slice(1).every(({ terminated }) => terminated)).toBe(true);
  });

  it("that crash leave their part to the others", async () => {
    const g = await load();
    const { files } = await trained(g, OPTIONS);
    const events: TrainEvent[] = [];
    for await (const event of g.train({ ...OPTIONS, workers: 3 }, ROWS)) {
      events.push(event);
      if (event.type === "step" && event.step === 4) FakeWorker.started[3]?.crash("no memory");
    }
    expect(notices(events)).toMatchObject([{ about: "workers", code: "worker_failed" }]);
    expect(events.at(-1)).toMatchObject({ type: "done", workers: 2 });
    expect(await g.exportAdapter("shop")).toEqual(files);
  });

  it("that throw do, too", async () => {
    let engines = 0;
    class Failing extends fake.Engine {
      readonly number = engines++;
      override startTraining(...args: Parameters<fake.Engine["startTraining"]>) {
        const training = super.startTraining(...args);
        // The third is the second worker of the run: the page's own is the first.
        if (this.number !== 2) return training;
        training.compute = () => {
          throw new WebAssembly.RuntimeError("out of memory");
        };
        return training;
      }
      static override fromFiles = () => new Failing();
    }
    const g = await load({ ...fake, Engine: Failing });
    const { events } = await trained(g, { ...OPTIONS, workers: 2 });
    expect(notices(events)).toMatchObject([{ about: "workers", code: "engine_trapped" }]);
    expect(events.at(-1)).toMatchObject({ type: "done", workers: 1 });
  });

  it("that cannot be had are done without", async () => {
    let loads = 0;
    class Scarce extends fake.Engine {
      static override fromFiles(files: AdapterFiles) {
        loads += 1;
        if (loads > 2) throw new RangeError("out of memory");
        return fake.Engine.fromFiles(files);
      }
    }
    const g = await load({ ...fake, Engine: Scarce });
    const { events } = await trained(g, { ...OPTIONS, workers: 4 });
    expect(notices(events)).toHaveLength(3);
    expect(events.at(-1)).toMatchObject({ type: "done", workers: 1 });
  });

  it("are as many as asked for, or as the device is good for", () => {
    const auto = (hardwareConcurrency?: number, deviceMemory?: number) => {
      vi.stubGlobal("navigator", { hardwareConcurrency, deviceMemory });
      return workersFor("auto");
    };
    expect(workersFor()).toBe(1);
    expect(workersFor(3)).toBe(3);
    expect([auto(8, 8), auto(8), auto(2, 8), auto(1), auto(), auto(8, 2)]).toEqual([
      2, 2, 1, 1, 1, 1,
    ]);
    for (const workers of [0, 1.5, 99, Number.NaN, "two" as "auto"])
      expect(() => workersFor(workers)).toThrow("workers");
  });
});

describe("a run", () => {
  it("stops when paused, and goes on", async () => {
    fake.Engine.stepMs = 5;
    const g = await load();
    const run = g.train(OPTIONS, ROWS);
    const events: TrainEvent[] = [];
    const loop = (async () => {
      for await (const event of run) events.push(event);
    })();
    while (events.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await run.pause();
    await new Promise((resolve) => setTimeout(resolve, 10));
    const paused = events.length;
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(events).toHaveLength(paused);
    await run.resume();
    await loop;
    expect(events.at(-1)?.type).toBe("done");
  });

  it("that is paused before it begins begins paused", async () => {
    const g = await load();
    const run = g.train(OPTIONS, ROWS);
    await run.pause();
    const next = run.next();
    const wait = new Promise((resolve) => setTimeout(resolve, 80, "nothing"));
    expect(await Promise.race([next, wait])).toBe("nothing");
    await run.resume();
    expect((await next).value).toMatchObject({ type: "step", step: 1 });
    await run.cancel();
  });

  it("leaves nothing behind when it is cancelled, fails or ends", async () => {
    const g = await load();
    const run = g.train(OPTIONS, ROWS);
    await run.next();
    expect(FakeWorker.caches.urls.length).toBeGreaterThan(0);
    await run.cancel();
    expect(FakeWorker.caches.urls.length).toBe(0);
    const one = g.train(OPTIONS, ROWS.slice(0, 1));
    expect(await code(one.next())).toBe("classes_too_few");
    expect(FakeWorker.caches.urls.length).toBe(0);
    for await (const _ of g.train(OPTIONS, ROWS, { persist: false }));
    expect(FakeWorker.caches.urls.length).toBe(0);
  });

  it("goes on in another page, to the same adapter", async () => {
    const { files } = await trained(await load(), OPTIONS);
    for (const workers of [1, 2]) {
      const first = await load();
      const run = first.train({ ...OPTIONS, workers, task: "parcels" }, ROWS, { persist: true });
      const seen = async (): Promise<TrainEvent> => {
        for (;;) {
          const { value } = await run.next();
          if (value?.type === "eval") return value;
        }
      };
      const { epoch } = (await seen()) as { epoch: number };
      await first.dispose();
      expect(await code(run.next())).toBe("disposed");

      const second = await load();
      const [found] = (await second.interrupted()) as [InterruptedRun];
      const { rows } = found;
      expect(found).toMatchObject({ name: "shop", kind: "lora", rows, epochs: 3 });
      expect([rows, found.options.task]).toEqual([ROWS.length, "parcels"]);
      expect(found.epoch).toBeGreaterThanOrEqual(epoch);
      const events: TrainEvent[] = [];
      for await (const event of second.continueTraining("shop")) events.push(event);
      expect(events[0]).toMatchObject({ type: "step" });
      expect((events[0] as { step: number }).step).toBeGreaterThan(10 * epoch);
      expect(events.at(-1)).toMatchObject({ type: "done", workers });
      expect(await second.exportAdapter("shop")).toEqual(files);
      expect(await second.saved()).toEqual(["shop"]);
      expect(await second.interrupted()).toEqual([]);
    }
  });

  it("is not interrupted while it is under way, nor when it has ended", async () => {
    const g = await load();
    const run = g.train(OPTIONS, ROWS);
    await run.next();
    expect(FakeWorker.caches.urls.length).toBeGreaterThan(0);
    expect(await g.interrupted()).toEqual([]);
    let last: Promise<InterruptedRun[]> | undefined;
    for await (const event of run) if (event.type === "eval") last = g.interrupted();
    expect(await last).toEqual([]);
    expect(await g.interrupted()).toEqual([]);
  });

  it("that was interrupted can be given up; one that is not there cannot go on", async () => {
    const first = await load();
    const run = first.train(OPTIONS, ROWS);
    await run.next();
    await first.dispose();
    const second = await load();
    expect(await second.interrupted()).toMatchObject([{ name: "shop", epoch: 0 }]);
    await second.forgetTraining("shop");
    expect(await second.interrupted()).toEqual([]);
    expect(await code(second.continueTraining("shop").next())).toBe("run_unknown");
  });

  it("whose rows were not all kept is no run", async () => {
    const store = await Store.open("runs", FakeWorker.caches as unknown as CacheStorage);
    await store.putFiles("half", { "rows-0.jsonl": new Uint8Array([10]) });
    const g = await load();
    expect(await g.interrupted()).toEqual([]);
    expect(await store.list()).toEqual([]);
  });

  it("goes on without being kept where the disk is full, and says so", async () => {
    for (const after of [0, 2, 5]) {
      FakeWorker.caches = new FakeCaches();
      let left = after;
      FakeWorker.caches.fault = (_, kind) => (kind === "put" && left-- <= 0 ? "full" : undefined);
      const g = await load();
      const events: TrainEvent[] = [];
      const settings = { persist: false, checkpoints: true };
      for await (const event of g.train(OPTIONS, ROWS, settings)) events.push(event);
      expect(notices(events)).toMatchObject([{ about: "checkpoint", code: "quota_exceeded" }]);
      expect(events.at(-1)?.type).toBe("done");
      expect(FakeWorker.caches.urls).toEqual([]);
    }
  });
});

describe("suggest", () => {
  it("compares in a worker of its own, tells how far it is, and can be aborted", async () => {
    const g = await load();
    const done: number[] = [];
    const onProgress = (event: { done: number }) => done.push(event.done);
    expect(await g.suggest(ROWS, { seed: 1 }, { onProgress })).toMatchObject({ choice: "lora" });
    expect(done).toEqual([1 / 3, 2 / 3]);
    expect(FakeWorker.started[1]?.terminated).toBe(true);
    expect(await code(g.suggest(ROWS.slice(0, 2)))).toBe("rows_empty");
    expect(await code(g.suggest(ROWS, {}, { signal: AbortSignal.abort() }))).toBe("aborted");
    const controller = new AbortController();
    const pending = g.suggest(ROWS, {}, { signal: controller.signal });
    controller.abort();
    expect(await code(pending)).toBe("aborted");
  });
});

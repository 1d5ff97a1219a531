/**
 * What is left of a training when the page is ended, or the disk is full, at any write; tabs that want one name; storage
 * that is denied.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Change, Row, TrainEvent, TrainOptions } from "../index.js";
import { Graftlet } from "../index.js";
import { Store } from "../store.js";
import { FakeCaches, FakeLocks, type Fault } from "./fake-caches.js";
import * as fake from "./fake-engine.js";
import { FakeWorker } from "./fake-worker.js";

const ROWS: Row[] = Array.from({ length: 1500 }, (_, i) => ({
  text: `parcel ${"x".repeat(i % 17)}`,
  label: i % 2 ? "late" : "lost",
}));
const OPTIONS: TrainOptions = { name: "shop", kind: "lora", epochs: 2 };
const OLD = {
  "adapter_config.json": new TextEncoder().encode(
    JSON.stringify({ labels: ["no", "yes"], words: { yes: { good: 2 } } }),
  ),
};

function load(): Promise<Graftlet> {
  const worker = () => new FakeWorker(fake) as unknown as Worker;
  return Graftlet.load({ backbone: "https://graftlet.test/models/", worker });
}

const code = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "none",
    (error: { code: string }) => error.code,
  );

async function all(run: AsyncIterable<TrainEvent>): Promise<TrainEvent[]> {
  const events: TrainEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

/** Ends the page after the run's first epoch. */
async function interrupt(g: Graftlet, run: AsyncIterable<TrainEvent>): Promise<void> {
  const ended = (async () => {
    for await (const { type } of run) if (type === "eval") await g.dispose();
  })();
  expect(await code(ended)).toBe("disposed");
}

const raw = (what: "adapters" | "runs") =>
  Store.open(what, FakeWorker.caches as unknown as CacheStorage);

beforeEach(() => {
  FakeWorker.started = [];
  FakeWorker.caches = new FakeCaches();
  fake.Engine.stepMs = 0;
});
afterEach(() => vi.unstubAllGlobals());

/** Everything that a training writes: over an adapter and over an interrupted run of its name. */
async function prepared(): Promise<{ g: Graftlet; writes: number }> {
  FakeWorker.caches = new FakeCaches();
  const first = await load();
  await first.addAdapter("shop", OLD, { persist: true });
  await first.addAdapter("other", OLD, { persist: true });
  const run = first.train({ ...OPTIONS, task: "the first" }, ROWS.slice(0, 10));
  await interrupt(first, run);
  return { g: await load(), writes: FakeWorker.caches.writes };
}

describe("a training that is ended at any write", () => {
  it("loses nothing that was reported kept, and leaves no store unreadable", async () => {
    const finished = await (async () => {
      const { g } = await prepared();
      await all(g.train(OPTIONS, ROWS));
      return g.exportAdapter("shop");
    })();
    let at = 0;
    for (let reached = true; reached; ) {
      at += 1;
      const { g, writes } = await prepared();
      reached = false;
      FakeWorker.caches.fault = (write) => {
        if (write !== writes + at) return undefined;
        reached = true;
        void g.dispose();
        return "fail";
      };
      const seen: TrainEvent[] = [];
      const end = await code(
        (async () => {
          for await (const event of g.train(OPTIONS, ROWS)) seen.push(event);
        })(),
      );
      await g.dispose();

      FakeWorker.caches.revive();
      const later = await load();
      const saved = await later.saved();
      expect(saved).toEqual(["other", "shop"]);
      await later.restore("other");
      await later.restore("shop");
      const files = await later.exportAdapter("shop");
      const isNew =
        !("adapter_config.json" in files) || files["adapter_model.safetensors"] !== undefined;
      expect(files).toEqual(isNew ? finished : OLD);
      if (end === "none") expect(isNew).toBe(true);
      const runs = await later.interrupted();
      expect(runs.every(({ broken }) => broken === undefined)).toBe(true);
      // Until the new adapter is kept there is a run to go on with: the new one if an epoch of it was told.
      if (!isNew) expect(runs).toHaveLength(1);
      const [run] = runs;
      const isFirst = run?.options.task === "the first";
      if (seen.some(({ type }) => type === "eval") && !isNew) expect(isFirst).toBe(false);
      if (run) {
        expect(run.rows).toBe(isFirst ? 10 : ROWS.length);
        expect((await all(later.continueTraining("shop"))).at(-1)?.type).toBe("done");
        if (!isFirst) expect(await later.exportAdapter("shop")).toEqual(finished);
      }
      expect(await later.interrupted()).toEqual([]);
      await later.dispose();
    }
    expect(at).toBeGreaterThan(20);
  }, 120_000);
});

describe("a disk that is full", () => {
  it("from any write on leaves the finished adapter in use, and says so", async () => {
    let at = 0;
    for (let reached = true; reached; ) {
      at += 1;
      const { g, writes } = await prepared();
      reached = false;
      const fault: Fault = (write, kind) => {
        reached ||= write >= writes + at;
        return write >= writes + at && kind === "put" ? "full" : undefined;
      };
      FakeWorker.caches.fault = fault;
      const events = await all(g.train(OPTIONS, ROWS));
      expect(events.at(-1)?.type).toBe("done");
      const notice = events.find((event) => event.type === "notice" && event.about === "storage");
      await g.use("shop");
      expect(await g.classify(["parcel"])).toHaveLength(1);
      expect(await g.saved()).toEqual(["other", "shop"]);
      const files = await g.exportAdapter("shop");
      const kept = await (await raw("adapters")).get("shop");
      expect(kept).toEqual(notice ? OLD : files);
      if (notice) {
        expect(notice).toMatchObject({ code: "quota_exceeded" });
        // In another visit it is the run that is kept, if it is.
        FakeWorker.caches.revive();
        expect(await g.interrupted()).toEqual([]);
        await g.keep("shop");
        expect(await (await raw("adapters")).get("shop")).toEqual(files);
      }
      await g.dispose();
    }
    expect(at).toBeGreaterThan(10);
  }, 120_000);
});

describe("storage that is denied", () => {
  it("leaves everything else as it is", async () => {
    vi.spyOn(FakeWorker.caches, "open").mockRejectedValue(new DOMException("no", "SecurityError"));
    const g = await load();
    const events = await all(g.train(OPTIONS, ROWS));
    const notices = events.filter((event) => event.type === "notice");
    expect(notices).toMatchObject([
      { about: "checkpoint", code: "storage_unavailable" },
      { about: "storage", code: "storage_unavailable" },
    ]);
    expect(events.at(-1)?.type).toBe("done");
    await g.use("shop");
    expect(await g.classify(["parcel"])).toHaveLength(1);
    expect(Object.keys(await g.exportAdapter("shop"))).toContain("adapter_config.json");
    const added = await g.addAdapter("brought", OLD, { persist: true });
    expect(added).toMatchObject({ name: "brought", unkept: { code: "storage_unavailable" } });
    expect((await g.adapters()).map(({ name }) => name)).toEqual(["shop", "brought"]);
    expect(await code(g.saved())).toBe("storage_unavailable");
    expect(await g.storage()).toMatchObject({
      denied: { code: "storage_unavailable" },
      backboneKept: false,
      adapters: [],
    });
  });
});

describe("a record that is broken", () => {
  const broken: [string, unknown][] = [
    ["no JSON", "{"],
    ["nothing", ""],
    ["null", null],
    ["a list", []],
    ["a number", 7],
    ["no options", { rows: 3, workers: 1 }],
    ["options of another", { rows: 3, workers: 1, options: { name: "x", kind: "lora" } }],
    ["no rows", { workers: 1, options: { name: "bad", kind: "lora" } }],
    ["rows below none", { rows: -1, workers: 1, options: { name: "bad", kind: "lora" } }],
    ["workers by the million", { rows: 3, workers: 1e6, options: { name: "bad", kind: "lora" } }],
  ];
  it.each(broken)("(%s) hides no other, says which it is, and can be forgotten", async (_, run) => {
    const first = await load();
    await interrupt(first, first.train(OPTIONS, ROWS));
    const content = typeof run === "string" ? run : JSON.stringify(run);
    await (await raw("runs")).put("bad", { "run.json": new TextEncoder().encode(content) });

    const g = await load();
    const [bad, shop] = await g.interrupted();
    expect(shop).toMatchObject({ name: "shop", rows: ROWS.length });
    expect(bad).toMatchObject({ name: "bad", broken: { code: "run_broken" } });
    expect(bad?.broken?.message).toContain("“bad”");
    expect(await code(g.continueTraining("bad").next())).toBe("run_broken");
    await g.forgetTraining("bad");
    expect((await g.interrupted()).map(({ name }) => name)).toEqual(["shop"]);
    expect((await all(g.continueTraining("shop"))).at(-1)?.type).toBe("done");
  });

  it("in its progress is gone on with all the same", async () => {
    const first = await load();
    await interrupt(first, first.train(OPTIONS, ROWS));
    const bad = new TextEncoder().encode("{");
    await (await raw("runs")).putFiles("shop", { "progress.json": bad });
    const g = await load();
    expect(await g.interrupted()).toMatchObject([{ name: "shop", epoch: 0, epochs: null }]);
    expect((await all(g.continueTraining("shop"))).at(-1)?.type).toBe("done");
  });

  it("of a folder whose list of files is damaged is told as well", async () => {
    await (await raw("runs")).put("bad", OLD);
    const entries = FakeWorker.caches.entries("graftlet-runs");
    for (const url of entries.keys())
      if (url.endsWith("record.json")) entries.set(url, new TextEncoder().encode("[]"));
    const g = await load();
    expect(await g.interrupted()).toMatchObject([
      { name: "bad", broken: { code: "file_invalid" } },
    ]);
    await g.forgetTraining("bad");
    expect(await g.interrupted()).toEqual([]);
  });
});

describe("names", () => {
  it("are checked before anything is done", async () => {
    const g = await load();
    for (const name of ["", ".", "..", "a\u0007", 7 as unknown as string, "x".repeat(999)]) {
      expect(await code(g.addAdapter(name, OLD, { persist: true }))).toBe("name_invalid");
      expect(await code(g.addAdapter(name, OLD))).toBe("name_invalid");
      expect(await code(g.compose(name, { average: ["a"] }))).toBe("name_invalid");
      expect(await code(g.train({ ...OPTIONS, name }, ROWS).next())).toBe("name_invalid");
      expect(await code(g.keep(name))).toBe("name_invalid");
      expect(await code(g.reserve(name))).toBe("name_invalid");
    }
    expect(FakeWorker.started).toHaveLength(1);
    expect(FakeWorker.caches.urls).toEqual([]);
  });
});

describe("two tabs", () => {
  beforeEach(() => vi.stubGlobal("navigator", { locks: new FakeLocks() }));

  it("with one name: the second is told at its start, and the first keeps what it has", async () => {
    const [a, b] = [await load(), await load()];
    const changes: Change[] = [];
    b.onChange((change) => changes.push(change));
    fake.Engine.stepMs = 20;
    const run = a.train(OPTIONS, ROWS);
    await run.next();
    const before = FakeWorker.started.length;
    expect(await code(b.train(OPTIONS, ROWS).next())).toBe("name_in_use");
    expect(await code(b.continueTraining("shop").next())).toBe("name_in_use");
    expect(await code(b.addAdapter("shop", OLD, { persist: true }))).toBe("name_in_use");
    expect(await code(b.forgetTraining("shop"))).toBe("name_in_use");
    expect(await code(a.train(OPTIONS, ROWS).next())).toBe("name_in_use");
    expect(FakeWorker.started).toHaveLength(before);
    expect(await b.interrupted()).toEqual([]);
    // A name of its own is no trouble.
    fake.Engine.stepMs = 0;
    expect((await all(b.train({ ...OPTIONS, name: "mine" }, ROWS))).at(-1)?.type).toBe("done");
    expect((await all(run)).at(-1)?.type).toBe("done");
    expect(await b.saved()).toEqual(["mine", "shop"]);
    expect((await b.restore("shop")).labels).toEqual(["late", "lost"]);
    await a.forget("mine");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(changes).toEqual([
      { type: "training", name: "shop" },
      { type: "saved", name: "shop" },
      { type: "trained", name: "shop" },
      { type: "forgotten", name: "mine" },
    ]);
    await b.addAdapter("shop", OLD, { persist: true });
  }, 30_000);

  it("reserve a name before the training begins", async () => {
    const [a, b] = [await load(), await load()];
    const reservation = await a.reserve("shop");
    expect(await code(b.reserve("shop"))).toBe("name_in_use");
    const events = await all(a.train(OPTIONS, ROWS, { reservation }));
    expect(events.at(-1)?.type).toBe("done");
    const free = await b.reserve("shop");
    free.release();
    free.release();
  });
});

describe("storage", () => {
  it("says what is kept, and how much room there is", async () => {
    const estimate = async () => ({ usage: 12, quota: 1e9 });
    vi.stubGlobal("navigator", {
      storage: { estimate, persisted: async () => false, persist: async () => true },
    });
    const g = await load();
    await g.addAdapter("one", OLD, { persist: true });
    await g.addAdapter("two", OLD, { persist: true });
    const report = await g.storage();
    expect(report).toMatchObject({ usage: 12, quota: 1e9, persistent: false, runs: [] });
    expect(report.adapters.map(({ name }) => name).sort()).toEqual(["one", "two"]);
    expect(await g.persistStorage()).toBe(true);
  });
});

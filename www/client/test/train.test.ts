import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { TrainEvent } from "../index.js";
import { partsOf } from "../rows.js";
import { codeOf, load, ROWS, reset } from "./fake-graftlet.js";
import { FakeWorker } from "./fake-worker.js";

beforeEach(reset);

afterEach(() => {
  vi.restoreAllMocks();
});

describe("train", () => {
  const options = { name: "shop", kind: "lora", epochs: 2 };

  it("takes along the adapters that a fusion is made of", async () => {
    const g = await load();
    const config = new TextEncoder().encode(JSON.stringify({ labels: ["no", "yes"] }));
    await g.addAdapter("one", { "adapter_config.json": config });
    const fusion = { ...options, kind: "fusion", adapters: ["one"] };
    const events: TrainEvent[] = [];
    for await (const event of g.train(fusion, ROWS)) events.push(event);
    expect(events.at(-1)?.type).toBe("done");
    const missing = async () => {
      for await (const _ of g.train({ ...fusion, adapters: ["nobody"] }, ROWS));
    };
    expect(await codeOf(missing())).toBe("adapter_unknown");
  });

  it("takes along the adapter that it goes on from, whose kind need not be said", async () => {
    const g = await load();
    const config = new TextEncoder().encode(JSON.stringify({ labels: ["no", "yes"] }));
    await g.addAdapter("one", { "adapter_config.json": config });
    const events: TrainEvent[] = [];
    for await (const event of g.train({ name: "two", from: "one", epochs: 2 }, ROWS)) {
      events.push(event);
    }
    expect(events.at(-1)?.type).toBe("done");
    const missing = async () => {
      for await (const _ of g.train({ name: "two", from: "nobody" }, ROWS));
    };
    expect(await codeOf(missing())).toBe("adapter_unknown");
  });

  it("sends rows to be replayed beside the others, some of them without labels", async () => {
    const replay = [{ text: "old", label: "no" }, { text: "nobody labelled this" }];
    const lines = (rows: readonly unknown[], old?: true) =>
      [...partsOf(rows, old)].flatMap((part) =>
        new TextDecoder()
          .decode(part)
          .trim()
          .split("\n")
          .map((line) => JSON.parse(line)),
      );
    expect(lines(replay, true)).toEqual(replay.map((row) => ({ ...row, replay: true })));
    expect(lines([replay[0]])).toEqual([replay[0]]);
    const g = await load();
    const config = new TextEncoder().encode(JSON.stringify({ labels: ["no", "yes"] }));
    await g.addAdapter("one", { "adapter_config.json": config });
    const events: TrainEvent[] = [];
    const warm = { name: "two", from: "one", epochs: 2, replay, distillation: 0.5 };
    for await (const event of g.train(warm, ROWS)) events.push(event);
    const done = events.at(-1);
    const taken = done?.type === "done" ? done.trainRows + done.devRows : 0;
    expect(taken).toBe(ROWS.length + replay.length);
    const wrong = async (replay: unknown) => {
      for await (const _ of g.train({ ...warm, replay } as typeof warm, ROWS));
    };
    expect(await codeOf(wrong("rows"))).toBe("option_invalid");
    expect(await codeOf(wrong([{ text: 5 }]))).toBe("option_invalid");
    expect(await codeOf(wrong([null]))).toBe("option_invalid");
  });

  it("ends with done, when the adapter can be used and is kept", async () => {
    const g = await load();
    const events: TrainEvent[] = [];
    for await (const event of g.train(options, ROWS)) {
      if (event.type === "done") {
        await g.use("shop");
        const [answer] = await g.classify(["money"]);
        expect(answer).toMatchObject({ problem: "single_label", label: "refund" });
        expect(await g.saved()).toEqual(["shop"]);
      }
      events.push(event);
    }
    expect(events.at(-1)?.type).toBe("done");
    expect(events.filter(({ type }) => type === "done")).toHaveLength(1);
  });

  it("counts steps that never fall, never pass a constant total, and reach it", async () => {
    const g = await load();
    const steps: { step: number; steps: number }[] = [];
    for await (const event of g.train(options, ROWS)) if ("step" in event) steps.push(event);
    const counts = steps.map(({ step }) => step);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(new Set(steps.map((event) => event.steps)).size).toBe(1);
    expect(counts.at(-1)).toBe(steps[0]?.steps);
  });

  it("runs in a worker of its own, which ends with it", async () => {
    const g = await load();
    for await (const event of g.train(options, ROWS)) {
      expect(FakeWorker.started).toHaveLength(2);
      if (event.type === "done") expect(FakeWorker.started[1]?.terminated).toBe(true);
    }
    expect(FakeWorker.started[0]?.terminated).toBe(false);
  });

  it("keeps nothing when told so", async () => {
    const g = await load();
    for await (const _ of g.train(options, ROWS, { persist: false }));
    expect(await g.saved()).toEqual([]);
    expect(await g.adapters()).toHaveLength(1);
  });

  it("throws aborted at once when the signal says so, and leaves nothing behind", async () => {
    const g = await load();
    const controller = new AbortController();
    const run = g.train(options, ROWS, { signal: controller.signal });
    await run.next();
    controller.abort();
    expect(FakeWorker.started[1]?.terminated).toBe(true);
    expect(await codeOf(run.next())).toBe("aborted");
    expect(await g.adapters()).toEqual([]);
    expect((await run.next()).done).toBe(true);
  });

  it("starts nothing with a signal that is aborted already", async () => {
    const g = await load();
    const run = g.train(options, ROWS, { signal: AbortSignal.abort() });
    expect(await codeOf(run.next())).toBe("aborted");
    expect(FakeWorker.started).toHaveLength(1);
  });

  it("ends the worker when the loop is left", async () => {
    const g = await load();
    for await (const event of g.train(options, ROWS)) if (event.type === "step") break;
    expect(FakeWorker.started[1]?.terminated).toBe(true);
    expect(await g.adapters()).toEqual([]);
  });

  it("is ended by return() while an event is being waited for", async () => {
    const g = await load();
    const run = g.train(options, ROWS);
    const pending = run.next();
    await run.return();
    expect(FakeWorker.started[1]?.terminated).toBe(true);
    await pending;
    expect((await run.next()).done).toBe(true);
  });

  it("throws the engine's error for rows it cannot learn from", async () => {
    const g = await load();
    const run = g.train(options, [{ text: "a", label: "only" }]);
    expect(await codeOf(run.next())).toBe("classes_too_few");
    expect(FakeWorker.started[1]?.terminated).toBe(true);
  });
});

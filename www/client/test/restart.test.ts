/**
 * What becomes of the engine when a call stops it, or its worker ends.
 */
import { beforeEach, describe, expect, it } from "vitest";
import { Graftlet, GraftletError, type RestartEvent } from "../index.js";
import { FakeCaches } from "./fake-caches.js";
import * as fake from "./fake-engine.js";
import { engineError } from "./fake-engine.js";
import { emptyNetwork } from "./fake-network.js";
import { FakeWorker } from "./fake-worker.js";

const folder = (config: object) => ({
  "adapter_config.json": new TextEncoder().encode(JSON.stringify(config)),
});
const TASTE = folder({ labels: ["no", "yes"], words: { yes: { good: 2 } } });

/** What an engine in which something went wrong throws; each stands for a real one. */
const FAULTS: Record<string, () => unknown> = {
  panic: () => new WebAssembly.RuntimeError("unreachable"),
  "an access out of bounds": () => new WebAssembly.RuntimeError("memory access out of bounds"),
  "no stack": () => new RangeError("Maximum call stack size exceeded"),
  "no memory": () => new RangeError("Array buffer allocation failed"),
  "a borrowed object": () =>
    new Error("recursive use of an object detected which would lead to unsafe aliasing in rust"),
  "a freed object": () => new Error("null pointer passed to rust"),
  "a mistake of the glue": () => new TypeError("arg0.length is undefined"),
  "a bare string": () => "RuntimeError: unreachable",
};

/** A module whose engines trap as armed, and are dead from then on. */
function fragile() {
  const armed = { method: "", fault: (): unknown => undefined, times: 0 };
  const engines: fake.Engine[] = [];
  class Fragile extends fake.Engine {
    static override fromFiles(): Fragile {
      if (armed.method === "load" && armed.times-- > 0)
        throw engineError("fetch_failed", "Offline.");
      let dead = false;
      const engine = new Fragile();
      engines.push(engine);
      return new Proxy(engine, {
        get(target, method) {
          const own = target[method as keyof Fragile];
          if (typeof own !== "function") return own;
          return (...args: never[]) => {
            if (dead) throw new Error("recursive use of an object");
            if (method === armed.method && armed.times > 0) {
              armed.times -= 1;
              dead = true;
              throw armed.fault();
            }
            return (own as (...args: never[]) => unknown).apply(target, args);
          };
        },
      });
    }
  }
  return { module: { ...fake, Engine: Fragile }, armed, engines };
}

async function started() {
  const { module, armed, engines } = fragile();
  const restarts: RestartEvent[] = [];
  const g = await Graftlet.load({
    backbone: "https://graftlet.test/models/",
    worker: () => new FakeWorker(module) as unknown as Worker,
    onRestart: (event) => restarts.push(event),
  });
  await g.addAdapter("taste", TASTE);
  await g.addAdapter("gone", TASTE);
  await g.addAdapter("other", folder({ labels: ["a", "b"], words: { b: { good: 1 } } }));
  await g.removeAdapter("gone");
  await g.use("taste");
  return { g, armed, engines, restarts };
}

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "none",
    (error: unknown) => (error instanceof GraftletError ? error.code : String(error)),
  );

const CALLS: Record<string, (g: Graftlet) => Promise<unknown>> = {
  addAdapter: (g) => g.addAdapter("new", TASTE),
  removeAdapter: (g) => g.removeAdapter("other"),
  adapters: (g) => g.adapters(),
  use: (g) => g.use("other"),
  active: (g) => g.active(),
  beginAnswers: (g) => g.classify("good"),
  beginVectors: (g) => g.embed("good"),
  compose: (g) => g.compose("both", { average: ["taste", "other"] }),
  exportAdapter: (g) => g.exportAdapter("taste", { format: "peft" }),
  exportMerged: (g) => g.exportMerged("taste"),
};

beforeEach(() => {
  FakeWorker.started = [];
  FakeWorker.caches = new FakeCaches();
});

describe("a call that stops the engine", () => {
  const traps = Object.entries(CALLS).flatMap(([method, call]) =>
    Object.entries(FAULTS).map(([kind, fault]) => ({ method, call, kind, fault })),
  );

  it("is tried in at least 40 ways", () => expect(traps.length).toBeGreaterThanOrEqual(40));

  it.each(traps)("$method, by $kind: it alone fails", async ({ method, call, fault }) => {
    const { g, armed, restarts } = await started();
    Object.assign(armed, { method, fault, times: 1 });
    const before = g.kinds();
    const failing = codeOf(call(g));
    // Asked before anything is known of the fault.
    const behind = [g.classify("good"), g.classify("good", { with: "other" }), g.kinds()];
    expect(await failing).toBe("engine_trapped");
    expect(await before).toHaveLength(2);
    const [active, other] = await Promise.all(behind);
    expect(active).toMatchObject({ label: "yes" });
    expect(other).toMatchObject({ label: "b" });
    expect(restarts).toMatchObject([
      { code: "engine_trapped", adapters: ["taste", "other"], lost: [] },
    ]);
    expect(await g.active()).toBe("taste");
    expect((await g.adapters()).map(({ name }) => name)).toEqual(["taste", "other"]);
    // The worker that it ended in is gone.
    expect(FakeWorker.started.map(({ terminated }) => terminated)).toEqual([true, false]);
    await g.dispose();
  });

  it("may come again and again", async () => {
    const { g, armed, restarts } = await started();
    for (let time = 0; time < 10; time += 1) {
      Object.assign(armed, { method: "beginAnswers", fault: FAULTS.panic, times: 1 });
      expect(await codeOf(g.classify("good"))).toBe("engine_trapped");
      expect(await g.classify("good")).toMatchObject({ label: "yes" });
    }
    expect(restarts).toHaveLength(10);
  });

  it("of many texts fails as a whole, and others are answered", async () => {
    const { g, armed } = await started();
    const many = g.classify(new Array(300).fill("good"), { with: "other" });
    Object.assign(armed, { method: "beginAnswers", fault: FAULTS.panic, times: 1 });
    expect(await codeOf(many)).toBe("engine_trapped");
    expect(await g.classify("good")).toMatchObject({ label: "yes" });
  });
});

describe("what is brought back", () => {
  it("is what was composed, kept, used and replaced", async () => {
    const { g, armed, restarts } = await started();
    await g.compose("both", { average: ["taste", "other"] });
    await g.addAdapter("kept", TASTE, { persist: true });
    await g.removeAdapter("kept");
    await g.restore("kept");
    await g.addAdapter("other", TASTE);
    await g.use({ stack: ["taste", { average: ["both", "kept"] }] });
    const active = await g.active();
    const before = await g.adapters();
    Object.assign(armed, { method: "exportMerged", fault: FAULTS.panic, times: 1 });
    expect(await codeOf(g.exportMerged("taste"))).toBe("engine_trapped");
    expect(await g.active()).toEqual(active);
    const names = (infos: { name: string }[]) => infos.map(({ name }) => name).sort();
    expect(names(await g.adapters())).toEqual(names(before));
    expect(restarts[0]?.lost).toEqual([]);
    expect(await g.exportAdapter("other")).toEqual(TASTE);
  });

  it("is not an adapter that was taken away from the active composition", async () => {
    const { g, armed } = await started();
    await g.removeAdapter("taste");
    await g.addAdapter("taste", TASTE);
    Object.assign(armed, { method: "exportMerged", fault: FAULTS.panic, times: 1 });
    expect(await codeOf(g.exportMerged("taste"))).toBe("engine_trapped");
    expect(await g.active()).toBeNull();
  });

  it("is all but an adapter that stops the new engine too", async () => {
    const { g, armed, restarts } = await started();
    Object.assign(armed, { method: "addAdapter", fault: FAULTS.panic, times: 2 });
    expect(await codeOf(g.addAdapter("new", TASTE))).toBe("engine_trapped");
    expect((await g.adapters()).map(({ name }) => name)).toEqual(["other"]);
    expect(restarts).toMatchObject([{ lost: [{ name: "taste", code: "engine_trapped" }, {}] }]);
    expect(await g.active()).toBeNull();
  });

  it("includes a fusion with the adapters that it is of, as they were", async () => {
    const { g, armed, restarts } = await started();
    const config = new TextEncoder().encode("{}");
    await g.addAdapter("mix", { ...TASTE, "adapter_fusion_config.json": config });
    await g.removeAdapter("other");
    await g.addAdapter("taste", folder({ labels: ["new", "newer"] }));
    Object.assign(armed, { method: "exportMerged", fault: FAULTS.panic, times: 1 });
    await codeOf(g.exportMerged("taste"));
    expect((await g.adapters()).map(({ name }) => name).sort()).toEqual(["mix", "taste"]);
    expect((await g.classify("good", { with: "taste" })).problem).toBe("single_label");
    expect((await g.adapters()).find(({ name }) => name === "taste")?.labels).toEqual([
      "new",
      "newer",
    ]);
    expect(restarts).toMatchObject([{ lost: [] }]);
  });
});

describe("a worker that ends by itself", () => {
  it("is replaced, and its calls are answered", async () => {
    const { g, restarts } = await started();
    const waiting = [g.classify("good"), g.adapters(), g.embed(["good"])];
    FakeWorker.started[0]?.crash("out of memory");
    const [answer, adapters] = await Promise.all(waiting);
    expect(answer).toMatchObject({ label: "yes" });
    expect(adapters).toHaveLength(2);
    expect(restarts).toMatchObject([{ code: "worker_failed", lost: [] }]);
  });

  it("twice in the same call rejects that call alone", async () => {
    const { g } = await started();
    const crashing = g.classify("crash");
    const innocent = [g.kinds(), g.classify("good")];
    const failing = codeOf(crashing);
    FakeWorker.started[0]?.crash("killed");
    // Once the second worker is at the first of them, alone.
    while (FakeWorker.started.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
    const second = FakeWorker.started[1] as FakeWorker;
    const post = second.postMessage.bind(second);
    second.postMessage = (message, transfer) => {
      const { method } = message as { method: string };
      if (method === "classify") second.crash("killed");
      else post(message, transfer);
    };
    expect(await failing).toBe("worker_failed");
    expect((await Promise.all(innocent))[1]).toMatchObject({ label: "yes" });
  });

  it("and cannot be replaced rejects what waits, and the next call tries again", async () => {
    const { g, armed } = await started();
    Object.assign(armed, { method: "load", times: 1 });
    const waiting = codeOf(g.classify("good"));
    FakeWorker.started[0]?.crash("killed");
    expect(await waiting).toBe("worker_failed");
    expect(await g.classify("good")).toMatchObject({ label: "yes" });
  });

  it("is not replaced after dispose", async () => {
    const { g } = await started();
    const waiting = codeOf(g.classify("good"));
    FakeWorker.started[0]?.crash("killed");
    await g.dispose();
    expect(await waiting).toBe("disposed");
    expect(await codeOf(g.classify("good"))).toBe("disposed");
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(FakeWorker.started.every(({ terminated }) => terminated)).toBe(true);
  });

  it("tells a listener that throws, and goes on", async () => {
    const { module, armed } = fragile();
    const uncaught: unknown[] = [];
    const keep = (error: unknown) => uncaught.push(error);
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", keep);
    const g = await Graftlet.load({
      backbone: "https://graftlet.test/models/",
      worker: () => new FakeWorker(module) as unknown as Worker,
      onRestart: () => {
        throw new Error("from the listener");
      },
    });
    Object.assign(armed, { method: "adapters", fault: FAULTS.panic, times: 1 });
    expect(await codeOf(g.adapters())).toBe("engine_trapped");
    expect(await g.adapters()).toEqual([]);
    process.removeListener("uncaughtException", keep);
    for (const listener of listeners) process.on("uncaughtException", listener);
    expect(uncaught).toHaveLength(1);
  });
});

describe("an abort", () => {
  it("rejects at once, and what is not begun is not computed", async () => {
    const { g, engines } = await started();
    const texts = new Array(6400).fill("good");
    for (const start of [
      (signal: AbortSignal) => g.classify(texts, { signal }),
      (signal: AbortSignal) => g.classify(texts, { signal, workers: 3 }),
      (signal: AbortSignal) => g.embed(texts, { signal }),
      (signal: AbortSignal) => g.classify("good", { signal }),
    ]) {
      const controller = new AbortController();
      const failing = codeOf(start(controller.signal));
      controller.abort();
      expect(await failing).toBe("aborted");
      expect(await codeOf(start(controller.signal))).toBe("aborted");
    }
    expect(engines.length).toBeGreaterThan(0);
    expect(await g.classify("good")).toMatchObject({ label: "yes" });
  });

  it("ends the download of an adapter, which is not added", async () => {
    let ended = false;
    const network = emptyNetwork();
    const g = await Graftlet.load({
      backbone: "https://graftlet.test/models/",
      worker: () => new FakeWorker(fake, network) as unknown as Worker,
    });
    network.fetch = (_, { signal }) =>
      new Promise<never>((_, reject) => {
        signal?.addEventListener("abort", () => {
          ended = true;
          reject(new DOMException("aborted", "AbortError"));
        });
      });
    const controller = new AbortController();
    const adding = codeOf(g.addAdapter("x", "https://x.test/", { signal: controller.signal }));
    await g.kinds();
    controller.abort();
    expect(await adding).toBe("aborted");
    expect(await g.adapters()).toEqual([]);
    expect(ended).toBe(true);
  });
});

describe("long texts", () => {
  it("are cut before they are sent, and the answer says so", async () => {
    const { g } = await started();
    const sent: number[] = [];
    const worker = FakeWorker.started[0] as FakeWorker;
    const post = worker.postMessage.bind(worker);
    worker.postMessage = (message, transfer) => {
      const { args } = message as { args: (string | { text: string })[][] };
      const first = args[0]?.[0];
      sent.push(typeof first === "string" ? first.length : (first?.text.length ?? 0));
      post(message, transfer);
    };
    const long = "😀".repeat(100_001);
    const answers = await g.classify([`good${long}`, "good"]);
    expect(answers.map(({ truncated }) => truncated)).toEqual([true, false]);
    expect((await g.embed({ text: `good ${long}` }, { details: true })).truncated).toBe(true);
    expect((await g.classify(`good${"😀".repeat(99_996)}`)).truncated).toBe(false);
    expect(Math.max(...sent)).toBeLessThanOrEqual(200_002);
  });

  it("of a call are counted from its first", async () => {
    const { g } = await started();
    const texts = [...new Array(200).fill("good"), " "];
    await expect(g.classify(texts)).rejects.toThrow("Text 201 is empty");
    await expect(g.embed(texts)).rejects.toThrow("Text 201 is empty");
  });
});

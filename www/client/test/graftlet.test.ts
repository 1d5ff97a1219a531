import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { LoadProgress } from "../index.js";
import * as fake from "./fake-engine.js";
import { codeOf, load, ROWS, reset } from "./fake-graftlet.js";
import { emptyNetwork } from "./fake-network.js";
import { FakeWorker } from "./fake-worker.js";

beforeEach(reset);

afterEach(() => {
  vi.restoreAllMocks();
});

describe("load", () => {
  it("tells what it loaded", async () => {
    const g = await load();
    expect(g.backbone).toMatchObject({ hiddenSize: 384, maxTokens: 512 });
  });

  it("reports progress that never falls, has one total and ends at it", async () => {
    const events: LoadProgress[] = [];
    await load({ onProgress: (event) => events.push(event) });
    const counts = events.map(({ loaded }) => loaded);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(new Set(events.map(({ total }) => total)).size).toBe(1);
    expect(events.filter(({ type }) => type === "ready")).toHaveLength(1);
    const last = events.at(-1);
    expect(last?.type).toBe("ready");
    expect(last?.loaded).toBe(last?.total);
  });

  it("passes the engine's code and sentence on and ends the worker", async () => {
    const failure = load({ backbone: "https://graftlet.test/missing/" });
    expect(await codeOf(failure)).toBe("not_found");
    await expect(failure).rejects.toThrow(
      "There is no model at /missing/, neither manifest.json of a converted one",
    );
    expect(FakeWorker.started[0]?.terminated).toBe(true);
  });

  it("rejects with aborted, before and during the download", async () => {
    expect(await codeOf(load({ signal: AbortSignal.abort() }))).toBe("aborted");
    expect(FakeWorker.started).toHaveLength(0);
    const controller = new AbortController();
    const loading = load({ signal: controller.signal });
    controller.abort();
    expect(await codeOf(loading)).toBe("aborted");
    expect(FakeWorker.started[0]?.terminated).toBe(true);
  });

  it("tells which build runs, and trains with the same", async () => {
    const fetched: string[] = [];
    const worker = () => {
      const network = emptyNetwork();
      const watched = {
        ...network,
        fetch: (url: string, init: RequestInit) => {
          if (url.endsWith(".wasm")) fetched.push(url);
          return network.fetch(url, init);
        },
      };
      return new FakeWorker(fake, watched) as unknown as Worker;
    };
    const g = await load({ worker, build: "simd128" });
    expect(g.runtime).toEqual({ build: "simd128", kernels: "fake", version: "0.0.0" });
    for await (const _ of g.train({ name: "shop", kind: "lora" }, ROWS));
    const url = "https://graftlet.test/graftlet_simd128.wasm";
    expect(fetched).toEqual([url, url]);
  });

  it("rejects in a browser without SIMD, before anything is fetched", async () => {
    const start = vi.fn();
    vi.spyOn(WebAssembly, "validate").mockReturnValue(false);
    const worker = () => new FakeWorker({ ...fake, default: start }) as unknown as Worker;
    expect(await codeOf(load({ worker }))).toBe("simd_unsupported");
    expect(start).not.toHaveBeenCalled();
  });

  it("says which file does not start", async () => {
    const module = { ...fake, default: () => Promise.reject(new Error("no memory")) };
    const worker = () => new FakeWorker(module) as unknown as Worker;
    const failure = load({ worker });
    expect(await codeOf(failure)).toBe("worker_failed");
    await expect(failure).rejects.toThrow(/graftlet_(simd128|relaxed)\.wasm/);
  });
});

describe("adapters", () => {
  const files = {
    "adapter_config.json": new TextEncoder().encode(
      JSON.stringify({ labels: ["no", "yes"], words: { yes: { good: 2 } } }),
    ),
  };

  it("are added, used, listed, exported and removed", async () => {
    const g = await load();
    const info = await g.addAdapter("taste", files);
    expect(info).toMatchObject({ name: "taste", labels: ["no", "yes"], format: "peft" });
    await g.use("taste");
    expect(await g.active()).toBe("taste");
    const [answer] = await g.classify(["good"]);
    expect(answer).toMatchObject({ label: "yes", truncated: false });
    expect((await g.adapters()).map(({ name }) => name)).toEqual(["taste"]);
    expect(await g.exportAdapter("taste")).toEqual(files);
    expect(Object.keys(await g.exportMerged("taste"))).toEqual(["model.safetensors"]);
    await g.removeAdapter("taste");
    expect(await codeOf(g.exportMerged("taste"))).toBe("adapter_unknown");
    expect(await codeOf(g.classify(["good"]))).toBe("adapter_not_in_use");
  });

  it("keep the caller's bytes usable", async () => {
    const g = await load();
    await g.addAdapter("taste", files);
    expect(files["adapter_config.json"].byteLength).toBeGreaterThan(0);
  });

  it("answer side by side, pairs too", async () => {
    const g = await load();
    await g.addAdapter("one", files);
    await g.addAdapter("two", files);
    const pair = { text: "good", text2: "bad" };
    const answers = await g.classify(["good", pair], { with: ["one", "two"] });
    expect(answers.map((perText) => perText.length)).toEqual([2, 2]);
  });

  it("are used as compositions, and a new one is made of them", async () => {
    const g = await load();
    await g.addAdapter("one", files);
    await g.addAdapter("two", files);
    const stack = { stack: ["one", { average: [{ adapter: "two", weight: 1 }] }] };
    await g.use(stack);
    expect(await g.active()).toEqual(stack);
    expect(await g.classify(["good"])).toHaveLength(1);
    const answers = await g.classify(["good"], { with: [{ parallel: ["one", "two"] }, "one"] });
    expect(answers).toHaveLength(3);
    expect(await codeOf(g.use({ stack: ["one", "nobody"] }))).toBe("adapter_unknown");
    expect(await codeOf(g.use({ pile: ["one"] } as never))).toBe("composition_invalid");
    expect(await g.active()).toEqual(stack);
    const info = await g.compose("both", { average: ["one", "two"] }, { persist: true });
    expect(info.name).toBe("both");
    expect(await g.saved()).toEqual(["both"]);
    await g.forget("both");
    await g.use(null);
    expect(await g.active()).toBeNull();
  });

  it("are kept, restored and forgotten", async () => {
    const g = await load();
    await g.addAdapter("taste", files, { persist: true });
    expect(await g.saved()).toEqual(["taste"]);
    await g.removeAdapter("taste");
    expect((await g.restore("taste")).labels).toEqual(["no", "yes"]);
    await g.forget("taste");
    expect(await g.saved()).toEqual([]);
    expect(await codeOf(g.restore("taste"))).toBe("adapter_unknown");
  });

  it("answer all the same when they cannot be kept, and can be kept later", async () => {
    const g = await load();
    await g.addAdapter("old", files, { persist: true });
    FakeWorker.caches.fault = (_, kind) => (kind === "put" ? "full" : undefined);
    const added = await g.addAdapter("taste", files, { persist: true });
    expect(added.unkept?.code).toBe("quota_exceeded");
    expect(added.unkept?.message).toMatch(/Unused the longest: “old” \(0\.0 MB, last used on 20/);
    const both = await g.compose("both", { average: ["old", "taste"] }, { persist: true });
    expect(both.unkept?.code).toBe("quota_exceeded");
    await g.use("taste");
    expect(await g.classify(["good"])).toMatchObject([{ label: "yes" }]);
    expect(await g.saved()).toEqual(["old"]);
    expect(await codeOf(g.keep("taste"))).toBe("quota_exceeded");
    FakeWorker.caches.revive();
    await g.keep("taste");
    expect(await g.saved()).toEqual(["old", "taste"]);
  });

  it("of a foreign backbone are refused with the engine's sentence", async () => {
    const g = await load();
    const foreign = {
      "adapter_config.json": new TextEncoder().encode(JSON.stringify({ hidden_size: 768 })),
    };
    expect(await codeOf(g.addAdapter("big", foreign))).toBe("backbone_mismatch");
  });
});

describe("long texts and pairs", () => {
  const folder = (config: object) => ({
    "adapter_config.json": new TextEncoder().encode(JSON.stringify(config)),
  });

  it("are read in windows, or cut where that is asked for, on every way", async () => {
    const g = await load();
    await g.addAdapter("taste", folder({ labels: ["no", "yes"] }));
    await g.use("taste");
    const texts = ["good", "good ".repeat(1200)];
    const read = { windows: 3, truncated: false, tokens: 1202 };
    const cut = { windows: 1, truncated: true, tokens: 512 };
    const short = { windows: 1, truncated: false, tokens: 3 };
    expect(await g.classify(texts)).toMatchObject([short, read]);
    expect(await g.classify(texts, { truncate: true })).toMatchObject([short, cut]);
    expect(await g.classify(texts, { with: ["taste"], truncate: true })).toMatchObject([
      [short, cut],
    ]);
    expect(await g.embed(texts, { details: true })).toMatchObject([short, read]);
    expect(await g.embed(texts, { details: true, truncate: true })).toMatchObject([short, cut]);
  });

  it("must be what the adapter takes", async () => {
    const g = await load();
    const both = await g.addAdapter("alike", folder({ pair: true }));
    const one = await g.addAdapter("single", folder({ pair: false }));
    const unknown = await g.addAdapter("unknown", folder({}));
    expect([both.pair, one.pair, unknown.pair]).toEqual([true, false, undefined]);
    expect(await codeOf(g.classify("a", { with: "alike" }))).toBe("text2_missing");
    expect(await codeOf(g.classify({ text: "a", text2: "b" }, { with: "single" }))).toBe(
      "text2_unexpected",
    );
    const accepted = await g.classify(["a", { text: "a", text2: "b" }], { with: "unknown" });
    expect(accepted).toHaveLength(2);
  });
});

describe("embed", () => {
  it("gives one vector a text", async () => {
    const g = await load();
    const vectors = await g.embed(["a", "b"]);
    expect(vectors.map((vector) => vector.length)).toEqual([384, 384]);
  });
});

describe("the worker's end", () => {
  it("rejects what waits and what comes after dispose", async () => {
    const g = await load();
    const run = g.train({ name: "shop", kind: "lora" }, ROWS);
    await run.next();
    const waiting = g.kinds();
    await g.dispose();
    expect(await codeOf(waiting)).toBe("disposed");
    expect(await codeOf(g.adapters())).toBe("disposed");
    expect(FakeWorker.started.every(({ terminated }) => terminated)).toBe(true);
  });
});

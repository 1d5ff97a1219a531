/** Long texts: a call tells how far it is, stops where nobody waits for it, and lets shorter ones pass. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Graftlet, GraftletError, type ManyProgress } from "../index.js";
import { FakeCaches } from "./fake-caches.js";
import { FakeReading } from "./fake-engine.js";
import { FakeWorker } from "./fake-worker.js";

const FILES = {
  "adapter_config.json": new TextEncoder().encode(
    JSON.stringify({ labels: ["no", "yes"], words: { yes: { good: 2 } } }),
  ),
};
/** Forty windows of the double. */
const LONG = "good ".repeat(20_000);

async function ready(): Promise<Graftlet> {
  const worker = () => new FakeWorker() as unknown as Worker;
  const g = await Graftlet.load({ backbone: "https://graftlet.test/models/", worker });
  await g.addAdapter("one", FILES);
  await g.use("one");
  return g;
}

type Options = { signal?: AbortSignal; onProgress?: (at: ManyProgress) => void };
const CALLS: Record<string, (g: Graftlet, options: Options) => Promise<unknown>> = {
  "classify of one text": (g, options) => g.classify(LONG, options),
  "classify of a pair": (g, options) => g.classify({ text: LONG, text2: "good" }, options),
  "classify of several": (g, options) => g.classify(["good", LONG, LONG], options),
  "classify with several": (g, options) => g.classify(LONG, { ...options, with: ["one", "one"] }),
  "embed of one text": (g, options) => g.embed(LONG, options),
  "embed of several": (g, options) => g.embed(["good", LONG, LONG], options),
};

const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "none",
    (error: unknown) => (error instanceof GraftletError ? error.code : String(error)),
  );

beforeEach(() => {
  FakeWorker.started = [];
  FakeWorker.caches = new FakeCaches();
  FakeReading.begun.length = 0;
});
afterEach(() => {
  FakeReading.windowMs = 0;
});

describe.each(Object.entries(CALLS))("%s", (_, call) => {
  it("tells how far it is, within a text as well", async () => {
    const g = await ready();
    const told: ManyProgress[] = [];
    await call(g, { onProgress: (at) => told.push(at) });
    const shares = told.map(({ share }) => share);
    expect(shares.length).toBeGreaterThan(20);
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(told.at(-1)).toMatchObject({ share: 1, done: told[0]?.total });
    expect(FakeReading.begun.every(({ freed }) => freed)).toBe(true);
    await g.dispose();
  });

  it("stops the engine where it is aborted", async () => {
    const g = await ready();
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    expect(await codeOf(call(g, { signal: controller.signal, onProgress }))).toBe("aborted");
    // The next call is answered, by an engine that does not go on with the first one.
    expect(await g.classify("good")).toMatchObject({ label: "yes" });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const [first] = FakeReading.begun;
    const computed = first?.computed ?? 0;
    expect(computed).toBeLessThan(20);
    expect(first?.freed).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(first?.computed).toBe(computed);
    await g.dispose();
  });
});

describe("a long call", () => {
  it("lets a shorter one pass, and what is loaded or removed meanwhile changes nothing about it", async () => {
    FakeReading.windowMs = 2;
    const g = await ready();
    const order: string[] = [];
    const long = g.classify(LONG).then((answer) => order.push(`long ${answer.problem}`));
    await g.classify("good").then(() => order.push("short"));
    await g.removeAdapter("one");
    await long;
    expect(order).toEqual(["short", "long single_label"]);
    await g.dispose();
  });

  it("that fails leaves nothing behind", async () => {
    const g = await ready();
    expect(await codeOf(g.classify(["good", " "]))).toBe("text_empty");
    expect(await g.classify("good")).toMatchObject({ label: "yes" });
    await g.dispose();
  });
});

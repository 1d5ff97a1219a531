/** Workers that compute a text together: what they tell each other, and what happens when one of them fails. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Graftlet } from "../index.js";
import { Links } from "../split.js";
import { PATIENCE } from "../team.js";
import { workersTogether } from "../workers.js";
import { FakeCaches } from "./fake-caches.js";
import * as fake from "./fake-engine.js";
import { FakeWorker } from "./fake-worker.js";

const { FakeReading } = fake;
const FILES = {
  "adapter_config.json": new TextEncoder().encode(
    JSON.stringify({ labels: ["no", "yes"], words: { yes: { money: 2 } } }),
  ),
};
/** Of several windows. */
const LONG = "money ".repeat(2000);

const loaded: Graftlet[] = [];

async function load(
  workers: number | "auto",
  adapter = true,
  module: ConstructorParameters<typeof FakeWorker>[0] = fake,
): Promise<Graftlet> {
  const worker = () => new FakeWorker(module) as unknown as Worker;
  const g = await Graftlet.load({ backbone: "https://graftlet.test/models/", worker, workers });
  loaded.push(g);
  if (!adapter) return g;
  await g.addAdapter("m", FILES);
  await g.use("m");
  return g;
}

beforeEach(() => {
  FakeWorker.started = [];
  FakeWorker.caches = new FakeCaches();
  FakeReading.begun.length = 0;
  FakeReading.tokens = 100;
  FakeReading.onAdvance = undefined;
  Object.assign(PATIENCE, { times: 20, atLeastMs: 3000, answerMs: 1000 });
});
afterEach(async () => {
  FakeReading.onAdvance = undefined;
  for (const g of loaded.splice(0)) await g.dispose();
  vi.unstubAllGlobals();
});

/** The places of the readings that were begun, the first worker's first, and how many steps it computed alone. */
const shape = () => ({
  readings: FakeReading.begun.length,
  places: FakeReading.begun.map(({ places }) => places),
  alone: FakeReading.begun[0]?.alone,
  freed: FakeReading.begun.every(({ freed }) => freed),
});

describe("a text in several workers", () => {
  it.each([1, 2, 3, 4])("is answered as in one, of %i", async (workers) => {
    const one = await (await load(1)).classify(LONG);
    const g = await load(workers);
    expect(await g.workers()).toBe(workers);
    FakeReading.begun.length = 0;
    expect(await g.classify(LONG)).toEqual(one);
    await vi.waitFor(() => expect(shape().freed).toBe(true));
    expect(shape()).toMatchObject({
      readings: workers,
      places: Array(workers).fill(workers),
    });
    if (workers > 1) expect(shape().alone).toBe(0);
    const vectors = await g.embed([LONG, "x"], { with: "m" });
    expect(vectors).toHaveLength(2);
  });

  it("takes as many workers as it has tokens for", async () => {
    const g = await load(4);
    await g.workers();
    for (const [tokens, places] of [
      [3, 1],
      [15, 1],
      [16, 2],
      [31, 3],
      [400, 4],
    ] as const) {
      FakeReading.tokens = tokens;
      FakeReading.begun.length = 0;
      await g.classify("money");
      expect(FakeReading.begun[0]?.places, `${tokens} tokens`).toBe(places);
    }
  });

  it("reads with adapters that came before and after its workers", async () => {
    const g = await load(3);
    await g.workers();
    await g.addAdapter("late", FILES);
    await g.compose("both", { average: ["m", "late"] });
    expect(await g.classify(LONG, { with: ["late", "both", "m"] })).toHaveLength(3);
    await g.removeAdapter("late");
    await g.addAdapter("late", FILES);
    await g.use("late");
    FakeReading.begun.length = 0;
    await g.classify([LONG, "money"]);
    expect(shape().places).toEqual([3, 3, 3]);
    expect(await g.workers()).toBe(3);
  });

  it("keeps calls that are under way together apart", async () => {
    const g = await load(3);
    await g.workers();
    FakeReading.windowMs = 1;
    const calls = Array.from({ length: 6 }, (_, i) => g.classify(`${LONG} ${i}`));
    const answers = await Promise.all(calls);
    FakeReading.windowMs = 0;
    expect(answers).toHaveLength(6);
    expect(FakeReading.begun.every(({ places, alone }) => places === 3 && alone === 0)).toBe(true);
  });

  it("rejects with what one worker would", async () => {
    const g = await load(2, false);
    await g.workers();
    await expect(g.classify(LONG)).rejects.toMatchObject({ code: "adapter_not_in_use" });
    await expect(g.classify(LONG, { with: "nobody" })).rejects.toMatchObject({
      code: "adapter_unknown",
    });
    expect(await g.workers()).toBe(2);
  });

  it("is given up in all of them when the call is", async () => {
    const g = await load(2);
    await g.workers();
    const controller = new AbortController();
    FakeReading.begun.length = 0;
    const { signal } = controller;
    const onProgress = () => controller.abort();
    await expect(g.classify(LONG, { signal, onProgress })).rejects.toMatchObject({
      code: "aborted",
    });
    await vi.waitFor(() => expect(shape()).toMatchObject({ readings: 2, freed: true }));
    FakeReading.begun.length = 0;
    await g.classify(LONG);
    expect(shape().places).toEqual([2, 2]);
  });
});

describe("a worker that fails", () => {
  /** Does it once, to the part at this place. */
  const once = (at: number, fail: () => void) => {
    FakeReading.onAdvance = (_, place) => {
      if (place !== at) return;
      FakeReading.onAdvance = undefined;
      fail();
    };
  };

  it.each([
    ["by an error", () => fake.engineError("internal", "It broke.")],
    ["by a trap", () => new WebAssembly.RuntimeError("unreachable")],
  ])("%s costs a repeat, and is replaced", async (_, error) => {
    const g = await load(3);
    await g.workers();
    const expected = await (await load(1)).classify(LONG);
    FakeReading.begun.length = 0;
    once(2, () => {
      throw error();
    });
    expect(await g.classify(LONG)).toEqual(expected);
    expect(FakeReading.begun[0]?.alone).toBeGreaterThan(0);
    await vi.waitFor(async () => expect(await g.workers()).toBe(3));
    FakeReading.begun.length = 0;
    await g.classify(LONG);
    expect(shape()).toMatchObject({ places: [3, 3, 3], alone: 0 });
  });

  it.each([
    [2, "and answers nothing", 3],
    [3, "and answers nothing", 4],
    [3, "but answers otherwise", 5],
  ])("without a word costs a repeat, of %i, %s", async (workers, how, started) => {
    Object.assign(PATIENCE, { times: 0, atLeastMs: 50, answerMs: 50 });
    const readers = new Map<unknown, Mute>();
    class Mute extends fake.Engine {
      isMute = false;
      static override fromFiles = () => new Mute();
      override beginAnswers(...args: Parameters<fake.Engine["beginAnswers"]>) {
        const reading = super.beginAnswers(...args);
        readers.set(reading, this);
        return reading;
      }
      override active() {
        // No answer to the question whether it still lives.
        return this.isMute ? (new Promise(() => {}) as never) : super.active();
      }
    }
    const g = await load(workers, true, { ...fake, Engine: Mute });
    await g.workers();
    const expected = await (await load(1)).classify(LONG);
    FakeReading.begun.length = 0;
    FakeWorker.started.length = 0;
    FakeReading.onAdvance = (reading, place) => {
      if (place !== 1) return;
      FakeReading.onAdvance = undefined;
      reading.isStuck = true;
      const reader = readers.get(reading);
      if (reader && how === "and answers nothing") reader.isMute = true;
    };
    expect(await g.classify(LONG)).toEqual(expected);
    expect(FakeReading.begun[0]?.alone).toBeGreaterThan(0);
    await vi.waitFor(async () => expect(await g.workers()).toBe(workers));
    // Of those that still answer, one is at fault: all are replaced.
    expect(FakeWorker.started).toHaveLength(started - workers);
    FakeReading.begun.length = 0;
    expect(await g.classify(LONG)).toEqual(expected);
    expect(shape()).toMatchObject({ places: Array(workers).fill(workers), alone: 0 });
  });

  it("is not replaced for ever", async () => {
    const g = await load(2);
    await g.workers();
    FakeReading.onAdvance = (_, place) => {
      if (place === 1) throw fake.engineError("internal", "It breaks always.");
    };
    for (let call = 0; call < 6; call += 1) {
      await g.workers();
      await g.classify(LONG);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await g.workers()).toBe(1);
    expect(FakeWorker.started.filter(({ terminated }) => !terminated)).toHaveLength(1);
    // the main one, and three tries
    expect(FakeWorker.started).toHaveLength(4);
  });

  it("and has the answers is replaced with all the others", async () => {
    const g = await load(2);
    await g.workers();
    const [main] = FakeWorker.started;
    main?.crash("no memory");
    expect(await g.classify(LONG)).toBeDefined();
    expect(await g.workers()).toBe(2);
    FakeReading.begun.length = 0;
    await g.classify(LONG);
    expect(shape()).toMatchObject({ places: [2, 2], alone: 0 });
    expect(FakeWorker.started.filter(({ terminated }) => !terminated)).toHaveLength(2);
  });

  it("to start is done without", async () => {
    let count = 0;
    const worker = () => {
      count += 1;
      const module =
        count === 2 ? { ...fake, default: () => Promise.reject(new Error("no")) } : fake;
      return new FakeWorker(module as never) as unknown as Worker;
    };
    const backbone = "https://graftlet.test/models/";
    const g = await Graftlet.load({ backbone, worker, workers: 3 });
    loaded.push(g);
    expect(await g.workers()).toBe(2);
    expect((await g.embed([LONG])).length).toBe(1);
  });
});

it("of another version of the backbone is not taken", async () => {
  let count = 0;
  class Newer extends fake.Engine {
    static override fromFiles = () => new Newer();
    override backbone() {
      return { ...super.backbone(), fingerprint: "another" };
    }
  }
  const worker = () => {
    count += 1;
    const module = count === 2 ? { ...fake, Engine: Newer } : fake;
    return new FakeWorker(module) as unknown as Worker;
  };
  const backbone = "https://graftlet.test/models/";
  const g = await Graftlet.load({ backbone, worker, workers: 3 });
  loaded.push(g);
  expect(await g.workers()).toBe(2);
});

describe("the number of workers", () => {
  const machine = (hardwareConcurrency: number, deviceMemory?: number) =>
    vi.stubGlobal("navigator", { hardwareConcurrency, deviceMemory });

  it("is what helps, at most four, and one where memory is short", () => {
    for (const [cores, workers] of [
      [1, 1],
      [2, 2],
      [3, 2],
      [4, 2],
      [6, 3],
      [8, 4],
      [64, 4],
    ] as const) {
      machine(cores);
      expect(workersTogether(), `${cores} cores`).toBe(workers);
      machine(cores, 8);
      expect(workersTogether("auto")).toBe(workers);
      machine(cores, 2);
      expect(workersTogether()).toBe(1);
      expect(workersTogether(3)).toBe(3);
      machine(cores);
      expect(workersTogether("auto", false)).toBe(1);
    }
  });

  it.each([0, -1, 1.5, 17, Number.NaN])("is refused as %s", async (workers) => {
    await expect(load(workers)).rejects.toMatchObject({ code: "option_invalid" });
  });

  it("is one until the first text is answered, unless it is given", async () => {
    machine(8);
    vi.stubGlobal("caches", { open: () => Promise.reject(new Error("denied")) });
    const g = await load("auto");
    expect(FakeWorker.started).toHaveLength(1);
    await g.classify("money");
    await vi.waitFor(() => expect(FakeWorker.started).toHaveLength(4));
    expect(await g.workers()).toBe(4);
    const started = FakeWorker.started.length;
    await load(2);
    await vi.waitFor(() => expect(FakeWorker.started).toHaveLength(started + 2));
  });
});

describe("parcels", () => {
  it("that come before a pass is begun are kept, and those that come after its end are not", async () => {
    const { port1, port2 } = new MessageChannel();
    const [here, there] = [new Links(), new Links()];
    here.add(7, port1);
    there.add(0, port2);
    const pass = { id: 1, members: [0, 7], place: 0 };
    there.send(0, { pass: 1, rows: Float32Array.of(5) });
    await new Promise((resolve) => setTimeout(resolve, 20));
    const inbox = here.open(pass);
    expect(await inbox.next()).toEqual([[1, Float32Array.of(5)]]);
    here.close(pass);
    there.send(0, { pass: 1, rows: Float32Array.of(6) });
    there.send(0, { pass: 2, rows: Float32Array.of(7) });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await here.open({ ...pass, id: 2 }).next()).toEqual([[1, Float32Array.of(7)]]);
    const empty = here.open({ ...pass, id: 1 });
    const nothing = empty.next();
    empty.wake();
    expect(await nothing).toEqual([]);
    for (const links of [here, there]) for (const member of [0, 7]) links.remove(member);
  });
});

/**
 * One text over several workers, in a real browser: the same bits as of one, and an answer all the same when a worker ends
 * in the middle.
 */
import { expect, type Page, test } from "@playwright/test";
import type * as Package from "../../www/client/index.js";
import { home } from "./package.js";

interface Scope {
  one: Package.Graftlet;
  two: Package.Graftlet;
  /** Those of `two`, in the order of their start. */
  started: Worker[];
}

/** An engine of one worker, and one of as many as are given. */
async function load(page: Page, workers: number): Promise<void> {
  await page.goto(home);
  await page.evaluate(async (workers) => {
    const path = "/pkg/index.js";
    const { Graftlet } = (await import(path)) as typeof Package;
    const backbone = "/models/minilm-l6/";
    const started: Worker[] = [];
    const worker = () => {
      const one = new Worker("/pkg/worker.js", { type: "module" });
      started.push(one);
      return one;
    };
    const one = await Graftlet.load({ backbone, workers: 1 });
    const two = await Graftlet.load({ backbone, workers, worker });
    Object.assign(window, { one, two, started });
  }, workers);
}

for (const workers of [2, 3]) {
  test(`${workers} workers give the bits of one`, { tag: "@core" }, async ({ page }) => {
    await load(page, workers);
    const result = await page.evaluate(async () => {
      const { one, two } = window as unknown as Scope;
      const count = await two.workers();
      const words = "the parcel that was promised for tuesday came a week late and torn ".split(
        " ",
      );
      const text = (tokens: number) =>
        Array.from({ length: tokens }, (_, i) => words[(i * 7) % words.length]).join(" ");
      const single = [1, 7, 14, 15, 30, 126, 500].map(text);
      const inputs: Package.Text[][] = [
        ...single.map((one) => [one]),
        // Windows of a long text, and a batch whose sequences are cut anywhere.
        [text(600)],
        [8, 30, 2, 120, 33].map(text),
        Array.from({ length: 24 }, (_, i) => text(3 + (i % 40))),
      ];
      const differing: string[] = [];
      const compare = (what: string, a: unknown, b: unknown) => {
        const plain = (value: unknown) =>
          JSON.stringify(value, (key, value) =>
            key === "ms" ? 0 : value instanceof Float32Array ? [...value] : value,
          );
        if (plain(a) !== plain(b)) differing.push(what);
      };
      for (const input of inputs) {
        const what = `vectors of ${input.length}, ${String(input[0]).length} letters`;
        compare(what, await one.embed(input), await two.embed(input));
      }
      const names = ["sst2", "goemotions", "banking77", "sms_spam"];
      for (const name of names) {
        // Some before the workers of `two` are there, and some after that.
        await one.addAdapter(name, `/adapters/${name}/`);
        await two.addAdapter(name, `/adapters/${name}/`);
      }
      for (const input of inputs) {
        const what = `answers to ${input.length}, ${String(input[0]).length} letters`;
        const by = { with: names };
        compare(what, await one.classify(input, by), await two.classify(input, by));
      }
      const composed = {
        with: [{ average: ["sst2", "goemotions"], head: "sst2" }, { parallel: names }],
      };
      const [first = []] = inputs.slice(4);
      compare(
        "a composition",
        await one.classify(first, composed),
        await two.classify(first, composed),
      );
      return { count, differing };
    });
    expect(result).toEqual({ count: workers, differing: [] });
  });
}

test("a worker that ends in the middle of a text costs a repeat", { tag: "@core" }, async ({
  page,
}) => {
  await load(page, 2);
  const result = await page.evaluate(async () => {
    const { one, two, started } = window as unknown as Scope;
    await two.workers();
    const text = "the parcel came late and torn ".repeat(400);
    const expected = JSON.stringify(await one.embed(text));
    let ended = 0;
    const onProgress = ({ share }: Package.ManyProgress) => {
      if (ended > 0 || share < 0.3) return;
      // No event tells of this: the other worker finds out by itself.
      ended = share;
      started[1]?.terminate();
    };
    const same = JSON.stringify(await two.embed(text, { onProgress })) === expected;
    while ((await two.workers()) < 2) await new Promise((resolve) => setTimeout(resolve, 100));
    const again = JSON.stringify(await two.embed(text)) === expected;
    return { same, again, isEnded: ended > 0 && ended < 1, started: started.length };
  });
  expect(result).toEqual({ same: true, again: true, isEnded: true, started: 3 });
});

test("the worker with the answers ends in the middle of a text", async ({ page }) => {
  await load(page, 2);
  const result = await page.evaluate(async () => {
    const { one, two, started } = window as unknown as Scope;
    await two.workers();
    await two.addAdapter("sst2", "/adapters/sst2/");
    await one.addAdapter("sst2", "/adapters/sst2/");
    const text = "the parcel came late and torn ".repeat(400);
    const by = { with: "sst2" } as const;
    const expected = (await one.classify(text, by)).logits;
    let ended = false;
    const onProgress = () => {
      if (ended) return;
      ended = true;
      // As a browser tells of a worker that it ended.
      started[0]?.dispatchEvent(new ErrorEvent("error", { message: "out of memory" }));
    };
    const { logits } = await two.classify(text, { ...by, onProgress });
    return { logits, expected, workers: await two.workers() };
  });
  expect(result.logits).toEqual(result.expected);
  expect(result.workers).toBe(2);
});

/**
 * One adapter as a function.
 */
import { beforeEach, describe, expect, it } from "vitest";
import { classifier, GraftletError } from "../index.js";
import { FakeWorker } from "./fake-worker.js";

const FILES = {
  "adapter_config.json": new TextEncoder().encode(
    JSON.stringify({ labels: ["no", "yes"], words: { yes: { good: 2 } } }),
  ),
};
const OPTIONS = {
  backbone: "https://graftlet.test/models/",
  worker: () => new FakeWorker() as unknown as Worker,
};

beforeEach(() => {
  FakeWorker.started = [];
});

describe("classifier", () => {
  it("gives labels with scores, of one text and of many", async () => {
    const taste = await classifier(FILES, OPTIONS);
    const [best, ...rest] = await taste("good");
    expect(best).toMatchObject({ label: "yes" });
    expect(best?.score).toBeGreaterThan(0.8);
    expect(rest).toEqual([]);
    expect((await taste(["good", { text: "bad" }])).map((labels) => labels.length)).toEqual([1, 1]);
    const all = await classifier(FILES, { ...OPTIONS, topK: Number.POSITIVE_INFINITY });
    expect((await all("good")).map(({ label }) => label)).toEqual(["yes", "no"]);
    await taste.dispose();
    await all.dispose();
  });

  it("shares an engine, which ends with the last", async () => {
    const one = await classifier(FILES, OPTIONS);
    const two = await classifier(FILES, OPTIONS);
    expect(one.graftlet).toBe(two.graftlet);
    expect(one.adapter.name).not.toBe(two.adapter.name);
    await one.dispose();
    await one.dispose();
    expect(await two("good")).toMatchObject([{ label: "yes" }]);
    expect(FakeWorker.started.map(({ terminated }) => terminated)).toEqual([false]);
    await two.dispose();
    expect(FakeWorker.started.map(({ terminated }) => terminated)).toEqual([true]);
  });

  it("that cannot be loaded leaves nothing behind", async () => {
    await expect(classifier({}, OPTIONS)).rejects.toBeInstanceOf(GraftletError);
    const missing = { ...OPTIONS, backbone: "https://graftlet.test/missing/" };
    await expect(classifier(FILES, missing)).rejects.toMatchObject({ code: "not_found" });
    expect(FakeWorker.started.every(({ terminated }) => terminated)).toBe(true);
    await expect(classifier("no base", {})).rejects.toMatchObject({ code: "option_invalid" });
  });
});

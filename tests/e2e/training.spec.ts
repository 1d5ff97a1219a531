/**
 * Training runs of the npm package in real workers: shared, paused, cancelled, and gone on with after the page was
 * closed in the middle.
 */
import { type BrowserContext, expect, type Page, test } from "@playwright/test";
import type * as Package from "../../www/client/index.js";

const home = `http://127.0.0.1:${process.env.GRAFTLET_E2E_PACKAGE_PORT}/`;

interface Scope {
  g: Package.Graftlet;
  events: Package.TrainEvent[];
  run: Package.TrainRun;
  /** Names and bytes of an adapter's files. */
  bytes(files: Package.AdapterFiles): [string, number[]][];
}

const SUBJECTS = ["parcel", "invoice", "refund", "order", "letter", "ticket", "bill", "cheque"];
const ROWS: Package.Row[] = SUBJECTS.flatMap((subject) => [
  { text: `Where is my ${subject}?`, label: "question" },
  { text: `Send me the ${subject} now.`, label: "request" },
  { text: `Thank you for the ${subject}!`, label: "thanks" },
]);
const OPTIONS: Package.TrainOptions = { name: "mine", kind: "lora", epochs: 4, batchSize: 4 };

async function open(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto(home);
  await page.evaluate(async () => {
    const path = "/pkg/index.js";
    const { Graftlet } = (await import(path)) as typeof Package;
    const g = await Graftlet.load({ backbone: "/models/minilm-l6" });
    const bytes = (files: Package.AdapterFiles) =>
      Object.entries(files).map(([name, content]) => [name, [...content]] as [string, number[]]);
    Object.assign(window, { g, bytes, events: [] });
  });
  return page;
}

/** Trains to the end; the adapter's files and the events. */
function trained(page: Page, options: Package.TrainOptions, rows: readonly Package.Row[] = ROWS) {
  return page.evaluate(
    async ([options, rows]) => {
      const { g, bytes } = window as unknown as Scope;
      const events: Package.TrainEvent[] = [];
      for await (const event of g.train(options, rows, { persist: false })) events.push(event);
      const files = bytes(await g.exportAdapter(options.name));
      await g.removeAdapter(options.name);
      return { files, events };
    },
    [options, rows] as const,
  );
}

/** Starts a run without waiting for it; its events are collected. */
function start(page: Page, options: Package.TrainOptions): Promise<void> {
  return page.evaluate(
    ([options, rows]) => {
      const scope = window as unknown as Scope;
      scope.run = scope.g.train(options, rows);
      void (async () => {
        for await (const event of scope.run) scope.events.push(event);
      })();
    },
    [options, ROWS] as const,
  );
}

function seen(page: Page, type: Package.TrainEvent["type"]) {
  return page.waitForFunction(
    (type) => (window as unknown as Scope).events.some((event) => event.type === type),
    type,
  );
}

for (const workers of [1, 2]) {
  test(`goes on after the page was closed, to the same bytes, with ${workers} worker(s)`, async ({
    context,
  }) => {
    const options = { ...OPTIONS, workers };
    const first = await open(context);
    const unbroken = await trained(first, options);
    expect(unbroken.events.at(-1)).toMatchObject({ type: "done", workers });

    await start(first, options);
    await seen(first, "eval");
    await first.close();

    const page = await open(context);
    const { found, events, files, left } = await page.evaluate(async () => {
      const { g, bytes } = window as unknown as Scope;
      const found = await g.interrupted();
      const events: Package.TrainEvent[] = [];
      for await (const event of g.continueTraining("mine")) events.push(event);
      const files = bytes(await g.exportAdapter("mine"));
      return { found, events, files, left: await g.interrupted(), saved: await g.saved() };
    });
    // So few rows are learnt from twice: without those that are held out, and all of them.
    const epochs = 8;
    expect(found).toMatchObject([{ name: "mine", kind: "lora", rows: ROWS.length, epochs }]);
    expect(found[0]?.epoch).toBeGreaterThanOrEqual(1);
    const steps = (events: Package.TrainEvent[]) => events.filter(({ type }) => type === "step");
    expect(steps(events).length).toBeLessThan(steps(unbroken.events).length);
    expect(files).toEqual(unbroken.files);
    const reports = [events.at(-1), unbroken.events.at(-1)].map((event) => {
      if (event?.type !== "done") throw new Error("the run did not end");
      return event.report;
    });
    expect(reports[0]).toEqual(reports[1]);
    expect(left).toEqual([]);
  });
}

test("two workers come to what one comes to", async ({ context }) => {
  const page = await open(context);
  const losses = async (workers: number) => {
    const { events } = await trained(page, { ...OPTIONS, batchSize: 8, workers });
    expect(events.filter(({ type }) => type === "notice")).toEqual([]);
    return events.flatMap((event) => (event.type === "step" ? [event.loss] : []));
  };
  const [one, two] = [await losses(1), await losses(2)];
  expect(two).toHaveLength(one.length);
  // The first step differs by the order of sums alone. Parameters that differ in their last bits then round some
  // activations and gradients to others of 12 bits, which moves the loss of a few rows more than that of many.
  expect(two[0]).toBeCloseTo(one[0] as number, 6);
  for (const [step, loss] of two.entries()) {
    expect(Math.abs(loss - (one[step] as number))).toBeLessThan(0.003);
  }
});

test("pauses, goes on, and is cancelled without a trace", async ({ context }) => {
  const page = await open(context);
  await start(page, { ...OPTIONS, epochs: 200, patience: 200 });
  await seen(page, "step");
  const counts = await page.evaluate(async () => {
    const { run, events, g } = window as unknown as Scope;
    const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
    await run.pause();
    await wait(50);
    const paused = events.length;
    await wait(700);
    const still = events.length;
    await run.resume();
    while (events.length < still + 3) await wait(20);
    await run.cancel();
    return { paused, still, left: await g.interrupted(), adapters: await g.adapters() };
  });
  expect(counts.still).toBe(counts.paused);
  expect([counts.left, counts.adapters]).toEqual([[], []]);
});

test("every problem is trained, reported and answered", async ({ context }) => {
  const page = await open(context);
  const result = await page.evaluate(async () => {
    const { g } = window as unknown as Scope;
    const answer = async (
      options: Partial<Package.TrainOptions>,
      rows: readonly (Package.Row | Package.TaggedRow)[],
      text: string,
    ) => {
      const all = { name: "p", kind: "lora", epochs: 12, ...options };
      let report: Package.TrainReport | undefined;
      for await (const event of g.train(all, rows, { persist: false }))
        if (event.type === "done") report = event.report;
      await g.use("p");
      const [given] = await g.classify([text]);
      return { report, given };
    };
    const places = ["Rome", "Paris", "Oslo", "Berlin", "Madrid", "Vienna", "Cairo", "Lima"];
    const fine = ["fine", "good", "lovely", "great", "nice", "splendid", "perfect", "brilliant"];
    return {
      several: await answer(
        { problem: "multi_label" },
        fine.flatMap((word) => [
          { text: `The food was ${word}.`, label: "food" },
          { text: `The room was ${word}.`, label: "room" },
          { text: `Food and room were ${word}.`, label: "food|room" },
        ]),
        "The food was fresh.",
      ),
      number: await answer(
        { problem: "regression" },
        fine.flatMap((word) => [
          { text: `It was ${word}.`, label: "5" },
          { text: `It was not ${word} at all, it was bad.`, label: "1" },
        ]),
        "It was wonderful.",
      ),
      spans: await answer(
        { problem: "token_classification", epochs: 25 },
        places.map((place, i) => ({
          words: [...(i % 2 ? ["👋"] : []), "We", "went", "to", place, "yesterday"].map((text) => ({
            text,
            tag: text === place ? "B-place" : "O",
          })),
        })),
        "👋 We went to London yesterday",
      ),
    };
  });
  expect(result.several.given).toMatchObject({ problem: "multi_label" });
  expect(result.several.report?.evaluation.perLabel.map(({ label }) => label)).toEqual([
    "food",
    "room",
  ]);
  expect(result.number.given).toMatchObject({ problem: "regression" });
  expect(result.number.report?.metric).toBe("spearman");
  const { given } = result.spans;
  if (given?.problem !== "token_classification") throw new Error("no spans");
  const words = given.spans.map(({ start, end }) =>
    "👋 We went to London yesterday".slice(start, end),
  );
  expect(words).toEqual(["London"]);
});

test("kinds are compared, and one of them is suggested", async ({ context }) => {
  const page = await open(context);
  const { suggestion, done } = await page.evaluate(async (rows) => {
    const { g } = window as unknown as Scope;
    const done: number[] = [];
    const onProgress = (event: Package.SuggestEvent) => done.push(event.done);
    return { suggestion: await g.suggest(rows, { epochs: 2 }, { onProgress }), done };
  }, ROWS);
  const kinds = suggestion.candidates.map(({ kind }) => kind);
  expect(kinds).toEqual(["head", "lora", "pfeiffer"]);
  expect(kinds).toContain(suggestion.choice);
  expect(suggestion.candidates.every(({ scores }) => scores.length === 5)).toBe(true);
  expect(done).toEqual(done.toSorted((a, b) => a - b));
});

test("many texts are classified by two workers as by one", async ({ context }) => {
  const page = await open(context);
  const { one, two, progress } = await page.evaluate(async () => {
    const { g } = window as unknown as Scope;
    await g.addAdapter("question", "/adapters/trec/");
    await g.use("question");
    const texts = Array.from({ length: 400 }, (_, i) => `Who was number ${i} of the ${i % 7} ?`);
    const progress: Package.ManyProgress[] = [];
    const two = await g.classify(texts, { workers: 2, onProgress: (at) => progress.push(at) });
    return { one: await g.classify(texts), two, progress };
  });
  const logits = (answers: Package.Answer[]) => answers.map((answer) => answer.logits);
  expect(logits(two)).toEqual(logits(one));
  expect(progress.at(-1)).toMatchObject({ done: 400, total: 400 });
  const done = progress.map((at) => at.done);
  expect(done).toEqual(done.toSorted((a, b) => a - b));
});

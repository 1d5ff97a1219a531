/**
 * The npm package as a browser loads it, without a bundler: the calls of the README, and errors that keep their code.
 */
import { expect, type Page, test } from "@playwright/test";
import type * as Package from "../../www/client/index.js";

const home = `http://127.0.0.1:${process.env.GRAFTLET_E2E_PACKAGE_PORT}/`;

interface Scope {
  g: Package.Graftlet;
}

async function load(page: Page): Promise<void> {
  await page.goto(home);
  await page.evaluate(async () => {
    const path = "/pkg/index.js";
    const { Graftlet } = (await import(path)) as typeof Package;
    const g = await Graftlet.load({ backbone: "/models/minilm-l6" });
    Object.assign(window, { g });
  });
}

test("loads from files as they are, with progress that ends at its total", {
  tag: "@core",
}, async ({ page }) => {
  await page.goto(home);
  const { backbone, events } = await page.evaluate(async () => {
    const path = "/pkg/index.js";
    const { Graftlet } = (await import(path)) as typeof Package;
    const events: Package.LoadProgress[] = [];
    const g = await Graftlet.load({
      backbone: "/models/minilm-l6/",
      onProgress: (event) => events.push(event),
    });
    return { backbone: g.backbone, events };
  });
  expect(backbone).toMatchObject({ hiddenSize: 384, layers: 6, heads: 12, maxTokens: 512 });
  const loaded = events.map((event) => event.loaded);
  expect(loaded).toEqual([...loaded].sort((a, b) => a - b));
  expect(new Set(events.map((event) => event.total)).size).toBe(1);
  expect(events.at(-1)).toMatchObject({ type: "ready", loaded: events[0]?.total });
});

test("answers with adapters side by side, and embeds", { tag: "@core" }, async ({ page }) => {
  await load(page);
  const result = await page.evaluate(async () => {
    const { g } = window as unknown as Scope;
    await g.addAdapter("sentiment", "/adapters/sst2/");
    await g.addAdapter("question", "/adapters/trec/");
    const pair = await g.classify(["a delight", "who wrote this ?"], {
      with: ["sentiment", "question"],
    });
    await g.use("sentiment");
    const alone = await g.classify(["a delight"]);
    await g.use(null);
    const [vector] = await g.embed(["a delight"]);
    return { pair, alone, active: await g.active(), norm: Math.hypot(...(vector ?? [])) };
  });
  expect(result.pair.map((answers) => answers.length)).toEqual([2, 2]);
  const together = result.pair[0]?.[0]?.logits ?? [];
  const alone = result.alone[0]?.logits ?? [];
  expect(together).toHaveLength(2);
  together.forEach((logit, i) => {
    expect(logit).toBeCloseTo(alone[i] ?? Number.NaN, 4);
  });
  expect(result.alone[0]).toMatchObject({ label: "positive", truncated: false });
  expect(result.active).toBeNull();
  expect(result.norm).toBeCloseTo(1, 4);
});

test("says what a score must reach", async ({ page }) => {
  await load(page);
  const infos = await page.evaluate(async () => {
    const { g } = window as unknown as Scope;
    const shipped = ["sst2", "goemotions", "clinc150"];
    return Promise.all(shipped.map((name) => g.addAdapter(name, `/adapters/${name}/`)));
  });
  const [one, several, rejecting] = infos;
  expect(one).not.toHaveProperty("thresholds");
  expect(one).not.toHaveProperty("reject");
  expect(several?.thresholds).toHaveLength(several?.labels.length ?? 0);
  for (const threshold of several?.thresholds ?? []) {
    expect(threshold).toBeGreaterThan(0);
    expect(threshold).toBeLessThan(1);
  }
  expect(rejecting?.reject?.threshold).toBeGreaterThan(0);
  expect(rejecting?.labels).not.toContain(rejecting?.reject?.label);
});

test("either build can be forced, and both answer alike", async ({ page }) => {
  await page.goto(home);
  const answers = await page.evaluate(async () => {
    const path = "/pkg/index.js";
    const { Graftlet } = (await import(path)) as typeof Package;
    const answers = [];
    for (const engine of [
      { build: "simd128" },
      { build: "relaxed", kernels: "relaxed-simd" },
      { build: "relaxed", kernels: "dot" },
    ] as const) {
      const g = await Graftlet.load({ backbone: "/models/minilm-l6/", ...engine });
      await g.addAdapter("sentiment", "/adapters/sst2/");
      await g.use("sentiment");
      const [answer] = await g.classify(["a warm , funny and deeply moving film ."]);
      answers.push({ runtime: g.runtime, logits: answer?.logits ?? [] });
      await g.dispose();
    }
    return answers;
  });
  expect(answers.map(({ runtime }) => [runtime.build, runtime.kernels])).toEqual([
    ["simd128", "simd128"],
    ["relaxed", "relaxed-simd"],
    ["relaxed", "dot"],
  ]);
  const [simd128, relaxed, dot] = answers;
  expect(relaxed?.logits).toHaveLength(2);
  // They differ in the product of integers alone, which is exact.
  expect(dot?.logits).toEqual(relaxed?.logits);
  relaxed?.logits.forEach((logit, i) => {
    expect(logit).toBeCloseTo(simd128?.logits[i] ?? Number.NaN, 3);
  });
});

test("rejects with a code and a sentence", { tag: "@core" }, async ({ page }) => {
  await load(page);
  const errors = await page.evaluate(async () => {
    const { g } = window as unknown as Scope;
    const told = (promise: Promise<unknown>) =>
      promise.then(
        () => null,
        ({ name, code, message }: Package.GraftletError) => ({ name, code, message }),
      );
    const aborted = new AbortController();
    const rows = Array.from({ length: 40 }, (_, i) => ({
      text: `example ${i}`,
      label: i % 2 ? "odd" : "even",
    }));
    const run = g.train({ name: "mine", kind: "lora" }, rows, { signal: aborted.signal });
    await run.next();
    aborted.abort();
    return {
      unknown: await told(g.use("nobody")),
      missing: await told(g.addAdapter("x", "/adapters/none/")),
      aborted: await told(run.next()),
      option: await told(g.train({ name: "x", kind: "nothing" }, rows).next()),
      rows: await told(g.train({ name: "x", kind: "lora" }, []).next()),
      one: await told(g.train({ name: "x", kind: "lora" }, [{ text: "a", label: "b" }]).next()),
      disposed: await told(g.dispose().then(() => g.adapters())),
    };
  });
  expect(errors.unknown?.code).toMatch(/^adapter_/);
  expect(errors.missing?.code).toBe("not_found");
  expect(errors.aborted?.code).toBe("aborted");
  expect(errors.option?.code).toBe("unknown_kind");
  expect(errors.rows?.code).toBe("rows_empty");
  expect(errors.one?.code).toBe("classes_too_few");
  expect(errors.disposed?.code).toBe("disposed");
  for (const error of Object.values(errors)) {
    expect(error?.name).toBe("GraftletError");
    expect(error?.message).toMatch(/[.!?]$/);
  }
});

test("takes worker and wasm from other addresses, also of another origin", async ({ page }) => {
  const elsewhere = home.replace("127.0.0.1", "localhost").slice(0, -1);
  await page.context().route(`${elsewhere}/**`, async (route) => {
    const response = await route.fetch();
    const headers = { ...response.headers(), "access-control-allow-origin": "*" };
    await route.fulfill({ response, headers });
  });
  await page.goto(home);
  const answers = await page.evaluate(async (elsewhere) => {
    const path = "/pkg/index.js";
    const { classifier } = (await import(path)) as typeof Package;
    const wasm = await WebAssembly.compileStreaming(fetch("/pkg/graftlet_simd128.wasm"));
    const options: Package.ClassifierOptions[] = [
      { wasm },
      { wasmUrl: "/pkg/" },
      { workerUrl: "/pkg/worker.js", wasmUrl: { simd128: "/pkg/graftlet_simd128.wasm" } },
      { workerUrl: `${elsewhere}/pkg/worker.js`, wasmUrl: "/pkg/" },
    ];
    const found = [];
    for (const one of options) {
      const spam = await classifier("/adapters/sms_spam/", one);
      const [answer] = await spam("free entry win cash txt now");
      found.push([answer?.label, spam.graftlet.runtime.build]);
      await spam.dispose();
    }
    return found;
  }, elsewhere);
  expect(answers).toEqual([
    ["spam", "simd128"],
    ["spam", "relaxed"],
    ["spam", "simd128"],
    ["spam", "relaxed"],
  ]);
});

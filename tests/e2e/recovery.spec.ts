/**
 * Odd arguments and real traps in a real browser: the engine answers afterwards, and only the call that did it fails.
 */
import { expect, type Page, test } from "@playwright/test";
import type * as Package from "../../www/client/index.js";
import { exposeMemory } from "../../www/scripts/expose-memory.mjs";
import { openPage, scoresOf } from "./page.js";

const home = `http://127.0.0.1:${process.env.GRAFTLET_E2E_PACKAGE_PORT}/`;

interface Scope {
  g: Package.Graftlet;
  restarts: Package.RestartEvent[];
  codeOf(promise: Promise<unknown>): Promise<string>;
}

async function load(page: Page): Promise<void> {
  await exposeMemory(page, "**/pkg/worker.js", traps());
  await page.goto(home);
  await page.evaluate(async () => {
    const path = "/pkg/index.js";
    const { Graftlet, GraftletError } = (await import(path)) as typeof Package;
    const restarts: Package.RestartEvent[] = [];
    const g = await Graftlet.load({
      backbone: "/models/minilm-l6/",
      onRestart: (event) => restarts.push(event),
    });
    await g.addAdapter("sentiment", "/adapters/sst2/");
    await g.addAdapter("question", "/adapters/trec/");
    await g.use("sentiment");
    const codeOf = (promise: Promise<unknown>) =>
      promise.then(
        () => "none",
        (error: unknown) => (error instanceof GraftletError ? error.code : String(error)),
      );
    Object.assign(window, { g, restarts, codeOf });
  });
}

/** What makes the worker's next call, or one soon after, trap for real. They run in the worker. */
const TRAPS: Record<string, () => void> = {
  // The clock is asked while the engine is borrowed: after this it would be "recursive use of an object" for ever.
  "an exception through the engine": () => {
    performance.now = () => {
      throw new TypeError("no clock");
    };
  },
  // A wasm module of one function that does `unreachable`.
  unreachable: () => {
    const code = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 5, 1, 1, 97];
    const bytes = Uint8Array.from([...code, 0, 0, 10, 5, 1, 3, 0, 0, 11]);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    performance.now = () => {
      (exports.a as () => void)();
      return 0;
    };
  },
  "no stack": () => {
    const deeper = (depth: number): number => 1 + deeper(depth + 1);
    performance.now = () => deeper(0);
  },
  // What is left of the address space is taken, so that the engine finds none.
  "no memory": () => {
    const { wasmMemory } = globalThis as unknown as { wasmMemory: WebAssembly.Memory };
    for (let pages = 65_536; pages >= 1; pages = Math.floor(pages / 2)) {
      try {
        for (;;) wasmMemory.grow(pages);
      } catch {
        // That many are not left.
      }
    }
    // The engine's allocator has them now only if it grew the memory itself.
  },
};

/**
 * The worker's part: it waits for the name of a trap. A test cannot reach into a worker over WebDriver BiDi, so the page
 * tells it.
 */
function traps(): string {
  const entries = Object.entries(TRAPS).map(([kind, trap]) => `${JSON.stringify(kind)}: ${trap}`);
  return `{
    const traps = { ${entries.join(", ")} };
    const channel = new BroadcastChannel("trap");
    channel.onmessage = ({ data }) => {
      if (!(data in traps)) return;
      traps[data]();
      channel.postMessage("sprung");
    };
  }`;
}

function spring(page: Page, kind: string): Promise<void> {
  return page.evaluate(
    (kind) =>
      new Promise((resolve) => {
        const channel = new BroadcastChannel("trap");
        channel.onmessage = () => resolve();
        channel.postMessage(kind);
      }),
    kind,
  );
}

for (const kind of Object.keys(TRAPS)) {
  test(`${kind}: the call fails alone, and what was loaded is there again`, {
    tag: "@core",
  }, async ({ page }) => {
    await load(page);
    await spring(page, kind);
    const result = await page.evaluate(async (memory) => {
      const { g, restarts, codeOf } = window as unknown as Scope;
      // With no memory left, only a call that needs much of it fails.
      const large = {
        "adapter_config.json": new TextEncoder().encode('{"peft_type": "LORA"}'),
        "adapter_model.safetensors": new Uint8Array(300_000_000),
      };
      const failing = codeOf(memory ? g.addAdapter("large", large) : g.classify("a delight"));
      const behind = [
        g.classify("a delight"),
        g.classify("who wrote this ?", { with: "question" }),
      ];
      const code = await failing;
      const answers = await Promise.all(behind);
      const labels = answers.map((a) => (a.problem === "single_label" ? a.label : a.problem));
      const names = (await g.adapters()).map(({ name }) => name).sort();
      return { code, labels, restarts, active: await g.active(), names };
    }, kind === "no memory");
    expect(result).toMatchObject({
      code: "engine_trapped",
      labels: ["positive", "person"],
      restarts: [{ code: "engine_trapped", lost: [] }],
      active: "sentiment",
      names: ["question", "sentiment"],
    });
  });
}

test("odd arguments are refused, and the engine is not started again", async ({ page }) => {
  await load(page);
  const { codes, label, restarts } = await page.evaluate(async () => {
    const { g, restarts, codeOf } = window as unknown as Scope;
    const cycle: Record<string, unknown> = {};
    cycle.stack = [cycle];
    const detached = new Uint8Array(8);
    structuredClone(detached, { transfer: [detached.buffer] });
    const throwing = {
      get text(): string {
        throw new TypeError("no");
      },
    };
    const odd = [undefined, null, 7, 7n, Symbol("x"), cycle, throwing, detached, new Proxy({}, {})];
    const codes: string[] = [];
    for (const value of odd as never[]) {
      codes.push(
        await codeOf(g.classify(value)),
        await codeOf(g.classify([value])),
        await codeOf(g.classify("a", { with: [value] })),
        await codeOf(g.embed(value)),
        await codeOf(g.addAdapter(value, {})),
        await codeOf(g.addAdapter("x", { "adapter_config.json": value })),
        await codeOf(g.exportMerged(value)),
        await codeOf(g.compose("x", value)),
        await codeOf(g.train(value, []).next()),
      );
    }
    const answer = await g.classify("a delight");
    return { codes, label: (answer as Package.Classification).label, restarts };
  });
  const allowed = [
    "composition_invalid",
    "config_invalid",
    "file_invalid",
    "file_missing",
    "name_invalid",
    "option_invalid",
  ];
  expect(codes.filter((code) => !allowed.includes(code))).toEqual([]);
  expect(label).toBe("positive");
  expect(restarts).toEqual([]);
});

test("a word of 50 MB and a text of 100 MB are cut, and an abort is obeyed", async ({ page }) => {
  await load(page);
  const result = await page.evaluate(async () => {
    const { g, codeOf } = window as unknown as Scope;
    const word = await g.classify("x".repeat(50_000_000));
    const text = await g.classify("good ".repeat(20_000_000), { truncate: true });
    const controller = new AbortController();
    const { signal } = controller;
    const aborted = codeOf(g.classify(new Array(100_000).fill("a delight"), { signal }));
    controller.abort();
    return {
      truncated: [word.truncated, text.truncated],
      aborted: await aborted,
      after: (await g.classify("a delight")).windows,
    };
  });
  expect(result).toEqual({ truncated: [true, true], aborted: "aborted", after: 1 });
});

test("one line for newcomers", async ({ page }) => {
  await page.goto(home);
  const answers = await page.evaluate(async () => {
    const path = "/pkg/index.js";
    const { classifier } = (await import(path)) as typeof Package;
    const spam = await classifier("/adapters/sms_spam/");
    const question = await classifier("/adapters/trec/", { topK: 2 });
    const answers = [
      await spam("WINNER! Claim your free prize now, call 09061701461"),
      await spam(["see you at five"]),
      await question("who wrote this ?"),
    ];
    const shared = spam.graftlet === question.graftlet;
    await spam.dispose();
    const still = await question("who wrote this ?");
    await question.dispose();
    return { answers, shared, still };
  });
  const [won, many, two] = answers.answers;
  expect(won).toEqual([{ label: "spam", score: expect.any(Number) }]);
  expect(many).toEqual([[{ label: "ham", score: expect.any(Number) }]]);
  expect(two).toHaveLength(2);
  expect(answers.shared).toBe(true);
  expect(answers.still).toEqual(two);
});

test("the page says that the engine was started again, and answers", async ({ page }) => {
  await openPage(page);
  // Whichever of them runs the engine.
  for (const each of page.workers()) {
    await each.evaluate(() => {
      performance.now = () => {
        throw new TypeError("no clock");
      };
    });
  }
  await page.getByLabel("Text", { exact: true }).first().fill("a delight from start to finish");
  await expect(page.getByText("It was started again, with its adapters.")).toBeVisible();
  expect(Object.keys(await scoresOf(page, "a delight from start to finish"))).not.toEqual([]);
});

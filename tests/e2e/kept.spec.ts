/**
 * What the browser keeps, in real tabs: two at once, an upgrade that is cut off, storage that is full or denied.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, type Page, test } from "@playwright/test";
import type * as Package from "../../www/client/index.js";
import { amend } from "./amend.js";
import { DENIED, exportsOf, home, load, open, ROWS, type Scope, SOURCES } from "./package.js";

const MANIFEST = join(__dirname, "../../www/public/models/minilm-l6/manifest.json");

test("an upgrade of the backbone that is cut off leaves the old one", async ({ context }) => {
  await open(context);
  let isNew = true;
  await context.route("**/manifest.json", async (route) => {
    if (!isNew) return route.abort();
    const json = readFileSync(MANIFEST, "utf8");
    const manifest = JSON.parse(json) as { files: { name: string; sha256: string }[] };
    for (const file of manifest.files) file.sha256 = file.sha256.replace(/^./, "0");
    return route.fulfill({ json: manifest });
  });
  await context.route("**/*.safetensors", (route) => route.abort());
  const page = await context.newPage();
  await page.goto(home);
  // The old one is used meanwhile.
  await page.evaluate(load);
  isNew = false;
  const later = await open(context);
  expect((await later.evaluate(() => (window as unknown as Scope).g.storage())).backboneKept).toBe(
    true,
  );
});

test("a backbone that there is no room for is said to be fetched each time", async ({
  context,
}) => {
  const full = `
      const put = Cache.prototype.put;
      Cache.prototype.put = function (url, response) {
        if (!String(url).includes("safetensors")) return put.call(this, url, response);
        return Promise.reject(new DOMException("Quota exceeded.", "QuotaExceededError"));
      };`;
  await context.route("**/worker.js", (route) => amend(route, (text) => full + text));
  const page = await open(context);
  const report = await page.evaluate(() => (window as unknown as Scope).g.storage());
  expect(report.backboneKept).toBe(false);
  expect(report.quota).toBeGreaterThan(0);
  expect(report.denied).toBeUndefined();
});

test("what one tab restores while another writes over it is one version", async ({ context }) => {
  const [writer, reader] = [await open(context), await open(context)];
  const exports = await exportsOf(reader);
  await writer.evaluate(async (sources) => {
    const scope = window as unknown as Scope & { halt: boolean; written: number };
    const files: Package.AdapterFiles[] = [];
    for (const source of sources) {
      await scope.g.addAdapter("mine", `/adapters/${source}/`);
      files.push(await scope.g.exportAdapter("mine"));
    }
    await scope.g.addAdapter("mine", files[0] ?? {}, { persist: true });
    scope.written = 0;
    void (async () => {
      while (!scope.halt) {
        scope.written += 1;
        await scope.g.addAdapter("mine", files[scope.written % 3] ?? {}, { persist: true });
      }
    })();
  }, SOURCES);
  const seen = await reader.evaluate(async () => {
    const { g } = window as unknown as Scope;
    const end = Date.now() + 60_000;
    const versions = new Set<string>();
    let reads = 0;
    while (reads < 40 || (versions.size < 3 && Date.now() < end)) {
      reads += 1;
      await g.restore("mine");
      versions.add(JSON.stringify(Object.entries(await g.exportAdapter("mine")).sort()));
    }
    return { reads, versions: [...versions] };
  });
  const written = await writer.evaluate(async () => {
    const scope = window as unknown as Scope & { halt: boolean; written: number };
    scope.halt = true;
    return scope.written;
  });
  console.log(`${seen.reads} reads while ${written} versions were written`);
  expect(seen.versions.toSorted()).toEqual(exports.toSorted());
});

test("two tabs train under one name, save and delete: nothing is lost, and both are told", {
  tag: "@core",
}, async ({ context }) => {
  const [first, second] = [await open(context), await open(context)];
  const begin = (page: Page, name: string, epochs: number) =>
    page.evaluate(
      async ([rows, name, epochs]) => {
        const scope = window as unknown as Scope;
        const options = { name, kind: "lora", epochs, batchSize: 4 };
        scope.run = scope.g.train(options, rows);
        try {
          const { value } = await scope.run.next();
          return String(value?.type);
        } catch (error) {
          return (error as Package.GraftletError).code;
        }
      },
      [ROWS, name, epochs] as const,
    );
  const finish = (page: Page) =>
    page.evaluate(async () => {
      const scope = window as unknown as Scope;
      let last = "";
      for await (const event of scope.run) last = event.type;
      return last;
    });
  expect(await begin(first, "shared", 3)).toBe("step");
  expect(await begin(second, "shared", 3)).toBe("name_in_use");
  const refused = await second.evaluate(async () => {
    const { g } = window as unknown as Scope;
    const code = (promise: Promise<unknown>) =>
      promise.then(
        () => "none",
        (error: Package.GraftletError) => error.code,
      );
    return {
      runs: await g.interrupted(),
      forgotten: await code(g.forgetTraining("shared")),
      saved: await code(g.addAdapter("shared", "/adapters/trec/", { persist: true })),
    };
  });
  expect(refused).toEqual({ runs: [], forgotten: "name_in_use", saved: "name_in_use" });
  expect(await finish(first)).toBe("done");
  // The second one's refusal took nothing of the first one's away, and now the name is free.
  const found = await second.evaluate(async () => {
    const { g, changes } = window as unknown as Scope;
    const saved = await g.saved();
    const { labels } = await g.restore("shared");
    await g.addAdapter("brought", "/adapters/trec/", { persist: true });
    await g.forget("shared");
    return { saved, labels, changes, runs: await g.interrupted() };
  });
  expect(found.saved).toEqual(["shared"]);
  expect(found.labels).toEqual(["question", "request", "thanks"]);
  expect(found.changes.map(({ type }) => type)).toEqual(["training", "saved", "trained"]);
  expect(found.runs).toEqual([]);
  await expect
    .poll(() => first.evaluate(() => (window as unknown as Scope).changes.map((c) => c.type)))
    .toEqual(["saved", "forgotten"]);
  const left = await first.evaluate(() => (window as unknown as Scope).g.saved());
  expect(left).toEqual(["brought"]);

  await test.step("a tab that is closed in the middle lets go of its name", async () => {
    expect(await begin(first, "left", 50)).toBe("step");
    await first.close();
    expect(await begin(second, "left", 1)).toBe("step");
    expect(await finish(second)).toBe("done");
  });
});

test("one download of the backbone is enough for two tabs", async ({ context }) => {
  let fetched = 0;
  await context.route("**/*.safetensors", async (route) => {
    if (!route.request().url().includes("/models/")) return route.continue();
    fetched += 1;
    await new Promise((resolve) => setTimeout(resolve, 1500));
    return route.continue();
  });
  await Promise.all([open(context), open(context)]);
  expect(fetched).toBe(1);
});

test("where storage is denied a training ends with an adapter that answers, and says that it is not kept", async ({
  context,
}) => {
  await context.addInitScript(DENIED);
  await context.route("**/worker.js", (route) => amend(route, (text) => DENIED + text));
  const page = await open(context);
  const { events, label, exported, saved, report } = await page.evaluate(async (rows) => {
    const { g } = window as unknown as Scope;
    const events: Package.TrainEvent[] = [];
    const options = { name: "mine", kind: "lora", epochs: 2, batchSize: 4 };
    for await (const event of g.train(options, rows)) events.push(event);
    await g.use("mine");
    const [answer] = await g.classify(["Where is my parcel?"]);
    const exported = Object.keys(await g.exportAdapter("mine"));
    const saved = await g.saved().catch((error: Package.GraftletError) => error.code);
    return { events, label: answer, exported, saved, report: await g.storage() };
  }, ROWS);
  const notices = events.filter(({ type }) => type === "notice");
  expect(notices).toMatchObject([
    { about: "checkpoint", code: "storage_unavailable" },
    { about: "storage", code: "storage_unavailable" },
  ]);
  expect(events.at(-1)?.type).toBe("done");
  expect(label).toMatchObject({ problem: "single_label" });
  expect(exported).toContain("adapter_config.json");
  expect(saved).toBe("storage_unavailable");
  expect(report.denied?.code).toBe("storage_unavailable");
});

/**
 * Model folders as a hub has them, converted in the browser: byte for byte what `graftlet convert` writes.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, expect, type Page, test } from "@playwright/test";
import type * as Package from "../../www/client/index.js";
import { home } from "./package.js";

const root = join(__dirname, "../..");
const models = join(root, "tests/fixtures/models");
const MODELS = readdirSync(models).sort();
/** Where the tests' hub has a model. */
const hub = (model: string) => `/tiny-org/${model}/resolve/main/`;

const hash = (content: Buffer) => createHash("sha256").update(content).digest("hex");

/** What the command line makes of a model: hashes by file names. */
function converted(model: string, dtype: string): Record<string, string> {
  const to = join(mkdtempSync(join(tmpdir(), "graftlet-")), "to");
  const name = `tiny-org/${model}`;
  const from = join(models, model);
  const given = ["convert", "--from", from, "--to", to, "--dtype", dtype, "--name", name];
  execFileSync(join(root, "target/release/graftlet"), given, { stdio: "pipe" });
  const hashes = readdirSync(to).map((file) => [file, hash(readFileSync(join(to, file)))]);
  return Object.fromEntries(hashes);
}

/** Serves the models as a hub does. Answers with what was asked for. */
async function serveHub(context: BrowserContext): Promise<string[]> {
  const asked: string[] = [];
  await context.route("**/tiny-org/**", async (route) => {
    const { pathname } = new URL(route.request().url());
    const [, model = "", file = ""] =
      /\/tiny-org\/([^/]+)\/resolve\/main\/(.+)$/.exec(pathname) ?? [];
    const path = join(models, model, file);
    const method = route.request().method();
    asked.push(`${method} ${file}`);
    if (file === "expected.json" || !existsSync(path) || !statSync(path).isFile()) {
      await route.fulfill({ status: 404 });
      return;
    }
    const content = readFileSync(path);
    const headers = {
      "content-type": "application/octet-stream",
      etag: `"${hash(content)}"`,
      "content-length": String(content.length),
    };
    await route.fulfill({ headers, body: method === "HEAD" ? Buffer.alloc(0) : content });
  });
  return asked;
}

/** The hashes of what the browser keeps of a folder. */
function kept(page: Page, folder: string): Promise<Record<string, string>> {
  return page.evaluate(async (folder) => {
    const cache = await caches.open("graftlet-backbone");
    const found: Record<string, string> = {};
    for (const request of await cache.keys()) {
      const { pathname } = new URL(request.url);
      if (!pathname.startsWith(folder)) continue;
      const content = await (await cache.match(request))?.arrayBuffer();
      const digest = await crypto.subtle.digest("SHA-256", content ?? new ArrayBuffer());
      const hex = Array.from(new Uint8Array(digest), (b) => b.toString(16).padStart(2, "0"));
      found[pathname.slice(folder.length)] = hex.join("");
    }
    return found;
  }, folder);
}

interface Visit {
  events: Package.LoadProgress[];
  notices: Package.LoadNotice[];
  backbone: Package.BackboneInfo;
  vector: number[];
}

function visit(page: Page, backbone: string, dtype?: "int8" | "f16" | "f32"): Promise<Visit> {
  return page.evaluate(
    async ([backbone, dtype]) => {
      const path = "/pkg/index.js";
      const { Graftlet } = (await import(path)) as typeof Package;
      const events: Package.LoadProgress[] = [];
      const notices: Package.LoadNotice[] = [];
      const g = await Graftlet.load(backbone as string, {
        ...(dtype ? { dtype } : {}),
        onProgress: (event) => events.push(event),
        onNotice: (notice) => notices.push(notice),
      });
      const vector = Array.from(await g.embed("one cat"));
      await g.dispose();
      return { events, notices, backbone: g.backbone, vector };
    },
    [backbone, dtype] as const,
  );
}

test("every model is what the command line makes of it", async ({ context, page }) => {
  await serveHub(context);
  await page.goto(home);
  for (const model of MODELS) {
    const expected = converted(model, "int8");
    const { backbone, events, notices } = await visit(page, hub(model));
    expect(notices, model).toEqual([]);
    expect(backbone).toMatchObject({ name: `tiny-org/${model}`, dtype: "int8" });
    const { "graftlet-source.json": source, ...files } = await kept(page, hub(model));
    expect(source, model).toBeDefined();
    expect(files, model).toEqual(expected);
    const loaded = events.map((event) => event.loaded);
    expect(loaded).toEqual(loaded.toSorted((a, b) => a - b));
    expect(events.at(-1)).toMatchObject({ type: "ready", loaded: events[0]?.total });
  }
});

test("what is kept is not fetched again, and another dtype is converted anew", async ({
  context,
  page,
}) => {
  const asked = await serveHub(context);
  await page.goto(home);
  const first = await visit(page, hub("gelu-f16"));
  asked.length = 0;
  const second = await visit(page, hub("gelu-f16"));
  expect(asked.filter((request) => !request.startsWith("HEAD"))).toEqual([]);
  expect(second.backbone).toEqual(first.backbone);
  expect(second.vector).toEqual(first.vector);
  const { backbone } = await visit(page, hub("gelu-f16"), "f32");
  expect(backbone).toMatchObject({ dtype: "f32", fingerprint: first.backbone.fingerprint });
  const { "graftlet-source.json": _, ...files } = await kept(page, hub("gelu-f16"));
  expect(files).toEqual(converted("gelu-f16", "f32"));
});

test("a folder that is chosen is converted without any request", async ({ context, page }) => {
  const asked = await serveHub(context);
  await page.goto(home);
  const { fingerprint } = (await visit(page, hub("st-cls-max-mean"))).backbone;
  asked.length = 0;
  await page.evaluate(() => {
    document.body.innerHTML = '<input type="file" webkitdirectory>';
  });
  await page.setInputFiles("input", join(models, "st-cls-max-mean"));
  const found = await page.evaluate(async () => {
    const path = "/pkg/index.js";
    const { Graftlet } = (await import(path)) as typeof Package;
    const files = document.querySelector("input")?.files as FileList;
    const g = await Graftlet.load(files);
    const { backbone } = g;
    await g.dispose();
    return backbone;
  });
  expect(found).toMatchObject({ name: "st-cls-max-mean", fingerprint });
  expect(asked).toEqual([]);
});

test("a model that is not read, or not whole, has its code", async ({ context, page }) => {
  await serveHub(context);
  await page.goto(home);
  const file = (path: string) => [...readFileSync(join(models, "gelu-f16", path))];
  const parts = {
    "config.json": file("config.json"),
    "vocab.txt": file("vocab.txt"),
    "model.safetensors": file("model.safetensors"),
  };
  const text = (content: string) => [...Buffer.from(content)];
  const { "model.safetensors": weights, ...rest } = parts;
  const cases: [Record<string, number[]>, string][] = [
    [{ ...parts, "config.json": text('{"model_type":"albert"}') }, "model_unsupported"],
    [{ ...rest, "model.onnx": weights }, "model_unsupported"],
    [rest, "file_missing"],
    [{ ...parts, "model.safetensors": weights.slice(0, 5000) }, "file_truncated"],
    [
      { ...parts, "model.safetensors": text("version https://git-lfs.github.com/spec/v1\n") },
      "file_invalid",
    ],
    [
      { ...parts, "model.safetensors": text("<!DOCTYPE html><title>Sign in</title>") },
      "file_invalid",
    ],
    [{ ...parts, "config.json": text("{") }, "config_invalid"],
  ];
  for (const [files, code] of cases) {
    const found = await page.evaluate(async (files) => {
      const path = "/pkg/index.js";
      const { Graftlet } = (await import(path)) as typeof Package;
      const given = Object.fromEntries(
        Object.entries(files).map(([name, content]) => [name, Uint8Array.from(content)]),
      );
      return await Graftlet.load(given).then(
        () => "loaded",
        (error: Package.GraftletError) => `${error.code}: ${error.message}`,
      );
    }, files);
    expect(found.split(":")[0], found).toBe(code);
  }
  expect(
    await page.evaluate(async () => {
      const path = "/pkg/index.js";
      const { Graftlet } = (await import(path)) as typeof Package;
      return await Graftlet.load("/tiny-org/nowhere/resolve/main/").catch(({ code }) => code);
    }),
  ).toBe("not_found");
});

/**
 * The core of the package's table of faults (www/client/test/faults.test.ts) in a real browser: its own HTTP cache, its own
 * Range requests, its own workers.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, type Page, test } from "@playwright/test";
import type * as Package from "../../www/client/index.js";
import {
  type Exchange,
  etagOf,
  type Fault,
  FaultServer,
  send,
  sendOther,
  sendPacked,
} from "../../www/client/test/fault-server.js";

const ROOT = join(__dirname, "../..");
const WEIGHTS = "/models/minilm-l6/model.int8.safetensors";
const HTML = "<!doctype html><title>Sign in</title>";

let server: FaultServer;
let weights: string;

test.beforeEach(async () => {
  server = await FaultServer.start();
  const folders = {
    "/pkg/": "pkg",
    "/models/minilm-l6/": "www/public/models/minilm-l6",
    "/adapters/trec/": "www/public/adapters/trec",
  };
  for (const [prefix, folder] of Object.entries(folders)) {
    for (const entry of readdirSync(join(ROOT, folder), { withFileTypes: true })) {
      if (!entry.isFile()) continue;
      server.files.set(prefix + entry.name, readFileSync(join(ROOT, folder, entry.name)));
    }
  }
  server.files.set("/index.html", Buffer.from("<!doctype html><link rel=icon href=data:,>"));
  weights = [...server.files.keys()].find((path) => /minilm.*safetensors$/.test(path)) ?? WEIGHTS;
});

test.afterEach(() => server.close());

interface Outcome {
  code: string;
  message: string;
  notices: Package.LoadNotice[];
  last: Package.LoadProgress | null;
}

/** Loads the backbone and an adapter, and answers; "whole" if all of that goes well. */
async function visit(page: Page, base = server.origin): Promise<Outcome> {
  await page.goto(`${server.origin}/index.html`);
  return await page.evaluate(async (base) => {
    const notices: Package.LoadNotice[] = [];
    let last: Package.LoadProgress | null = null;
    try {
      const path = "/pkg/index.js";
      const { Graftlet } = (await import(path)) as typeof Package;
      const g = await Graftlet.load({
        backbone: `${base}/models/minilm-l6/`,
        onProgress: (event) => {
          last = event;
        },
        onNotice: (notice) => notices.push(notice),
      });
      await g.addAdapter("question", `${base}/adapters/trec/`);
      await g.use("question");
      const [answer] = await g.classify(["Where is the Eiffel tower ?"]);
      const right = answer && "label" in answer && answer.label === "location";
      return { code: right ? "whole" : "wrong", message: "", notices, last };
    } catch (error) {
      const { code, message } = error as Package.GraftletError;
      return { code: String(code), message, notices, last };
    }
  }, base);
}

const first =
  (times: number, fault: Fault): Fault =>
  (exchange) =>
    exchange.earlier < times ? fault(exchange) : send(exchange);

/** Sends a share of a file, and then nothing more until it is over with `end`. */
function begin({ response, content }: Exchange, share: number): number {
  const sent = Math.round(content.length * share);
  response.writeHead(200, {
    etag: etagOf(content),
    "content-type": "application/octet-stream",
    "content-length": content.length,
  });
  response.write(content.subarray(0, sent));
  return sent;
}

const breakOff =
  (share: number): Fault =>
  async (exchange) => {
    begin(exchange, share);
    // The browser has all that was sent before the connection breaks.
    await new Promise((done) => setTimeout(done, 3000));
    exchange.response.destroy();
  };

const flipped = ({ content }: Exchange): Buffer => {
  const other = Buffer.from(content);
  const middle = other.length >> 1;
  other[middle] = (other[middle] ?? 0) ^ 1;
  return other;
};

/** Where the request after the break went on. */
function wentOnAt(path: string): number {
  const ranges = server.requestsOf(path).flatMap(({ range }) => (range ? [range] : []));
  return Number(ranges[0]?.replace(/\D/g, ""));
}

/** How many bytes of files that have not arrived whole a page's browser keeps. */
const keptOf = (page: Page): Promise<number> =>
  page.evaluate(async () => {
    const cache = await caches.open("graftlet-parts");
    const parts = await cache.matchAll();
    const sizes = parts.map(async (part) => (await part.blob()).size);
    return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
  });

const sizeOf = (path: string) => server.files.get(path)?.length ?? 0;

test("weights that are cut go on from there", async ({ page }) => {
  server.faults.set(weights, first(1, breakOff(0.6)));
  const { code, notices, last } = await visit(page);
  expect(code).toBe("whole");
  expect(notices).toMatchObject([{ about: "retry", code: "connection_lost" }]);
  expect(wentOnAt(weights)).toBeGreaterThanOrEqual(sizeOf(weights) * 0.59);
  expect(server.requestsOf(weights)[1]?.ifRange).toBeDefined();
  expect(last?.type).toBe("ready");
  expect(last?.total).toBeGreaterThan(sizeOf(weights) + 2_000_000);
});

test("weights go on in the next visit, after a tab that was closed", async ({ page, context }) => {
  server.faults.set(weights, (exchange) => void begin(exchange, 0.6));
  const visiting = visit(page).catch(() => "closed");
  await expect.poll(() => server.requestsOf(weights).length, { timeout: 60_000 }).toBe(1);
  // What arrived is kept a moment later, on a busy machine many moments later.
  await expect.poll(() => keptOf(page)).toBeGreaterThanOrEqual(sizeOf(weights) * 0.585);
  await page.close();
  expect(await visiting).toBe("closed");
  server.faults.clear();
  server.requests.length = 0;
  expect((await visit(await context.newPage())).code).toBe("whole");
  expect(wentOnAt(weights)).toBeGreaterThanOrEqual(sizeOf(weights) * 0.585);
});

test("the wasm module that is cut goes on, and is checked", async ({ page }) => {
  const wasm = "/pkg/graftlet_relaxed.wasm";
  server.faults.set(wasm, first(1, breakOff(0.5)));
  expect((await visit(page)).code).toBe("whole");
  expect(wentOnAt(wasm)).toBeGreaterThanOrEqual(sizeOf(wasm) * 0.49);
  server.faults.set(wasm, (exchange) => sendOther(exchange, flipped(exchange)));
  expect((await visit(page)).code).toBe("checksum_mismatch");
});

test("a damaged file in the HTTP cache is fetched again", async ({ page }) => {
  const path = "/adapters/trec/adapter_model.safetensors";
  const headers = { "cache-control": "public, max-age=3600" };
  server.faults.set(path, (exchange) =>
    send(exchange.earlier === 0 ? { ...exchange, content: flipped(exchange) } : exchange, {
      headers,
    }),
  );
  expect((await visit(page)).code).toBe("whole");
  expect(server.requestsOf(path)).toHaveLength(2);
  // and the next visit finds a good one
  expect((await visit(page)).code).toBe("whole");
});

for (const path of ["adapter_config.json", "adapter_model.safetensors", "graftlet.json"]) {
  test(`one flipped bit in ${path} is no adapter`, async ({ page }) => {
    server.faults.set(`/adapters/trec/${path}`, (exchange) =>
      sendOther(exchange, flipped(exchange), "application/json"),
    );
    const { code, message } = await visit(page);
    expect(code).toBe("checksum_mismatch");
    expect(message).toContain(path);
  });
}

test("a manifest that is not there, or is a page", async ({ page }) => {
  const path = "/models/minilm-l6/manifest.json";
  server.faults.set(path, ({ response }) => void response.writeHead(404).end());
  // The folder could be a model's as a hub has it, but there are no weights of one.
  const absent = await visit(page);
  expect(absent.code).toBe("file_missing");
  expect(absent.message).toContain("manifest.json");
  server.faults.set(path, (exchange) => sendOther(exchange, HTML, "text/html"));
  expect((await visit(page)).code).toBe("file_missing");
});

test("a server that is down", async ({ page }) => {
  const down = await FaultServer.start();
  const { origin } = down;
  await down.close();
  const { code, message } = await visit(page, origin);
  expect(code).toBe("unreachable");
  expect(message).toContain(new URL(origin).host);
});

test("another origin, which must allow it", async ({ page }) => {
  const other = await FaultServer.start();
  for (const [path, content] of server.files) other.files.set(path, content);
  expect((await visit(page, other.origin)).code).toBe("cors_refused");
  const headers = { "access-control-allow-origin": "*" };
  for (const path of other.files.keys()) {
    other.faults.set(path, (exchange) => send(exchange, { headers }));
  }
  other.faults.set(weights, async (exchange) => {
    if (exchange.earlier > 0) return send(exchange, { headers });
    exchange.response.setHeader("access-control-allow-origin", "*");
    begin(exchange, 0.5);
    await new Promise((done) => setTimeout(done, 3000));
    exchange.response.destroy();
  });
  expect((await visit(page, other.origin)).code).toBe("whole");
  const [, second] = other.requestsOf(weights);
  expect(Number(second?.range?.replace(/\D/g, ""))).toBeGreaterThan(sizeOf(weights) * 0.49);
  await other.close();
});

test("no network", async ({ page, context }) => {
  expect((await visit(page)).code).toBe("whole");
  await context.setOffline(true);
  const told = await page.evaluate(async () => {
    const path = "/pkg/index.js";
    const { fetchFile } = (await import(path)) as typeof Package;
    return await fetchFile("/adapters/trec/graftlet.json", { cache: "no-store" }).catch(
      ({ code, message }: Package.GraftletError) => ({ code, message }),
    );
  });
  expect(told).toMatchObject({ code: "offline" });
  expect(told).toHaveProperty("message", expect.stringMatching(/no network.*go online/));
});

test("a server that is gone after the first visit", async ({ page }) => {
  expect((await visit(page)).code).toBe("whole");
  const { files } = server;
  for (const path of files.keys()) {
    if (path.startsWith("/models/")) {
      server.faults.set(path, ({ response }) => void response.destroy());
    }
  }
  const { code, notices } = await visit(page);
  expect(code).toBe("whole");
  expect(notices.at(-1)).toMatchObject({ about: "backbone", code: "unreachable" });
});

test("packed files, whose length nobody says", async ({ page }) => {
  for (const path of [weights, "/pkg/graftlet_relaxed.wasm", "/adapters/trec/graftlet.json"]) {
    server.faults.set(path, sendPacked);
  }
  expect((await visit(page)).code).toBe("whole");
});

test("a worker's script that comes at the second attempt, or never", async ({ page }) => {
  const path = "/pkg/worker.js";
  server.faults.set(
    path,
    first(1, ({ response }) => void response.writeHead(503).end()),
  );
  expect((await visit(page)).code).toBe("whole");
  server.faults.set(path, ({ response }) => void response.writeHead(404).end());
  const { code } = await visit(page);
  expect(["not_found", "worker_failed"]).toContain(code);
});

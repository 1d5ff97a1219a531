/**
 * A model's folder as a hub has it: converted in a worker of its own, kept, and converted again where it has changed.
 */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { toShape } from "../errors.js";
import {
  classifier,
  Graftlet,
  type LoadNotice,
  type LoadOptions,
  type LoadProgress,
} from "../index.js";
import type { Network } from "../network.js";
import { FakeCaches } from "./fake-caches.js";
import * as fake from "./fake-engine.js";
import { EMPTY_WASM, fakeNetwork } from "./fake-network.js";
import { FakeWorker } from "./fake-worker.js";
import { FaultServer, send, sendOther, sendPart } from "./fault-server.js";

const WEIGHTS = Buffer.alloc(400_000, 77);
const CONFIG = Buffer.from(JSON.stringify({ model_type: "bert", hidden_size: 8 }));
const TOKENIZER = Buffer.from("{}");
const PAGE = "<!DOCTYPE html><title>Sign in</title>";

let server: FaultServer;
let kept: FakeCaches;
/** Folders that were put together in engines. */
let engines: Record<string, Uint8Array>[];
let network: Network;

beforeEach(async () => {
  FakeWorker.started = [];
  FakeWorker.caches = new FakeCaches();
  kept = new FakeCaches();
  engines = [];
  server = await FaultServer.start();
  for (const [name, content] of Object.entries({
    "config.json": CONFIG,
    "tokenizer.json": TOKENIZER,
    "model.safetensors": WEIGHTS,
  })) {
    server.files.set(`/org/tiny/resolve/main/${name}`, content);
  }
  const { host: wasmHost } = EMPTY_WASM.simd128.url;
  network = fakeNetwork(
    async (url, init) => {
      if (new URL(url).host === wasmHost) return new Response(new Uint8Array());
      const response = await fetch(url, init);
      const path = new URL(url).pathname;
      const count = new TransformStream<Uint8Array, Uint8Array>({
        transform: (chunk, controller) => {
          server.read.set(path, (server.read.get(path) ?? 0) + chunk.length);
          controller.enqueue(chunk);
        },
      });
      const { status, headers } = response;
      return new Response(response.body?.pipeThrough(count) ?? null, { status, headers });
    },
    kept,
    server.origin,
  );
  network = { ...network, sleep: (ms, signal) => fakeSleep(ms, signal) };
});

afterEach(() => server.close());

/** Waits are short. */
function fakeSleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms > 1000 ? ms : Math.min(ms, 2));
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

const address = () => `${server.origin}/org/tiny/resolve/main/`;

const worker = () => {
  class Engine extends fake.Engine {
    static override fromFiles(files: Record<string, Uint8Array>): Engine {
      engines.push(files);
      return new Engine();
    }
  }
  return new FakeWorker({ ...fake, Engine }, network) as unknown as Worker;
};

async function load(options: Partial<LoadOptions> = {}) {
  const events: LoadProgress[] = [];
  const notices: LoadNotice[] = [];
  const g = await Graftlet.load({
    backbone: address(),
    worker,
    onProgress: (event) => events.push(event),
    onNotice: (notice) => notices.push(notice),
    ...options,
  });
  return { g, events, notices };
}

const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => "none",
    (thrown) => toShape(thrown).code as string,
  );

const requests = (name: string, method = "GET") =>
  server.requests.filter((request) => request.path.endsWith(name) && request.method === method);

const keptNames = () =>
  kept.keys("graftlet-backbone").map((key) => new URL(key).pathname.split("/").at(-1));

describe("a model's folder at an address", () => {
  it("is converted in a worker that ends, and another has the engine", async () => {
    const { g, events } = await load();
    expect(FakeWorker.started.map(({ terminated }) => terminated)).toEqual([true, false]);
    expect(Object.keys(engines[0] ?? {}).sort()).toEqual([
      "backbone.safetensors",
      "config.json",
      "manifest.json",
      "tokenizer.json",
    ]);
    const manifest = new TextDecoder().decode(engines[0]?.["manifest.json"]);
    expect(JSON.parse(manifest)).toMatchObject({ name: "/org/tiny/resolve/main/", dtype: "int8" });
    const loaded = events.map((event) => event.loaded);
    expect(loaded.toSorted((a, b) => a - b)).toEqual(loaded);
    expect(new Set(events.map(({ total }) => total)).size).toBe(1);
    expect(events.some((event) => event.type === "download" && event.file === "conversion")).toBe(
      true,
    );
    expect(events.at(-1)).toMatchObject({ type: "ready" });
    expect((await g.storage()).backboneKept).toBe(false); // the doubles of stores have no caches
  });

  it("is not downloaded again while it is the same, nor the source kept", async () => {
    await load();
    expect(keptNames().sort()).toEqual([
      "backbone.safetensors",
      "config.json",
      "graftlet-source.json",
      "manifest.json",
      "tokenizer.json",
    ]);
    expect(kept.keys("graftlet-parts")).toEqual([]);
    const { notices } = await load();
    expect(notices).toEqual([]);
    expect(requests("model.safetensors")).toHaveLength(1);
    expect(requests("tokenizer.json")).toHaveLength(1);
    // No conversion: one worker was enough.
    expect(FakeWorker.started).toHaveLength(3);
    expect(engines[1]).toEqual(engines[0]);
  });

  it.each(["model.safetensors", "config.json", "tokenizer.json"])(
    "is converted again once its %s has changed",
    async (name) => {
      await load();
      const path = `/org/tiny/resolve/main/${name}`;
      const before = server.files.get(path) as Buffer;
      server.files.set(path, Buffer.concat([before, Buffer.from(" ")]));
      await load();
      expect(requests("model.safetensors")).toHaveLength(2);
      expect(keptNames()).toHaveLength(5);
      await load();
      expect(requests("model.safetensors")).toHaveLength(2);
    },
  );

  it("is converted again to another dtype", async () => {
    await load();
    await load({ dtype: "f16" });
    expect(requests("model.safetensors")).toHaveLength(2);
    await load({ dtype: "f16" });
    expect(requests("model.safetensors")).toHaveLength(2);
  });

  it("loads from what is kept when the server cannot be reached", async () => {
    await load();
    const reached = network.fetch;
    network.fetch = (url, init) =>
      url.startsWith(server.origin) ? fetch("http://127.0.0.1:9/", init) : reached(url, init);
    const { notices } = await load();
    expect(notices.at(-1)).toMatchObject({ about: "backbone", code: "unreachable" });
    expect(engines[1]).toEqual(engines[0]);
  });

  it("gives its other workers what was converted, whatever the server has by then", async () => {
    const { g } = await load();
    server.files.clear();
    const again = [
      { text: "a", label: "x" },
      { text: "b", label: "y" },
    ];
    await codeOf(g.suggest(Array(5).fill(again).flat()));
    expect(engines).toHaveLength(2);
    expect(engines[1]).toEqual(engines[0]);
  });

  it("goes on where the download broke off, in this visit and the next", async () => {
    const path = "/org/tiny/resolve/main/model.safetensors";
    server.faults.set(path, (x) => {
      if (x.request.method === "HEAD") return send(x);
      if (x.earlier <= 1) return sendPart(x, 0.6, (response) => response.destroy());
      return void x.response.destroy();
    });
    expect(await codeOf(load())).toBe("connection_lost");
    server.faults.clear();
    await load();
    expect(requests("model.safetensors").at(-1)?.range).toMatch(/^bytes=\d{6}-$/);
    expect(kept.keys("graftlet-parts")).toEqual([]);
  });

  it("does not put together parts of two versions", async () => {
    const path = "/org/tiny/resolve/main/model.safetensors";
    server.faults.set(path, (x) => {
      if (x.request.method === "HEAD") return send(x);
      if (x.earlier <= 1) return sendPart(x, 0.6, (response) => response.destroy());
      return void x.response.destroy();
    });
    await codeOf(load());
    server.faults.clear();
    server.files.set(path, Buffer.alloc(400_000, 77).fill(78, 1));
    await load();
    const [weights] = engines.map((files) => files["backbone.safetensors"]);
    expect([...(weights?.slice(1) ?? [])].every((byte) => byte === 78)).toBe(true);
  });

  it("is fetched once by two tabs", async () => {
    await Promise.all([load(), load()]);
    expect(requests("model.safetensors")).toHaveLength(1);
    expect(engines[1]).toEqual(engines[0]);
  });

  it("is left at once when loading is aborted", async () => {
    const controller = new AbortController();
    server.faults.set("/org/tiny/resolve/main/model.safetensors", (x) => {
      if (x.request.method === "HEAD") return send(x);
      return sendPart(x, 0.3, () => controller.abort());
    });
    expect(await codeOf(load({ signal: controller.signal }))).toBe("aborted");
    expect(FakeWorker.started.every(({ terminated }) => terminated)).toBe(true);
  });

  it.each([
    [
      "another architecture",
      "config.json",
      Buffer.from('{"model_type":"roberta"}'),
      "model_unsupported",
    ],
    ["cut weights", "model.safetensors", Buffer.alloc(4), "file_truncated"],
  ])("is refused for %s", async (_, name, content, code) => {
    server.files.set(`/org/tiny/resolve/main/${name}`, content);
    expect(await codeOf(load())).toBe(code);
    expect(FakeWorker.started.every(({ terminated }) => terminated)).toBe(true);
    // Weights of a model that is not read are not fetched.
    if (code === "model_unsupported") expect(requests("model.safetensors")).toEqual([]);
  });

  it.each(["model.safetensors", "tokenizer.json"])("is refused without %s", async (name) => {
    server.files.delete(`/org/tiny/resolve/main/${name}`);
    expect(await codeOf(load())).toBe("file_missing");
    server.files.clear();
    expect(await codeOf(load())).toBe("not_found");
  });

  it("is not looked for behind a page that stands in its place", async () => {
    for (const path of ["manifest.json", "config.json"]) {
      server.files.set(`/org/tiny/resolve/main/${path}`, Buffer.from(PAGE));
      server.faults.set(`/org/tiny/resolve/main/${path}`, (x) => sendOther(x, PAGE, "text/html"));
    }
    expect(await codeOf(load())).toBe("not_a_file");
  });

  it("may have another program's manifest.json", async () => {
    server.files.set("/org/tiny/resolve/main/manifest.json", Buffer.from('{"name":"app"}'));
    await load();
    expect(engines).toHaveLength(1);
  });

  it("loads where the browser keeps nothing, and says so", async () => {
    kept.room = 50_000;
    const { notices } = await load();
    expect(notices).toMatchObject([{ about: "cache", code: "quota_exceeded" }]);
    kept.room = Number.POSITIVE_INFINITY;
    kept.denied = true;
    expect((await load()).notices).toMatchObject([{ about: "cache", code: "storage_unavailable" }]);
    expect(engines).toHaveLength(2);
  });

  it("that stops the engine has run out of memory", async () => {
    const short = () => {
      const convertModel = () => {
        throw new WebAssembly.RuntimeError("unreachable");
      };
      return new FakeWorker({ ...fake, convertModel }, network) as unknown as Worker;
    };
    expect(await codeOf(load({ worker: short }))).toBe("out_of_memory");
  });

  it("is a classifier's backbone too", async () => {
    const folder = { "adapter_config.json": new TextEncoder().encode('{"labels":["no","yes"]}') };
    const ask = await classifier(folder, { backbone: address(), worker });
    const [answer] = await ask("good");
    expect(answer?.label).toBe("no");
    const other = classifier(folder, { backbone: address(), worker, dtype: "f32" });
    expect(await codeOf(other)).toBe("option_invalid");
    const same = await classifier(folder, { backbone: address() });
    expect(same.graftlet).toBe(ask.graftlet);
    await Promise.all([ask.dispose(), same.dispose()]);
  });
});

describe("a folder that is given", () => {
  const content = {
    "config.json": CONFIG,
    "tokenizer.json": TOKENIZER,
    "model.safetensors": WEIGHTS,
  };
  const file = (path: string, bytes: Buffer) => {
    const made = new File([bytes as Uint8Array<ArrayBuffer>], path.split("/").at(-1) ?? "");
    Object.defineProperty(made, "webkitRelativePath", { value: path });
    return made;
  };
  const options = () => ({ worker });

  it.each<[string, () => unknown]>([
    ["bytes by their names", () => ({ ...content })],
    ["blobs by their names", () => ({ ...content, "model.safetensors": new Blob([WEIGHTS]) })],
    ["files of a folder", () => Object.entries(content).map(([n, b]) => file(`my/tiny/${n}`, b))],
    [
      "names with a folder",
      () => Object.fromEntries(Object.entries(content).map(([n, b]) => [`tiny/${n}`, b])),
    ],
    [
      "files beside others",
      () => [
        ...Object.entries(content).map(([n, b]) => file(`tiny/${n}`, b)),
        file("tiny/.git/config.json", PAGE as never),
        file("tiny/onnx/model.onnx", WEIGHTS),
      ],
    ],
  ])("as %s is converted without any request", async (_, files) => {
    const g = await Graftlet.load(files() as never, options());
    expect(g.backbone.name).toBe("fake-minilm");
    expect(server.requests).toEqual([]);
    expect(engines[0]?.["backbone.safetensors"]).toHaveLength(100_000);
    expect(await g.storage()).toMatchObject({ backboneKept: false });
  });

  it("may be converted already", async () => {
    await Graftlet.load(content, options());
    const [converted] = engines;
    await Graftlet.load(converted as Record<string, Uint8Array>, options());
    expect(engines).toHaveLength(2);
    expect(engines[1]).toEqual(converted);
    expect(FakeWorker.started.filter(({ terminated }) => !terminated)).toHaveLength(2);
  });

  it.each<[string, unknown, string]>([
    ["no files", [], "option_invalid"],
    [
      "two files of one name",
      [file("config.json", CONFIG), file("config.json", CONFIG)],
      "option_invalid",
    ],
    ["something else than files", ["config.json"], "option_invalid"],
    ["something else among the files", { ...content, "vocab.txt": 7 }, "option_invalid"],
    ["no weights", { "config.json": CONFIG, "tokenizer.json": TOKENIZER }, "file_missing"],
    ["a stranger's files", { "notes.txt": TOKENIZER }, "file_missing"],
    [
      "another architecture",
      { ...content, "config.json": Buffer.from('{"model_type":"t5"}') },
      "model_unsupported",
    ],
    ["cut weights", { ...content, "model.safetensors": Buffer.alloc(3) }, "file_truncated"],
    [
      "a broken manifest",
      { ...content, "manifest.json": Buffer.from('{"files":3}') },
      "config_invalid",
    ],
  ])("is refused with %s", async (_, files, code) => {
    expect(await codeOf(Graftlet.load(files as never, options()))).toBe(code);
    expect(FakeWorker.started.every(({ terminated }) => terminated)).toBe(true);
  });

  it("is refused when a file cannot be read any more", async () => {
    class Gone extends File {
      override arrayBuffer = () => Promise.reject(new DOMException("gone", "NotReadableError"));
    }
    const { survey, GivenModelFolder } = await import("../model-folder.js");
    const folder = { path: "", files: { "config.json": new Gone([CONFIG], "config.json") } };
    expect(await codeOf(survey(new GivenModelFolder(folder), fake))).toBe("io");
  });
});

/**
 * Scripted faults for every file that the package fetches, against a real HTTP server: the right code each, recovered
 * where that can be, next to nothing fetched twice, and the next load clean.
 */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { fetchAdapter } from "../adapter-folder.js";
import { Downloads } from "../download.js";
import type { Engine, EngineModule } from "../engine.js";
import { toShape } from "../errors.js";
import { loadEngine } from "../loading.js";
import type { LoadEvent } from "../protocol.js";
import type { AdapterFiles } from "../types.js";
import { FakeCaches } from "./fake-caches.js";
import * as fake from "./fake-engine.js";
import { type FakeNetwork, fakeNetwork } from "./fake-network.js";
import {
  type Exchange,
  type Fault,
  FaultServer,
  send,
  sendOther,
  sendPacked,
  sendPart,
} from "./fault-server.js";

const LIMITS = {
  attempts: 5,
  backoffMs: 1,
  longestBackoffMs: 2,
  // Time does not pass by itself: a server that stands still says so.
  stallMs: 1_000_000,
  leastBytes: 1024,
  totalMs: 100_000_000,
};
const HTML = "<!DOCTYPE html><title>Sign in</title><p>Welcome to the hotel's network.";

const hash = (content: Buffer | string) => createHash("sha256").update(content).digest("hex");
/** Bytes that do not repeat, the same at every run. */
function bytes(length: number, seed: number): Buffer {
  const content = Buffer.alloc(length);
  let state = seed;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    content[i] = state >>> 24;
  }
  return content;
}

const listed = (name: string, content: Buffer) => ({
  name,
  bytes: content.length,
  sha256: hash(content),
});

function backbone(seed: number): Map<string, Buffer> {
  const config = Buffer.from(JSON.stringify({ hidden_size: 384, seed, note: "x".repeat(2000) }));
  const weights = bytes(600_000, seed);
  const list = [listed("config.json", config), listed("model.safetensors", weights)];
  const manifest = Buffer.from(JSON.stringify({ format: 1, name: "m", files: list }));
  return new Map([
    ["/m/manifest.json", manifest],
    ["/m/config.json", config],
    ["/m/model.safetensors", weights],
  ]);
}

function adapter(): Map<string, Buffer> {
  const config = Buffer.from(JSON.stringify({ peft_type: "LORA", note: "y".repeat(2000) }));
  const weights = bytes(200_000, 7);
  const list = [
    listed("adapter_config.json", config),
    listed("adapter_model.safetensors", weights),
  ];
  const zeros = "0".repeat(64);
  const card = (bytes: number, sha256: string) =>
    JSON.stringify({
      labels: ["no", "yes"],
      note: "z".repeat(2000),
      files: [...list, { name: "graftlet.json", bytes, sha256 }],
    });
  const { length } = card(1000, zeros);
  const side = card(length, hash(card(length, zeros)));
  return new Map([
    ["/a/graftlet.json", Buffer.from(side)],
    ["/a/adapter_config.json", config],
    ["/a/adapter_model.safetensors", weights],
  ]);
}

const WASM = bytes(300_000, 3);

const FILES_OF_ALL = [...backbone(1), ...adapter(), ["/e.wasm", WASM] as const];

/** A server, and a visitor whose browser keeps things from load to load. */
class World {
  readonly kept = new FakeCaches();
  events: LoadEvent[] = [];
  /** What the visitor's network does with a request before it gets to the server. */
  before: (url: string, init: RequestInit) => Promise<Response> | undefined = () => undefined;
  online = true;
  readonly #sleepers = new Set<() => void>();

  private constructor(readonly server: FaultServer) {
    server.onStall = () => this.pass();
  }

  static async start(): Promise<World> {
    const world = new World(await FaultServer.start());
    for (const [path, content] of FILES_OF_ALL) world.server.files.set(path, content);
    return world;
  }

  network(): FakeNetwork {
    const network = fakeNetwork(
      async (url, init) => {
        const early = this.before(url, init);
        if (early) return await early;
        const response = await fetch(url, init);
        const path = new URL(url).pathname;
        const count = new TransformStream<Uint8Array, Uint8Array>({
          transform: (chunk, controller) => {
            const { read } = this.server;
            read.set(path, (read.get(path) ?? 0) + chunk.length);
            controller.enqueue(chunk);
          },
        });
        const { status, headers } = response;
        return new Response(response.body?.pipeThrough(count) ?? null, { status, headers });
      },
      this.kept,
      this.server.origin,
    );
    return {
      ...network,
      online: () => this.online,
      sleep: (ms, signal) => {
        if (ms < 100) return network.sleep(Math.min(ms, 2), signal);
        return new Promise((resolve, reject) => {
          this.#sleepers.add(resolve);
          signal?.addEventListener("abort", () => {
            this.#sleepers.delete(resolve);
            reject(signal.reason);
          });
        });
      },
    };
  }

  /** A long time passes for all who wait. */
  pass(): void {
    const sleepers = [...this.#sleepers];
    this.#sleepers.clear();
    for (const wake of sleepers) wake();
  }

  /** Loads engine and backbone; answers with what came. */
  async load(signal?: AbortSignal): Promise<Map<string, Buffer>> {
    const came = new Map<string, Buffer>();
    const module: EngineModule = {
      ...fake,
      default: async ({ module_or_path }) => {
        came.set("/e.wasm", Buffer.from(module_or_path as Uint8Array));
        return {};
      },
      Engine: {
        fromFiles(files) {
          for (const [name, content] of Object.entries(files)) {
            came.set(`/m/${name}`, Buffer.from(content));
          }
          return new fake.Engine() as Engine;
        },
      },
    };
    const file = {
      url: new URL(`${this.server.origin}/e.wasm`),
      bytes: WASM.length,
      sha256: hash(WASM),
    };
    const wasm = { simd128: file, relaxed: file };
    const delivery = { network: this.network(), limits: LIMITS };
    this.events = [];
    const emit = (event: LoadEvent) => void this.events.push(event);
    signal?.throwIfAborted();
    await loadEngine(module, wasm, delivery, `${this.server.origin}/m/`, null, null, "int8", emit);
    return came;
  }

  async fetchAdapter(): Promise<Map<string, Buffer>> {
    const downloads = new Downloads(this.network(), undefined, LIMITS);
    const base = `${this.server.origin}/a/`;
    const files: AdapterFiles = await fetchAdapter(base, fake.adapterFileNames, downloads);
    return new Map(
      Object.entries(files).map(([name, content]) => [`/a/${name}`, Buffer.from(content)]),
    );
  }

  /** Fetches what the file belongs to. */
  visit(path: string): Promise<Map<string, Buffer>> {
    return path.startsWith("/a/") ? this.fetchAdapter() : this.load();
  }

  notices() {
    return this.events.filter((event) => event.type === "notice");
  }
}

const FILES = {
  manifest: "/m/manifest.json",
  "a small file of the backbone": "/m/config.json",
  "the backbone's weights": "/m/model.safetensors",
  wasm: "/e.wasm",
  "the side file": "/a/graftlet.json",
  "the adapter's configuration": "/a/adapter_config.json",
  "the adapter's weights": "/a/adapter_model.safetensors",
};
type FileName = keyof typeof FILES;

/** The first requests go wrong, all later ones do not. */
const first =
  (times: number, fault: Fault): Fault =>
  (exchange) =>
    exchange.earlier < times ? fault(exchange) : send(exchange);
const close = (exchange: { destroy(): void }) => exchange.destroy();
/** What a browser's HTTP cache would give: the wrong thing, unless it is passed by. */
const unlessReloaded =
  (fault: Fault): Fault =>
  (exchange) =>
    exchange.request.headers["cache-control"] === "no-cache" ? send(exchange) : fault(exchange);
const flipped = ({ content }: Exchange): Buffer => {
  const other = Buffer.from(content);
  const middle = Math.floor(content.length / 2);
  other[middle] = (other[middle] ?? 0) ^ 4;
  return other;
};
const status =
  (code: number, headers: Record<string, string> = {}): Fault =>
  ({ response }) =>
    void response.writeHead(code, headers).end();

interface Case {
  fault?: Fault;
  network?: (world: World, path: string) => void;
  /** "whole", or the error's code. */
  comes: string;
  /** Of files that nothing else vouches for. */
  of?: Partial<Record<FileName, string>>;
  /** True where next to nothing may come twice. */
  resumes?: boolean;
}

/** There is no way to tell that a side file is missing; the files are then unchecked, as those of both libraries are. */
const OPTIONAL = { "the side file": "whole" };
/** Without a manifest the folder may be a model's as a hub has it, and then it must have a tokenizer. */
const ABSENT = { ...OPTIONAL, manifest: "file_missing" };
const UNVOUCHED = { manifest: "config_invalid", "the side file": "checksum_mismatch" };

const CASES: Record<string, Case> = {
  "is cut once": {
    fault: first(1, (x) => sendPart(x, 0.4, close)),
    comes: "whole",
    resumes: true,
  },
  "is cut again and again": {
    fault: first(4, (x) => sendPart(x, 0.5, close)),
    comes: "whole",
    resumes: true,
  },
  "is cut by a server that has dates only": {
    fault: first(1, (x) => sendPart(x, 0.4, close, { etag: null, lastModified: true })),
    comes: "whole",
  },
  "is cut by a server without ETag or date": {
    fault: (x) =>
      x.earlier === 0 ? sendPart(x, 0.4, close, { etag: null }) : send(x, { etag: null }),
    comes: "whole",
  },
  "is cut by a server with weak ETags": {
    fault: (x) =>
      x.earlier === 0 ? sendPart(x, 0.4, close, { etag: 'W/"1"' }) : send(x, { etag: 'W/"1"' }),
    comes: "whole",
  },
  "is cut by a server without Range": {
    fault: (x) => (x.earlier === 0 ? sendPart(x, 0.4, close) : send(x, { ranges: false })),
    comes: "whole",
  },
  "is cut, and has another ETag afterwards": {
    fault: (x) => (x.earlier === 0 ? sendPart(x, 0.4, close, { etag: '"old"' }) : send(x)),
    comes: "whole",
  },
  "is cut without a word": {
    fault: first(1, ({ response, content }) => {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      response.end(content.subarray(0, content.length / 2));
    }),
    comes: "whole",
    of: { manifest: "whole", "the side file": "whole" },
  },
  "is cut before its first byte": {
    fault: first(2, ({ response }) => void response.destroy()),
    comes: "whole",
    resumes: true,
  },
  "is always cut before its first byte": {
    fault: ({ response }) => void response.destroy(),
    comes: "unreachable",
  },
  "is always cut at its middle, without Range": {
    fault: (x) => sendPart(x, 0.5, close, { ranges: false, etag: null }),
    comes: "connection_lost",
  },
  "stalls once": {
    fault: first(1, (x) => sendPart(x, 0.4, x.stall)),
    comes: "whole",
    resumes: true,
  },
  "stalls before it says anything": { fault: first(1, (x) => x.stall()), comes: "whole" },
  "stalls for ever": { fault: (x) => x.stall(), comes: "timed_out" },
  "is not there": { fault: status(404), comes: "not_found", of: ABSENT },
  "is gone": { fault: status(410), comes: "not_found", of: ABSENT },
  "is a web page": {
    fault: (x) => sendOther(x, HTML, "text/html; charset=utf-8"),
    comes: "not_a_file",
    of: ABSENT,
  },
  "is a web page that says it is none": {
    fault: (x) => sendOther(x, HTML),
    comes: "length_mismatch",
    of: ABSENT,
  },
  "is a web page in the HTTP cache": {
    fault: unlessReloaded((x) => sendOther(x, HTML, "text/html")),
    comes: "whole",
  },
  "is shorter than listed": {
    fault: (x) => sendOther(x, x.content.subarray(0, x.content.length - 9)),
    comes: "length_mismatch",
    of: UNVOUCHED,
  },
  "is shorter than listed, of no said length": {
    fault: ({ response, content }) => {
      response.writeHead(200, { "content-type": "application/octet-stream" });
      response.end(content.subarray(0, content.length - 9));
    },
    comes: "connection_lost",
    of: UNVOUCHED,
  },
  "is longer than listed": {
    fault: (x) => sendOther(x, Buffer.concat([x.content, Buffer.from("more")])),
    comes: "length_mismatch",
    of: UNVOUCHED,
  },
  "is empty": {
    fault: (x) => sendOther(x, ""),
    comes: "length_mismatch",
    of: UNVOUCHED,
  },
  "is shorter in the HTTP cache": {
    fault: unlessReloaded((x) => sendOther(x, x.content.subarray(0, 10))),
    comes: "whole",
  },
  "has a flipped bit": {
    fault: (x) => sendOther(x, flipped(x)),
    comes: "checksum_mismatch",
  },
  "has a flipped bit in the HTTP cache": {
    fault: unlessReloaded((x) => sendOther(x, flipped(x))),
    comes: "whole",
  },
  "is refused": {
    network: (world, path) => {
      world.before = (url, init) =>
        url.endsWith(path) ? fetch("http://127.0.0.1:9/", init) : undefined;
    },
    comes: "unreachable",
  },
  "fails with 500": { fault: status(500), comes: "fetch_failed" },
  "fails with 403": { fault: status(403), comes: "fetch_failed" },
  "is overloaded for a while": {
    fault: first(2, status(503, { "retry-after": "0" })),
    comes: "whole",
  },
  "is limited for a while": { fault: first(1, status(429)), comes: "whole" },
  "comes in drops": {
    fault: async (x) => {
      const { response, content } = x;
      response.writeHead(200, { "content-type": "application/octet-stream" });
      const size = Math.ceil(content.length / 20);
      for (let at = 0; at < content.length; at += size) {
        response.write(content.subarray(at, at + size));
        await x.hasRead(Math.min(content.length, at + size));
      }
      response.end();
    },
    comes: "whole",
    resumes: true,
  },
  "is packed, without a length": { fault: sendPacked, comes: "whole", resumes: true },
  "is led elsewhere": {
    fault: ({ path, response, content, ...x }) => {
      if (x.request.url?.includes("?moved")) send({ path, response, content, ...x });
      else response.writeHead(302, { location: `${path}?moved` }).end();
    },
    comes: "whole",
    resumes: true,
  },
  "is led in a circle": {
    fault: ({ path, response }) => void response.writeHead(302, { location: path }).end(),
    comes: "unreachable",
  },
  "is asked for without a network": {
    network: (world, path) => {
      world.online = false;
      world.before = (url) =>
        url.endsWith(path) ? Promise.reject(new TypeError("Failed to fetch")) : undefined;
    },
    comes: "offline",
  },
  "is on a server that lets nobody read": {
    network: (world, path) => {
      world.before = (url, { mode }) => {
        if (!url.endsWith(path)) return undefined;
        return mode === "no-cors"
          ? Promise.resolve({ type: "opaque" } as Response)
          : Promise.reject(new TypeError("Failed to fetch"));
      };
    },
    comes: "cors_refused",
  },
  "goes on from another byte than asked for": {
    fault: (x) => {
      if (x.earlier === 0) return sendPart(x, 0.4, close);
      if (x.request.headers.range === undefined) return send(x);
      x.response.writeHead(206, { "content-range": `bytes 0-9/${x.content.length}` });
      x.response.end(x.content.subarray(0, 10));
      return undefined;
    },
    comes: "whole",
  },
  "is packed in its second part": {
    fault: (x) => {
      const { request, response, content } = x;
      if (x.earlier === 0) return sendPart(x, 0.4, close);
      if (request.headers.range === undefined) return send(x);
      const start = Number(request.headers.range.replace(/\D/g, ""));
      const range = `bytes ${start}-${content.length - 1}/${content.length}`;
      response.writeHead(206, { "content-range": range, "content-encoding": "gzip" });
      response.end(gzipSync(content).subarray(start));
      return undefined;
    },
    comes: "whole",
  },
  "breaks at every part": {
    fault: (x) => {
      if (x.request.headers.range === undefined) {
        return x.earlier === 0 ? sendPart(x, 0.4, close) : send(x);
      }
      const start = Number(x.request.headers.range.replace(/\D/g, ""));
      const { length } = x.content;
      x.response.writeHead(206, { "content-range": `bytes ${start}-${length - 1}/${length}` });
      x.response.flushHeaders();
      setTimeout(() => x.response.destroy(), 5);
      return undefined;
    },
    comes: "whole",
  },
  "has no such range any more": {
    fault: (x) => {
      if (x.earlier === 0) return sendPart(x, 0.4, close);
      if (x.request.headers.range === undefined) return send(x);
      x.response.writeHead(416).end();
      return undefined;
    },
    comes: "whole",
  },
};

const rows = Object.entries(CASES).flatMap(([fault, row]) =>
  (Object.keys(FILES) as FileName[]).map((file) => ({ file, fault, row })),
);

let worlds: World[] = [];
async function world(): Promise<World> {
  const started = await World.start();
  worlds.push(started);
  return started;
}
afterEach(async () => {
  const all = worlds;
  worlds = [];
  await Promise.all(all.map(({ server }) => server.close()));
});

/** What a visit comes to: "whole" if every file is right, else the code; `wrong` must never be. */
async function outcome(world: World, path: string): Promise<string> {
  try {
    const came = await world.visit(path);
    const all = [...came].every(([name, content]) => {
      const right = world.server.files.get(name);
      return right !== undefined && content.equals(right);
    });
    return all && came.size > 1 ? "whole" : "wrong";
  } catch (thrown) {
    const { code, message } = toShape(thrown);
    expect(message.length).toBeLessThan(400);
    return code;
  }
}

describe("a file that", () => {
  it("is worth a table", () => expect(rows.length).toBeGreaterThanOrEqual(120));

  it.each(rows)("$fault: $file", async ({ file, fault, row }) => {
    const path = FILES[file];
    const here = await world();
    const { server } = here;
    if (row.fault) server.faults.set(path, row.fault);
    row.network?.(here, path);
    expect(await outcome(here, path), fault).toBe(row.of?.[file] ?? row.comes);
    if (row.resumes) {
      const size = server.files.get(path)?.length ?? 0;
      expect(server.read.get(path)).toBeLessThanOrEqual(size * 1.01);
    }
    // Everything is well again, and so is the next load.
    server.faults.clear();
    here.before = () => undefined;
    here.online = true;
    expect(await outcome(here, path)).toBe("whole");
    if (!path.startsWith("/a/")) {
      expect(here.notices()).toEqual([]);
      expect(here.kept.keys("graftlet-parts")).toEqual([]);
      server.read.clear();
      expect(await outcome(here, path)).toBe("whole");
      expect(server.read.get("/m/model.safetensors")).toBeUndefined();
    }
  });
});

describe("the next visit", () => {
  it.each(["/m/model.safetensors", "/e.wasm"])("goes on with a part of %s", async (path) => {
    const here = await world();
    const { server } = here;
    server.faults.set(path, (x) =>
      x.earlier === 0 ? sendPart(x, 0.7, close) : void x.response.destroy(),
    );
    expect(await outcome(here, path)).toBe("connection_lost");
    server.faults.clear();
    expect(await outcome(here, path)).toBe("whole");
    const size = server.files.get(path)?.length ?? 0;
    expect(server.read.get(path)).toBeLessThanOrEqual(size * 1.01);
    expect(server.requestsOf(path).at(-1)?.ifRange).toBeDefined();
  });

  it("goes on after a tab that was closed in the middle", async () => {
    const here = await world();
    const { server } = here;
    const path = "/m/model.safetensors";
    const size = server.files.get(path)?.length ?? 0;
    // A closed tab does nothing at its end: only what it had written until then is there.
    server.faults.set(path, (x) => sendPart(x, 0.7, () => {}));
    void here.load().catch(() => {});
    const kept = () => here.kept.keys("graftlet-parts").length;
    const least = Math.floor((size * 0.7) / 2 / 32_768);
    while (kept() < least) await new Promise((done) => setTimeout(done, 1));
    const tab = await World.start();
    worlds.push(tab);
    for (const [name, cache] of here.kept.caches) tab.kept.caches.set(name, new Map(cache));
    // Keys are addresses of the backbone and hashes of its parts; these need no address.
    expect(await outcome(tab, path)).toBe("whole");
    const range = Number(tab.server.requestsOf(path)[0]?.range?.replace(/\D/g, ""));
    // Parts are of 32 KB or more as they come, and of a two-hundredth of a larger file.
    expect(range).toBeGreaterThanOrEqual(least * 32_768);
  });

  it("does not trust parts that were damaged", async () => {
    const here = await world();
    const path = "/m/model.safetensors";
    here.server.faults.set(path, (x) =>
      x.earlier === 0 ? sendPart(x, 0.7, close) : void x.response.destroy(),
    );
    expect(await outcome(here, path)).toBe("connection_lost");
    const [part] = here.kept.caches.get("graftlet-parts")?.values() ?? [];
    if (part) part[5] = (part[5] ?? 0) ^ 1;
    here.server.faults.clear();
    expect(await outcome(here, path)).toBe("whole");
  });

  it("does not trust kept files that were damaged", async () => {
    const here = await world();
    expect(await outcome(here, "/m/")).toBe("whole");
    const content = here.kept.content("graftlet-backbone", "model.safetensors");
    content[77] = (content[77] ?? 0) ^ 1;
    expect(await outcome(here, "/m/")).toBe("whole");
    expect(here.server.requestsOf("/m/model.safetensors")).toHaveLength(2);
  });
});

describe("a backbone's versions", () => {
  const offer = (here: World, seed: number) => {
    for (const [path, content] of backbone(seed)) here.server.files.set(path, content);
  };

  it("follow each other, and the old one goes last", async () => {
    const here = await world();
    await here.load();
    offer(here, 2);
    const seen: boolean[] = [];
    here.kept.onPut = (url) => {
      const old = here.kept.keys("graftlet-backbone").filter((key) => key.includes("sha256="));
      if (url.endsWith("manifest.json")) seen.push(old.length === 4);
    };
    expect(await outcome(here, "/m/")).toBe("whole");
    expect(seen).toEqual([true]);
    expect(here.kept.keys("graftlet-backbone")).toHaveLength(3);
  });

  it("are not lost by an upgrade that is cut off", async () => {
    const here = await world();
    const old = await here.load();
    offer(here, 2);
    here.server.faults.set("/m/model.safetensors", ({ response }) => void response.destroy());
    const came = await here.load();
    expect([...came].map(([path, content]) => [path, hash(content)])).toEqual(
      [...old].map(([path, content]) => [path, hash(content)]),
    );
    expect(here.notices()).toMatchObject([
      ...Array(4).fill({ about: "retry", code: "unreachable" }),
      { about: "backbone", code: "unreachable" },
    ]);
    here.server.faults.clear();
    expect(await outcome(here, "/m/")).toBe("whole");
  });

  it("that do not fit beside each other replace each other", async () => {
    const here = await world();
    await here.load();
    here.kept.room = 900_000;
    offer(here, 2);
    expect(await outcome(here, "/m/")).toBe("whole");
    expect(here.notices()).toEqual([]);
    here.server.read.clear();
    expect(await outcome(here, "/m/")).toBe("whole");
    expect(here.server.read.get("/m/model.safetensors")).toBeUndefined();
  });

  it("load from what is kept when the server cannot be reached", async () => {
    const here = await world();
    await here.load();
    here.before = (url, init) =>
      url.includes("/m/") ? fetch("http://127.0.0.1:9/", init) : undefined;
    expect(await outcome(here, "/m/")).toBe("whole");
    expect(here.notices().at(-1)).toMatchObject({ about: "backbone", code: "unreachable" });
  });

  it("are fetched once by two tabs", async () => {
    const here = await world();
    const network = here.network();
    here.network = () => network;
    await Promise.all([here.load(), here.load()]);
    expect(here.server.requestsOf("/m/model.safetensors")).toHaveLength(1);
  });
});

describe("a browser that keeps nothing", () => {
  it.each([
    ["storage_unavailable", (kept: FakeCaches) => Object.assign(kept, { denied: true })],
    ["quota_exceeded", (kept: FakeCaches) => Object.assign(kept, { room: 100_000 })],
  ])("is told as %s, and loads", async (code, set) => {
    const here = await world();
    set(here.kept);
    expect(await outcome(here, "/m/")).toBe("whole");
    expect(here.notices()).toMatchObject([{ about: "cache", code }]);
  });
});

describe("a disk that is full", () => {
  const quota = () => new DOMException("Quota exceeded.", "QuotaExceededError");
  const FULL: Record<string, (write: number, at: number) => boolean> = {
    "from then on": (write, at) => write >= at,
    "for once": (write, at) => write === at,
  };
  /** Fills the disk at each write in turn, until one is not reached; answers with how many there were. */
  const atEveryWrite = async (
    isFull: (write: number, at: number) => boolean,
    run: (fill: (here: World) => void) => Promise<void>,
  ): Promise<number> => {
    let at = 1;
    for (let reached = true; reached; at += 1) {
      reached = false;
      await run((here) => {
        let writes = 0;
        here.kept.onPut = () => {
          writes += 1;
          reached ||= writes >= at;
          if (isFull(writes, at)) throw quota();
        };
      });
    }
    return at;
  };
  const hashes = (came: Map<string, Buffer>) =>
    JSON.stringify([...came].map(([path, content]) => [path, hash(content)]).sort());

  it.each(Object.entries(FULL))(
    "%s, at any write of a first download: it loads, and so does the next visit",
    async (_, isFull) => {
      const writes = await atEveryWrite(isFull, async (fill) => {
        const here = await world();
        fill(here);
        expect(await outcome(here, "/m/")).toBe("whole");
        for (const notice of here.notices()) {
          expect(notice).toMatchObject({ about: "cache", code: "quota_exceeded" });
        }
        expect(await outcome(here, "/m/")).toBe("whole");
        here.kept.onPut = () => {};
        expect(await outcome(here, "/m/")).toBe("whole");
      });
      expect(writes).toBeGreaterThan(3);
    },
    120_000,
  );

  it.each(Object.entries(FULL))(
    "%s, at any write of an upgrade: one version or the other is kept whole",
    async (_, isFull) => {
      const writes = await atEveryWrite(isFull, async (fill) => {
        const here = await world();
        const old = hashes(await here.load());
        for (const [path, content] of backbone(2)) here.server.files.set(path, content);
        fill(here);
        expect(await outcome(here, "/m/")).toBe("whole");
        const told = here.notices();
        here.kept.onPut = () => {};
        // Without the server there is only what is kept.
        here.before = (url, init) =>
          url.includes("/m/") ? fetch("http://127.0.0.1:9/", init) : undefined;
        const later = await here.load().then(hashes, (thrown) => toShape(thrown).code);
        here.before = () => undefined;
        const fresh = hashes(await here.load());
        expect(fresh).not.toBe(old);
        // That nothing is kept has been told.
        if (told.length === 0) expect(later).toBe(fresh);
        else expect(told).toMatchObject([{ about: "cache", code: "quota_exceeded" }]);
        expect([old, fresh, "unreachable"]).toContain(later);
      });
      expect(writes).toBeGreaterThan(3);
    },
    120_000,
  );
});

describe("progress", () => {
  it("is one over module and backbone, and counts what is kept at once", async () => {
    const here = await world();
    await here.load();
    const counts = () => here.events.filter((event) => event.type === "download");
    const total = WASM.length + 600_000 + (here.server.files.get("/m/config.json")?.length ?? 0);
    expect(new Set(counts().map((event) => event.total))).toEqual(new Set([total]));
    expect(counts().at(-1)).toMatchObject({ loaded: total, received: total });
    await here.load();
    expect(counts().at(-1)).toMatchObject({ loaded: total, received: WASM.length });
  });
});

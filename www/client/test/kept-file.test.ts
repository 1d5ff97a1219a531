/** Weights that the browser keeps, and the engine that is put together while they are read. */
import { createHash } from "node:crypto";
import { beforeEach, describe, expect, it } from "vitest";
import type { Engine, EngineModule, Loading } from "../engine.js";
import { Damaged, KeptFile, keepable } from "../kept-file.js";
import { loadEngine } from "../loading.js";
import { StreamedModule } from "../streamed-module.js";
import type { AdapterFiles } from "../types.js";
import { FakeCaches } from "./fake-caches.js";
import * as fake from "./fake-engine.js";
import { fakeNetwork } from "./fake-network.js";

const MEGABYTE = 2 ** 20;
const hash = (content: Uint8Array) => createHash("sha256").update(content).digest("hex");

/** Bytes that do not repeat, the same at every run. */
function bytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const content = new Uint8Array(length);
  let state = seed;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    content[i] = state >>> 24;
  }
  return content;
}

describe("A file that the browser keeps", () => {
  const KEY = "https://graftlet.test/w";
  let caches: FakeCaches;
  let cache: Cache;
  beforeEach(async () => {
    caches = new FakeCaches();
    cache = await caches.open("c");
  });

  const file = (length: number) => ({ name: "w", bytes: length, sha256: "" });
  /** What arrives of a file, and whether it was right. */
  async function read(length: number): Promise<{ content: Uint8Array; error: unknown }> {
    const pieces: Uint8Array[] = [];
    const kept = await KeptFile.open(cache, KEY, file(length));
    const error = await kept
      ?.read((piece) => void pieces.push(piece.slice()))
      .catch((thrown: unknown) => thrown);
    return { content: new Uint8Array(Buffer.concat(pieces)), error };
  }

  for (const length of [MEGABYTE + 1, 2 * MEGABYTE, 2.5 * MEGABYTE, 70 * MEGABYTE + 3]) {
    it(`is read piece by piece: ${length} bytes`, async () => {
      const content = bytes(length);
      await cache.put(KEY, await keepable(content));
      const found = await read(length);
      expect(found.error).toBeUndefined();
      expect(hash(found.content)).toBe(hash(content));
    });
  }

  it("is refused whichever byte of it was changed", async () => {
    const content = bytes(2.5 * MEGABYTE);
    await cache.put(KEY, await keepable(content));
    const kept = caches.content("c", "/w");
    for (const at of [0, MEGABYTE - 1, MEGABYTE, 2 * MEGABYTE, content.length - 1]) {
      kept[at] = (kept[at] as number) ^ 1;
      expect((await read(content.length)).error).toBeInstanceOf(Damaged);
      kept[at] = (kept[at] as number) ^ 1;
    }
    expect((await read(content.length)).error).toBeUndefined();
  });

  it("is refused if it is shorter or longer", async () => {
    const content = bytes(2.5 * MEGABYTE);
    for (const length of [2 * MEGABYTE + 1, 2.5 * MEGABYTE - 1, 2.5 * MEGABYTE + 1]) {
      const { headers } = await keepable(content);
      const other = new Uint8Array(length);
      other.set(content.subarray(0, length));
      await cache.put(KEY, new Response(other, { headers }));
      expect((await read(content.length)).error).toBeInstanceOf(Damaged);
    }
  });

  it("is none without the hashes of its pieces, or with those of another", async () => {
    const open = (length: number) => KeptFile.open(cache, KEY, file(length));
    expect(await open(2 * MEGABYTE)).toBeUndefined();
    await cache.put(KEY, new Response(bytes(2 * MEGABYTE)));
    expect(await open(2 * MEGABYTE)).toBeUndefined();
    await cache.put(KEY, await keepable(bytes(100)));
    expect(await open(100)).toBeUndefined();
    await cache.put(KEY, await keepable(bytes(2 * MEGABYTE)));
    expect(await open(2 * MEGABYTE + 1)).toBeUndefined();
    expect(await open(2 * MEGABYTE)).toBeDefined();
    const headers = { "x-graftlet-pieces": "1 00 00" };
    await cache.put(KEY, new Response(bytes(2), { headers }));
    expect(await open(2)).toBeUndefined();
  });
});

describe("A cached start", () => {
  const MODEL = "https://graftlet.test/m/";
  /** The server's folder. */
  let files: Map<string, Uint8Array<ArrayBuffer>>;
  let kept: FakeCaches;
  let asked: string[];
  /** What the server does before it sends a file. */
  let before: (name: string) => Promise<void>;
  /** With the hash of each file. */
  let engines: { files: Record<string, string>; freed: boolean }[];
  let begun: number;

  function publish(seed: number): void {
    const config = new TextEncoder().encode(JSON.stringify({ seed }));
    const weights = bytes(1.5 * MEGABYTE, seed);
    const listed = (name: string, content: Uint8Array) => ({
      name,
      bytes: content.length,
      sha256: hash(content),
    });
    const list = [listed("config.json", config), listed("backbone.safetensors", weights)];
    const manifest = new TextEncoder().encode(JSON.stringify({ format: 1, files: list }));
    files = new Map([
      ["manifest.json", manifest],
      ["config.json", config],
      ["backbone.safetensors", weights],
    ]);
  }

  beforeEach(() => {
    publish(1);
    kept = new FakeCaches();
    asked = [];
    engines = [];
    begun = 0;
    before = async () => {};
  });

  async function load(push: (piece: Uint8Array) => void = () => {}) {
    const network = fakeNetwork(async (url) => {
      const name = url.split("/").at(-1) as string;
      if (name === "e.wasm") return new Response(new Uint8Array());
      asked.push(name);
      await before(name);
      const content = files.get(name);
      return content ? new Response(content) : new Response(null, { status: 404 });
    }, kept);
    const made = (all: AdapterFiles): Engine => {
      const entry = { files: hashes(Object.entries(all)), freed: false };
      engines.push(entry);
      return Object.assign(new fake.Engine(), {
        free() {
          entry.freed = true;
        },
      });
    };
    const module: EngineModule = {
      ...fake,
      default: async () => ({}),
      Engine: {
        fromFiles: made,
        begin(small): Loading {
          begun += 1;
          const gathered = fake.gathering(small, made);
          return {
            ...gathered,
            push(piece) {
              push(piece);
              gathered.push(piece);
            },
          };
        },
      },
    };
    const file = { url: new URL("https://graftlet.test/e.wasm") };
    const wasm = { simd128: file, relaxed: file };
    const notices: unknown[] = [];
    await loadEngine(module, wasm, { network }, MODEL, null, null, "int8", null, (event) => {
      if (event.type === "notice") notices.push(event);
    });
    return notices;
  }

  const hashes = (all: Iterable<[string, Uint8Array]>) =>
    Object.fromEntries([...all].map(([name, content]) => [name, hash(content)]));
  const whole = () => hashes(files);
  const names = () => ["manifest.json", "config.json", "backbone.safetensors"];

  it("builds the engine before the server has said what it has", async () => {
    await load();
    expect([asked, engines.length]).toEqual([names(), 1]);
    asked = [];
    let answer = () => {};
    const answered = new Promise<void>((resolve) => {
      answer = resolve;
    });
    before = () => answered;
    let come = 0;
    await load((piece) => {
      come += piece.length;
      if (come === 1.5 * MEGABYTE) answer();
    });
    expect(asked).toEqual(["manifest.json"]);
    expect(engines.map(({ freed }) => freed)).toEqual([false, false]);
    expect(engines[1]?.files).toEqual(whole());
  });

  it("takes the server's version where it has another", async () => {
    await load();
    publish(2);
    await load();
    expect(engines.at(-1)?.files).toEqual(whole());
    expect(engines.map(({ freed }) => freed)).toEqual([false, true, false]);
    asked = [];
    await load();
    expect([asked, engines.at(-1)?.files]).toEqual([["manifest.json"], whole()]);
  });

  it("takes what is kept where the server cannot be reached, and says so", async () => {
    await load();
    before = () => Promise.reject(new TypeError("Failed to fetch"));
    const notices = await load();
    expect(notices).toContainEqual(expect.objectContaining({ about: "backbone" }));
    expect([begun, engines.at(-1)?.files]).toEqual([2, whole()]);
  });

  it("fetches weights again that were damaged, and keeps them", async () => {
    await load();
    const content = kept.content("graftlet-backbone", "backbone.safetensors");
    content[MEGABYTE] = (content[MEGABYTE] as number) ^ 1;
    asked = [];
    await load();
    expect(engines.at(-1)?.files).toEqual(whole());
    expect(asked).toContain("backbone.safetensors");
    asked = [];
    await load();
    expect([asked, engines.at(-1)?.files]).toEqual([["manifest.json"], whole()]);
  });

  it("reads a folder whose weights were kept without the hashes of their pieces", async () => {
    await load();
    const cache = await kept.open("graftlet-backbone");
    const key = kept.urls.find((url) => url.includes("backbone.safetensors")) as string;
    await cache.put(key, new Response(files.get("backbone.safetensors")));
    asked = [];
    await load();
    expect([asked, engines.at(-1)?.files]).toEqual([["manifest.json"], whole()]);
  });

  it("says what the engine says of weights that it cannot use", async () => {
    await load();
    const refused = load(() => {
      throw fake.engineError("file_invalid", "no tensors");
    });
    await expect(refused).rejects.toMatchObject({ code: "file_invalid" });
  });
});

describe("A module that is compiled while it arrives", () => {
  const EMPTY = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

  it("is there when its last bytes have come", async () => {
    const streamed = new StreamedModule();
    streamed.take(EMPTY.subarray(0, 3), 0);
    streamed.take(EMPTY.subarray(3), 3);
    expect(await streamed.finish()).toBeInstanceOf(WebAssembly.Module);
  });

  it("is none where a download began again, or where it is no module", async () => {
    const again = new StreamedModule();
    again.take(EMPTY.subarray(0, 3), 0);
    again.take(EMPTY, 0);
    expect(await again.finish()).toBeUndefined();
    const broken = new StreamedModule();
    broken.take(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9), 0);
    expect(await broken.finish()).toBeUndefined();
  });
});

/** A server whose answers go wrong, and a visitor whose browser keeps things from load to load. */
import { createHash } from "node:crypto";
import { fetchAdapter } from "../adapter-folder.js";
import { Downloads } from "../download.js";
import type { Engine, EngineModule } from "../engine.js";
import { loadEngine } from "../loading.js";
import type { LoadEvent } from "../protocol.js";
import type { AdapterFiles } from "../types.js";
import { FakeCaches } from "./fake-caches.js";
import * as fake from "./fake-engine.js";
import { type FakeNetwork, fakeNetwork } from "./fake-network.js";
import { FaultServer } from "./fault-server.js";

export const LIMITS = {
  attempts: 5,
  backoffMs: 1,
  longestBackoffMs: 2,
  // Time does not pass by itself: a server that stands still says so.
  stallMs: 1_000_000,
  leastBytes: 1024,
  totalMs: 100_000_000,
};
export const HTML = "<!DOCTYPE html><title>Sign in</title><p>Welcome to the hotel's network.";

export const hash = (content: Buffer | string) =>
  createHash("sha256").update(content).digest("hex");
/** Bytes that do not repeat, the same at every run. */
export function bytes(length: number, seed: number): Buffer {
  const content = Buffer.alloc(length);
  let state = seed;
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    content[i] = state >>> 24;
  }
  return content;
}

export const listed = (name: string, content: Buffer) => ({
  name,
  bytes: content.length,
  sha256: hash(content),
});

export function backbone(seed: number): Map<string, Buffer> {
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

export function adapter(): Map<string, Buffer> {
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

export const WASM = bytes(300_000, 3);

export const FILES_OF_ALL = [...backbone(1), ...adapter(), ["/e.wasm", WASM] as const];

/** A server, and a visitor whose browser keeps things from load to load. */
export class World {
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
        begin(files) {
          return fake.gathering(files, (all) => this.fromFiles(all));
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
    await loadEngine(
      module,
      wasm,
      delivery,
      `${this.server.origin}/m/`,
      null,
      null,
      "int8",
      null,
      emit,
    );
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

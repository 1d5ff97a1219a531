/**
 * The tests' double of the network and of what the browser keeps.
 */
import type { Network } from "../network.js";
import { browserNetwork } from "../network.js";

/** The Cache API in memory; `room` is how many bytes fit, and a denied one throws when it is opened. */
export class FakeCaches {
  room = Number.POSITIVE_INFINITY;
  denied = false;
  readonly caches = new Map<string, Map<string, { body: Uint8Array; headers: Headers }>>();
  /** Called before each write. */
  onPut: (url: string) => void = () => {};

  async open(name: string): Promise<Cache> {
    if (this.denied) throw new DOMException("The operation is insecure.", "SecurityError");
    const held = this.caches.get(name) ?? new Map();
    this.caches.set(name, held);
    const addressOf = (key: RequestInfo | URL) =>
      key instanceof Request ? key.url : new URL(String(key)).href;
    const cache = {
      match: async (key: RequestInfo) => {
        const found = held.get(addressOf(key));
        return found && new Response(found.body as BodyInit, { headers: found.headers });
      },
      put: async (key: RequestInfo, response: Response) => {
        const address = addressOf(key);
        this.onPut(address);
        const body = new Uint8Array(await response.arrayBuffer());
        if (this.used() + body.length > this.room) {
          throw new DOMException("Quota exceeded.", "QuotaExceededError");
        }
        held.set(address, { body, headers: response.headers });
      },
      delete: async (key: RequestInfo) => held.delete(addressOf(key)),
      keys: async () => [...held.keys()].map((address) => new Request(address)),
    };
    return cache as unknown as Cache;
  }

  used(): number {
    const all = [...this.caches.values()].flatMap((cache) => [...cache.values()]);
    return all.reduce((sum, { body }) => sum + body.length, 0);
  }

  /** The addresses in a cache. */
  keys(name: string): string[] {
    return [...(this.caches.get(name)?.keys() ?? [])];
  }

  /** A kept file, to be damaged. */
  content(name: string, part: string): Uint8Array {
    const [, found] = [...(this.caches.get(name) ?? [])].find(([key]) => key.includes(part)) ?? [];
    if (!found) throw new Error(`nothing is kept under ${part}`);
    return found.body;
  }
}

export interface FakeNetwork extends Network {
  kept: FakeCaches;
}

/** A network whose requests `fetch` answers. Locks are one after another, as the browser's are. */
export function fakeNetwork(
  fetch: Network["fetch"],
  kept = new FakeCaches(),
  origin = "",
): FakeNetwork {
  const locks = new Map<string, Promise<unknown>>();
  return {
    ...browserNetwork,
    fetch,
    kept,
    origin,
    caches: () => kept as unknown as CacheStorage,
    online: () => true,
    random: () => 0.5,
    lock(name, work) {
      const turn = (locks.get(name) ?? Promise.resolve()).then(work, work);
      locks.set(name, turn);
      return turn;
    },
  };
}

const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** A network with a backbone of one empty file in each folder, except for those that are called missing. */
export function emptyNetwork(): FakeNetwork {
  const files = [{ name: "config.json", bytes: 0, sha256: EMPTY_SHA256 }];
  const manifest = JSON.stringify({ format: 1, files });
  return fakeNetwork(async (url) => {
    if (url.includes("/missing/")) return new Response(null, { status: 404 });
    return new Response(url.endsWith("manifest.json") ? manifest : new Uint8Array());
  });
}

/** The wasm files of that network. */
export const EMPTY_WASM = {
  simd128: { url: new URL("https://graftlet.test/graftlet_simd128.wasm"), bytes: 0 },
  relaxed: { url: new URL("https://graftlet.test/graftlet_relaxed.wasm"), bytes: 0 },
};

/**
 * The tests' double of the network.
 */
import type { Network } from "../network.js";
import { browserNetwork } from "../network.js";
import { FakeCaches } from "./fake-caches.js";

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

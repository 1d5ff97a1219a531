/** The browser's cache of backbones: what is there, and what goes. */
import type { GraftletError } from "./errors.js";
import type { ManifestFile } from "./manifest.js";
import { refusal } from "./storage-error.js";

/** What is kept under a key; nothing where that cannot be read either. */
export async function match(
  cache: Cache | undefined,
  key: string,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    const kept = await cache?.match(key);
    return kept && new Uint8Array(await kept.arrayBuffer());
  } catch {
    return undefined;
  }
}

/** The files that are not kept. */
export async function missing(
  cache: Cache,
  list: readonly ManifestFile[],
  keyOf: (file: ManifestFile) => string,
): Promise<ManifestFile[]> {
  const there = new Set((await cache.keys()).map(({ url }) => url));
  return list.filter((file) => !there.has(new URL(keyOf(file)).href));
}

/** Removes what the folder has in the cache, but for these addresses. */
export async function removeAllBut(
  cache: Cache,
  base: string,
  wanted: ReadonlySet<string>,
): Promise<void> {
  for (const { url } of await cache.keys()) {
    const isOurs = url.startsWith(base) && !url.slice(base.length).includes("/");
    if (isOurs && !wanted.has(url)) await cache.delete(url);
  }
}

/** What a browser throws when it keeps nothing, as an error of ours. */
export function storageError(thrown: unknown): GraftletError {
  return refusal(
    thrown,
    "The browser has no room to keep the backbone, so it is fetched again at each visit: free some space.",
    (reason) =>
      `The browser does not let this page keep the backbone, so it is fetched again at each visit (${reason}).`,
  );
}

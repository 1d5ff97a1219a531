/**
 * What the browser keeps for the page, and how much room it gives.
 */
import { type ErrorShape, toShape } from "./errors.js";
import type { Store } from "./store.js";
import type { KeptFolder, StorageReport } from "./types.js";

/** The cache that the engine keeps backbones in. */
const BACKBONES = "graftlet-backbone";
/** Adapters that a full disk's sentence names. */
const MOST_NAMED = 3;

interface Stores {
  adapters(): Promise<Store>;
  runs(): Promise<Store>;
}

export async function storageReport(
  stores: Stores,
  backboneUrl: string | null,
): Promise<StorageReport> {
  const { usage = null, quota = null, persistent } = await room();
  const report = { usage, quota, persistent };
  try {
    const [adapters, runs, backboneKept] = await Promise.all([
      stores.adapters().then((store) => store.uses()),
      stores.runs().then((store) => store.uses()),
      backboneUrl !== null && isKept(backboneUrl).catch(() => false),
    ]);
    return { ...report, adapters, runs, backboneKept };
  } catch (thrown) {
    return { ...report, denied: toShape(thrown), adapters: [], runs: [], backboneKept: false };
  }
}

/** Where the disk is full, an error's sentence with the adapters that have been unused the longest. */
export async function namingUnused(
  error: ErrorShape,
  adapters: () => Promise<Store>,
): Promise<ErrorShape> {
  if (error.code !== "quota_exceeded") return error;
  try {
    const uses = await (await adapters()).uses();
    if (uses.length === 0) return error;
    const { usage, quota } = await room();
    const full =
      usage !== undefined && quota
        ? ` (${megabytes(usage)} of ${megabytes(quota)} are in use)`
        : "";
    const named = uses.slice(0, MOST_NAMED).map(unused).join(", ");
    return {
      ...error,
      message: `The browser has no room left for this page${full}: download what you want to keep, or delete what you need least. Unused the longest: ${named}.`,
    };
  } catch {
    return error;
  }
}

function unused({ name, bytes, usedAt }: KeptFolder): string {
  const since = usedAt > 0 ? `, last used on ${new Date(usedAt).toISOString().slice(0, 10)}` : "";
  return `“${name}” (${megabytes(bytes)}${since})`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

async function room(): Promise<{ usage?: number; quota?: number; persistent: boolean }> {
  const storage = globalThis.navigator?.storage;
  try {
    const [estimate, persistent] = await Promise.all([storage?.estimate(), storage?.persisted()]);
    return { ...estimate, persistent: persistent ?? false };
  } catch {
    return { persistent: false };
  }
}

/** Whether every file of the backbone's folder is in the cache, in the version that its kept manifest names. */
async function isKept(url: string): Promise<boolean> {
  const cache = await globalThis.caches?.open(BACKBONES);
  const held = await cache?.match(`${url}manifest.json`);
  if (!cache || !held) return false;
  const { files = [] } = (await held.json()) as { files?: { name: string; sha256: string }[] };
  const keys = new Set((await cache.keys()).map((request) => request.url));
  return files.every(({ name, sha256 }) => keys.has(`${url}${name}?sha256=${sha256}`));
}

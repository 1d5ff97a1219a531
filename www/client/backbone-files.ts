/**
 * The files of a backbone: from the browser's cache, or from the network and then kept there. A new version is written
 * beside the old one. Once it is whole the record, which is the manifest, is switched in one write, and then the old files
 * go. So there is a whole version at every moment.
 */
import type { Downloads, Retry } from "./download.js";
import { type ErrorShape, GraftletError, toShape } from "./errors.js";
import { MANIFEST, type ManifestFile, readManifest } from "./manifest.js";
import type { Network } from "./network.js";
import type { Parts } from "./parts.js";
import { sha256 } from "./sha256.js";
import type { AdapterFiles } from "./types.js";

export interface BackboneWatch {
  signal?: AbortSignal | undefined;
  /** The manifest is here, and its files have so many bytes. */
  onTotal(bytes: number): void;
  /** `received` of the file's `loaded` bytes came over the network in this visit. */
  onProgress(file: string, loaded: number, received: number): void;
  onRetry(retry: Retry): void;
  /** Something did not work, and the backbone loads all the same. */
  onNotice(about: "cache" | "backbone", error: ErrorShape): void;
}

/** The cache that backbones are kept in. */
const CACHE = "graftlet-backbone";
/** With these the server's folder is not what its manifest says, and the manifest may be an old one. */
const STALE = ["checksum_mismatch", "length_mismatch", "not_found", "not_a_file"];
const MOST_OF_A_MANIFEST = 2 ** 20;
/** How often another tab's download is looked at. */
const LOOK_MS = 500;
/** Looks without progress after which the other tab is not waited for any more. */
const LOOKS = 60;

export class BackboneFiles {
  readonly #base: string;
  readonly #downloads: Downloads;
  /** Gives up soon: for what the browser keeps already. */
  readonly #hasty: Downloads;
  readonly #network: Network;
  readonly #parts: Parts;
  readonly #watch: BackboneWatch;
  #cache: Cache | undefined;
  /** Why a file could not be kept. */
  #refusal: unknown = new Error("it was not kept");

  /** `base` is the folder's address, with a slash at its end. */
  constructor(
    base: string,
    downloads: Downloads,
    hasty: Downloads,
    parts: Parts,
    watch: BackboneWatch,
  ) {
    this.#base = base;
    this.#downloads = downloads;
    this.#hasty = hasty;
    this.#network = downloads.network;
    this.#parts = parts;
    this.#watch = watch;
  }

  /** All files, the manifest among them. Each has the hash that the manifest lists. */
  async get(): Promise<AdapterFiles> {
    await this.#open();
    try {
      return await this.#current();
    } catch (thrown) {
      if (toShape(thrown).code === "aborted") throw thrown;
      const kept = await this.#keptVersion().catch(() => undefined);
      if (!kept) throw thrown;
      this.#watch.onNotice("backbone", toShape(thrown));
      return kept;
    }
  }

  /** The version that the server has. */
  async #current(): Promise<AdapterFiles> {
    const kept = await this.#match(this.#url(MANIFEST));
    let json = await this.#manifest(kept ? this.#hasty : this.#downloads, "no-cache");
    let files: AdapterFiles;
    try {
      files = await this.#all(json);
    } catch (thrown) {
      if (!STALE.includes(toShape(thrown).code)) throw thrown;
      const again = await this.#manifest(this.#downloads, "reload");
      if (isEqual(again, json)) throw thrown;
      json = again;
      files = await this.#all(json);
    }
    const whole = { [MANIFEST]: json, ...files };
    await this.#switchTo(whole);
    return whole;
  }

  /** The manifest, checked. One that was damaged in the browser's HTTP cache is fetched again. */
  async #manifest(downloads: Downloads, cache: RequestCache): Promise<Uint8Array> {
    const wanted = { url: this.#url(MANIFEST), most: MOST_OF_A_MANIFEST, cache };
    const { signal, onRetry } = this.#watch;
    const json = await downloads.file(wanted, { signal, onRetry });
    try {
      readManifest(json);
      return json;
    } catch (error) {
      if (cache === "reload") throw error;
      return await this.#manifest(downloads, "reload");
    }
  }

  async #all(json: Uint8Array): Promise<AdapterFiles> {
    const list = readManifest(json);
    this.#watch.onTotal(list.reduce((sum, { bytes }) => sum + bytes, 0));
    const files: AdapterFiles = {};
    for (const file of list) files[file.name] = await this.#file(file);
    return files;
  }

  async #file(file: ManifestFile): Promise<Uint8Array> {
    const kept = await this.#keptFile(file);
    if (kept) return kept;
    if (!this.#cache) return await this.#download(file);
    const lock = `graftlet file ${file.sha256}`;
    // One download for all tabs: who comes second finds what the first has kept.
    const work = async () => (await this.#keptFile(file)) ?? (await this.#download(file));
    const waiting = new AbortController();
    const { signal } = this.#watch;
    const stop = () => waiting.abort();
    signal?.addEventListener("abort", stop, { once: true });
    let begun = false;
    const done = new AbortController();
    const follow = this.#follow(file, done.signal, () => begun, stop);
    try {
      return await this.#network.lock(
        lock,
        () => {
          begun = true;
          return work();
        },
        waiting.signal,
      );
    } catch (thrown) {
      if (begun) throw thrown;
      if (signal?.aborted) {
        throw new GraftletError("aborted", "Loading of the backbone was cancelled.");
      }
      return await work();
    } finally {
      done.abort();
      await follow;
      signal?.removeEventListener("abort", stop);
    }
  }

  /** While another tab fetches the file, its progress is this one's too. A tab that stands still is not waited for. */
  async #follow(
    file: ManifestFile,
    done: AbortSignal,
    begun: () => boolean,
    stop: () => void,
  ): Promise<void> {
    let highest = 0;
    for (let looks = 0; looks < LOOKS; looks += 1) {
      try {
        await this.#network.sleep(LOOK_MS, done);
      } catch {
        return;
      }
      if (begun()) return;
      const length = await this.#parts.length(file.sha256);
      if (length <= highest) continue;
      highest = length;
      looks = 0;
      if (!done.aborted) this.#watch.onProgress(file.name, Math.min(length, file.bytes), 0);
    }
    stop();
  }

  async #download(file: ManifestFile): Promise<Uint8Array> {
    const { name, bytes, sha256 } = file;
    const { signal, onRetry } = this.#watch;
    const content = await this.#downloads.file(
      { url: this.#url(name), bytes, sha256 },
      {
        signal,
        onRetry,
        onProgress: (loaded, received) => this.#watch.onProgress(name, loaded, received),
      },
    );
    await this.#keep(this.#key(file), content);
    return content;
  }

  /** A file that the browser keeps, if it is still what it was. */
  async #keptFile(file: ManifestFile): Promise<Uint8Array | undefined> {
    const key = this.#key(file);
    const content = await this.#match(key);
    if (!content) return undefined;
    if (content.length === file.bytes && (await sha256(content)) === file.sha256) {
      this.#watch.onProgress(file.name, file.bytes, 0);
      return content;
    }
    await this.#cache?.delete(key).catch(() => {});
    return undefined;
  }

  /** The version on record, if all of it is there. */
  async #keptVersion(): Promise<AdapterFiles | undefined> {
    const json = await this.#match(this.#url(MANIFEST));
    if (!json) return undefined;
    const list = readManifest(json);
    this.#watch.onTotal(list.reduce((sum, { bytes }) => sum + bytes, 0));
    const files: AdapterFiles = { [MANIFEST]: json };
    for (const file of list) {
      const content = await this.#keptFile(file);
      if (!content) return undefined;
      files[file.name] = content;
    }
    return files;
  }

  /** Puts a whole version on record, and removes what belongs to others. */
  async #switchTo(files: AdapterFiles): Promise<void> {
    const cache = this.#cache;
    const json = files[MANIFEST];
    if (!cache || !json) return;
    const record = this.#url(MANIFEST);
    const list = readManifest(json);
    const wanted = new Set(list.map((file) => new URL(this.#key(file)).href));
    try {
      const before = await this.#match(record);
      const unkept = await this.#missing(cache, list);
      if (unkept.length > 0) {
        // There is no room for two versions. The new one is here and checked, so the old one goes first.
        if (!before || isEqual(before, json)) throw this.#refusal;
        await cache.delete(record);
        await this.#removeAllBut(cache, wanted);
        for (const file of unkept) {
          const content = files[file.name] as Uint8Array<ArrayBuffer>;
          await cache.put(this.#key(file), new Response(content));
        }
      }
      if (!before || !isEqual(before, json)) {
        await cache.put(record, new Response(json as Uint8Array<ArrayBuffer>));
      }
      await this.#removeAllBut(cache, wanted.add(record));
      await this.#parts.removeOld();
    } catch (thrown) {
      this.#watch.onNotice("cache", toShape(storageError(thrown)));
    }
  }

  /** The files that are not kept. */
  async #missing(cache: Cache, list: readonly ManifestFile[]): Promise<ManifestFile[]> {
    const there = new Set((await cache.keys()).map(({ url }) => url));
    return list.filter((file) => !there.has(new URL(this.#key(file)).href));
  }

  /** Removes what the folder has in the cache, but for these addresses. */
  async #removeAllBut(cache: Cache, wanted: ReadonlySet<string>): Promise<void> {
    for (const { url } of await cache.keys()) {
      const isOurs = url.startsWith(this.#base) && !url.slice(this.#base.length).includes("/");
      if (isOurs && !wanted.has(url)) await cache.delete(url);
    }
  }

  /** Keeps a file beside what is there. That it cannot be kept is no reason not to go on. */
  async #keep(key: string, content: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      await this.#cache?.put(key, new Response(content));
    } catch (thrown) {
      this.#refusal = thrown;
    }
  }

  async #open(): Promise<void> {
    try {
      const caches = this.#network.caches();
      if (caches === null) return;
      if (!caches) {
        throw new Error("this page is not served over https or from localhost");
      }
      this.#cache = await caches.open(CACHE);
    } catch (thrown) {
      this.#watch.onNotice("cache", toShape(storageError(thrown)));
    }
  }

  async #match(key: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      const kept = await this.#cache?.match(key);
      return kept && new Uint8Array(await kept.arrayBuffer());
    } catch {
      return undefined;
    }
  }

  #url(name: string): string {
    return `${this.#base}${encodeURIComponent(name)}`;
  }

  #key({ name, sha256 }: ManifestFile): string {
    return `${this.#url(name)}?sha256=${sha256}`;
  }
}

/** What a browser throws when it keeps nothing, as an error of ours. */
export function storageError(thrown: unknown): GraftletError {
  const { name, message } = thrown instanceof Error ? thrown : new Error(String(thrown));
  if (name === "QuotaExceededError") {
    return new GraftletError(
      "quota_exceeded",
      "The browser has no room to keep the backbone, so it is fetched again at each visit: free some space.",
    );
  }
  return new GraftletError(
    "storage_unavailable",
    `The browser does not let this page keep the backbone, so it is fetched again at each visit (${message}).`,
  );
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

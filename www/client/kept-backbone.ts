/** What the browser keeps of a backbone: the version on record, its files, and the switch to another version. */
import { match, missing, removeAllBut, storageError } from "./backbone-cache.js";
import type { Retry } from "./download.js";
import { type ErrorShape, toShape } from "./errors.js";
import { KeptFile, keepable } from "./kept-file.js";
import { MANIFEST, type ManifestFile, readManifest } from "./manifest.js";
import type { Versions } from "./model-folder.js";
import type { Network } from "./network.js";
import type { Parts } from "./parts.js";
import { sha256 } from "./sha256.js";
import type { AdapterFiles, BackboneInfo } from "./types.js";

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

export interface Backbone {
  /** All files, the manifest among them, but those in `weights`. Each has the hash that the manifest lists. */
  files: AdapterFiles;
  /** The weights, where the browser keeps them. They are not read yet. */
  weights?: KeptFile | undefined;
  /** The folder itself, or one that was converted: in an earlier visit, or now. */
  origin: "folder" | "kept conversion" | "conversion";
}

/** Which version of a model's files was converted. */
interface SourceRecord {
  format: number;
  dtype: BackboneInfo["dtype"];
  /** SHA-256 of the manifest. */
  manifest: string;
  versions: Versions;
}

/** The name of the record of a conversion. No folder has a file of it. */
const SOURCE = "graftlet-source.json";
/** Changes when a conversion of the same files comes to something else. */
export const SOURCE_FORMAT = 1;
/** The cache that backbones are kept in. */
const CACHE = "graftlet-backbone";

export class KeptBackbone {
  /** Whether weights that the browser keeps are read as a whole, and checked, before they are answered with. */
  whole = false;
  readonly #base: string;
  readonly #network: Network;
  readonly #parts: Parts;
  readonly #watch: BackboneWatch;
  #cache: Cache | undefined;
  #opened: Promise<void> | undefined;
  /** Why a file could not be kept. */
  #refusal: unknown = new Error("it was not kept");

  /** `base` is the folder's address, with a slash at its end. */
  constructor(base: string, network: Network, parts: Parts, watch: BackboneWatch) {
    this.#base = base;
    this.#network = network;
    this.#parts = parts;
    this.#watch = watch;
  }

  /** Whether the browser lets this page keep anything. */
  get isOpen(): boolean {
    return this.#cache !== undefined;
  }

  /** The manifest on record. */
  manifest(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return match(this.#cache, this.url(MANIFEST));
  }

  /** What the kept version was converted from; nothing where it was not. */
  async source(): Promise<SourceRecord | undefined> {
    const [kept, manifest] = await Promise.all([
      match(this.#cache, this.url(SOURCE)),
      this.manifest(),
    ]);
    if (!kept || !manifest) return undefined;
    try {
      const source = JSON.parse(new TextDecoder().decode(kept)) as SourceRecord;
      const isOfIt =
        source.format === SOURCE_FORMAT && source.manifest === (await sha256(manifest));
      return isOfIt ? source : undefined;
    } catch {
      return undefined;
    }
  }

  /** The file of weights, if the browser keeps it as it can be read piece by piece. */
  async weights(
    list: readonly ManifestFile[],
  ): Promise<{ file: ManifestFile; kept: KeptFile } | undefined> {
    const file = this.whole ? undefined : list.find(isWeights);
    const kept = file && (await KeptFile.open(this.#cache, this.key(file), file));
    if (!kept) return undefined;
    this.#watch.onProgress(file.name, file.bytes, 0);
    return { file, kept };
  }

  /** A file that the browser keeps, if it is still what it was. */
  async file(file: ManifestFile): Promise<Uint8Array | undefined> {
    const key = this.key(file);
    const content = await match(this.#cache, key);
    if (!content) return undefined;
    if (content.length === file.bytes && (await sha256(content)) === file.sha256) {
      this.#watch.onProgress(file.name, file.bytes, 0);
      return content;
    }
    await this.#cache?.delete(key).catch(() => {});
    return undefined;
  }

  /** The version on record, if all of it is there. */
  async version(onTotal = this.#watch.onTotal): Promise<Backbone | undefined> {
    const json = await this.manifest();
    if (!json) return undefined;
    const list = readManifest(json);
    onTotal(list.reduce((sum, { bytes }) => sum + bytes, 0));
    const weights = await this.weights(list);
    const rest = list.filter((file) => file !== weights?.file);
    const contents = await Promise.all(rest.map((file) => this.file(file)));
    const files: AdapterFiles = { [MANIFEST]: json };
    for (const [index, content] of contents.entries()) {
      if (!content) {
        weights?.kept.close();
        return undefined;
      }
      files[(rest[index] as ManifestFile).name] = content;
    }
    return { files, weights: weights?.kept, origin: "folder" };
  }

  /** Puts a whole version on record, and removes what belongs to others. */
  async switchTo(files: AdapterFiles, source?: SourceRecord): Promise<void> {
    const cache = this.#cache;
    const json = files[MANIFEST];
    if (!cache || !json) return;
    const record = this.url(MANIFEST);
    const list = readManifest(json);
    const wanted = new Set(list.map((file) => new URL(this.key(file)).href));
    try {
      const before = await match(this.#cache, record);
      const unkept = await missing(cache, list, (file) => this.key(file));
      if (unkept.length > 0) {
        // There is no room for two versions. The new one is here and checked, so the old one goes first.
        if (!before || isEqual(before, json)) throw this.#refusal;
        await cache.delete(record);
        await removeAllBut(cache, this.#base, wanted);
        for (const file of unkept) {
          const content = files[file.name] as Uint8Array<ArrayBuffer> | undefined;
          // It was there a moment ago: another tab has another version.
          if (!content) throw this.#refusal;
          await cache.put(this.key(file), await keepable(content));
        }
      }
      if (!before || !isEqual(before, json)) {
        await cache.put(record, new Response(json as Uint8Array<ArrayBuffer>));
      }
      if (source) {
        await cache.put(this.url(SOURCE), new Response(JSON.stringify(source)));
        wanted.add(this.url(SOURCE));
      }
      await removeAllBut(cache, this.#base, wanted.add(record));
      await this.#parts.removeOld();
    } catch (thrown) {
      this.#watch.onNotice("cache", toShape(storageError(thrown)));
    }
  }

  /** Keeps a file beside what is there. That it cannot be kept is no reason not to go on. */
  async keep(key: string, content: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      await this.#cache?.put(key, await keepable(content));
    } catch (thrown) {
      this.#refusal = thrown;
    }
  }

  /** Opens the browser's cache, once. Where it keeps nothing, the watch is told why. */
  open(): Promise<void> {
    this.#opened ??= this.#openCache();
    return this.#opened;
  }

  async #openCache(): Promise<void> {
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

  /** The address of a file of the folder. */
  url(name: string): string {
    return `${this.#base}${encodeURIComponent(name)}`;
  }

  /** What a file of one version is kept under. */
  key({ name, sha256 }: ManifestFile): string {
    return `${this.url(name)}?sha256=${sha256}`;
  }
}

/** Whether two files have the same bytes. */
export function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** Whether a file is the one with the weights. */
export function isWeights({ name }: { name: string }): boolean {
  return name.endsWith(".safetensors");
}

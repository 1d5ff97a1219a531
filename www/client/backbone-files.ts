/**
 * The files of a backbone: from the browser's cache, or from the network and then kept there. A new version is written
 * beside the old one. Once it is whole the record, which is the manifest, is switched in one write, and then the old files
 * go. So there is a whole version at every moment.
 *
 * A model's folder as a hub has it is converted, and kept in the same way. Another record beside the manifest says which
 * version of the model's files it is of. It names the manifest that it belongs to, and is written after it.
 */
import { match, missing, removeAllBut, storageError } from "./backbone-cache.js";
import { type Downloads, decoded, isAbsent, type Retry } from "./download.js";
import { type ErrorShape, GraftletError, toShape } from "./errors.js";
import { KeptFile, keepable } from "./kept-file.js";
import { isOurs, MANIFEST, type ManifestFile, readManifest } from "./manifest.js";
import {
  type Converter,
  convert,
  FolderAtUrl,
  isSame,
  survey,
  type Versions,
} from "./model-folder.js";
import type { Network } from "./network.js";
import { once } from "./once.js";
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

/** How a model's folder is converted. */
export interface Conversion {
  converter(): Promise<Converter>;
  dtype: BackboneInfo["dtype"];
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

/** There is no manifest of ours, and why. */
class NoManifest {
  constructor(readonly error: GraftletError) {}
}

/** The name of the record of a conversion. No folder has a file of it. */
const SOURCE = "graftlet-source.json";
/** Changes when a conversion of the same files comes to something else. */
const SOURCE_FORMAT = 1;
/** The cache that backbones are kept in. */
const CACHE = "graftlet-backbone";
/** With these the server's folder is not what its manifest says, and the manifest may be an old one. */
const STALE = ["checksum_mismatch", "length_mismatch", "not_found", "not_a_file"];
const MOST_OF_A_MANIFEST = 2 ** 20;

export class BackboneFiles {
  readonly #base: string;
  readonly #downloads: Downloads;
  /** Gives up soon: for what the browser keeps already. */
  readonly #hasty: Downloads;
  readonly #network: Network;
  readonly #parts: Parts;
  readonly #watch: BackboneWatch;
  readonly #conversion: Conversion;
  #cache: Cache | undefined;
  #opened: Promise<void> | undefined;
  #early: Promise<Backbone | undefined> | undefined;
  /** Whether weights that the browser keeps are read as a whole, and checked, before they are answered with. */
  #whole = false;
  /** Why a file could not be kept. */
  #refusal: unknown = new Error("it was not kept");

  /** `base` is the folder's address, with a slash at its end. */
  constructor(
    base: string,
    downloads: Downloads,
    hasty: Downloads,
    parts: Parts,
    watch: BackboneWatch,
    conversion: Conversion,
  ) {
    this.#base = base;
    this.#downloads = downloads;
    this.#hasty = hasty;
    this.#network = downloads.network;
    this.#parts = parts;
    this.#watch = watch;
    this.#conversion = conversion;
  }

  /**
   * The version that the browser keeps, whatever the server has by now. Nothing where it keeps none, or one that it
   * converted. `get` answers with the very same if the server has no other.
   */
  kept(): Promise<Backbone | undefined> {
    this.#early ??= this.#lookEarly();
    return this.#early;
  }

  async #lookEarly(): Promise<Backbone | undefined> {
    await this.#open();
    const [source, kept] = await Promise.all([
      this.#source(),
      this.#keptVersion(() => {}).catch(() => undefined),
    ]);
    if (!source && kept?.weights) return kept;
    kept?.weights?.close();
    return undefined;
  }

  /** `whole` where the weights that the browser keeps turned out to be damaged. */
  async get(whole = false): Promise<Backbone> {
    this.#whole = whole;
    await this.#open();
    try {
      return await this.#current();
    } catch (thrown) {
      if (toShape(thrown).code === "aborted") throw thrown;
      const isConverted = (await this.#source()) !== undefined;
      this.#whole ||= isConverted;
      const kept =
        (await this.#sameAsEarly()) ?? (await this.#keptVersion().catch(() => undefined));
      if (!kept) throw thrown;
      this.#watch.onNotice("backbone", toShape(thrown));
      kept.origin = isConverted ? "kept conversion" : "folder";
      return kept;
    }
  }

  /** What `kept` answered with, if it is this version or no version is given. */
  async #sameAsEarly(json?: Uint8Array): Promise<Backbone | undefined> {
    const early = this.#whole ? undefined : await this.#early;
    const manifest = early?.files[MANIFEST];
    if (!early || !manifest || (json && !isEqual(manifest, json))) return undefined;
    const list = readManifest(manifest);
    this.#watch.onTotal(list.reduce((sum, { bytes }) => sum + bytes, 0));
    for (const { name, bytes } of list) this.#watch.onProgress(name, bytes, 0);
    return early;
  }

  /** The version that the server has. */
  async #current(): Promise<Backbone> {
    const source = await this.#source();
    if (source?.dtype === this.#conversion.dtype) {
      const folder = this.#modelFolder(this.#hasty);
      const kept = (await folder.has(source.versions)) ? await this.#keptConversion() : undefined;
      if (kept) return kept;
    }
    const kept = await match(this.#cache, this.#url(MANIFEST));
    let json: Uint8Array;
    try {
      json = await this.#manifest(kept ? this.#hasty : this.#downloads, "no-cache");
    } catch (thrown) {
      if (thrown instanceof NoManifest) return await this.#converted(thrown.error);
      throw thrown;
    }
    let found: Backbone;
    try {
      found = (await this.#sameAsEarly(json)) ?? (await this.#all(json));
    } catch (thrown) {
      if (!STALE.includes(toShape(thrown).code)) throw thrown;
      const again = await this.#manifest(this.#downloads, "reload").catch((other: unknown) => {
        throw other instanceof NoManifest ? other.error : other;
      });
      if (isEqual(again, json)) throw thrown;
      found = await this.#all(again);
    }
    await this.#switchTo(found.files);
    return found;
  }

  /** The manifest, checked. One that was damaged in the browser's HTTP cache is fetched again. */
  async #manifest(downloads: Downloads, cache: RequestCache): Promise<Uint8Array> {
    const wanted = { url: this.#url(MANIFEST), most: MOST_OF_A_MANIFEST, cache };
    const { signal, onRetry } = this.#watch;
    let json: Uint8Array;
    try {
      json = await downloads.file(wanted, { signal, onRetry });
    } catch (thrown) {
      throw thrown instanceof GraftletError && isAbsent(thrown) ? new NoManifest(thrown) : thrown;
    }
    try {
      readManifest(json);
      return json;
    } catch (error) {
      if (cache !== "reload") return await this.#manifest(downloads, "reload");
      throw isOurs(json) ? error : new NoManifest(error as GraftletError);
    }
  }

  /** The model's folder that is at the address, converted; without one it throws `absent`. */
  async #converted(absent: GraftletError): Promise<Backbone> {
    const { dtype } = this.#conversion;
    const converter = await this.#conversion.converter();
    const folder = this.#modelFolder(this.#downloads);
    const found = await survey(folder, converter).catch((thrown: unknown) => {
      const { code, message } = toShape(thrown);
      if (code !== "file_missing") throw thrown;
      if (folder.facts.size === 0) throw this.#nothing(absent);
      throw new GraftletError(
        code,
        `${message} There is no ${MANIFEST} of a converted folder either.`,
      );
    });
    await folder.learn();
    const versions = folder.versions();
    const work = async (): Promise<Backbone> => {
      const source = await this.#source();
      if (source?.dtype === dtype && versions && isSame(source.versions, versions)) {
        const kept = await this.#keptConversion();
        if (kept) return kept;
      }
      const files = await convert(folder, found, converter, dtype, this.#watch);
      await folder.drop();
      await this.#keepConverted(files, versions);
      return { files, origin: "conversion" };
    };
    if (!this.#cache) return await work();
    // Another tab's conversion is this one's too.
    return await once(
      this.#network,
      this.#watch.signal,
      `convert ${this.#base}`,
      () => folder.underWay(),
      work,
    );
  }

  /** That there is no folder of either sort. */
  #nothing(absent: GraftletError): GraftletError {
    if (absent.code !== "not_found") return absent;
    const { protocol, pathname } = new URL(this.#base);
    const remedy = protocol === "file:" ? "check the path" : "check the address";
    return new GraftletError(
      "not_found",
      `There is no model at ${decoded(pathname)}, neither ${MANIFEST} of a converted one nor config.json: ${remedy}.`,
    );
  }

  #modelFolder(downloads: Downloads): FolderAtUrl {
    const { signal, onRetry } = this.#watch;
    return new FolderAtUrl(this.#base, downloads, { signal, onRetry });
  }

  async #keepConverted(files: AdapterFiles, versions: Versions | undefined): Promise<void> {
    const manifest = files[MANIFEST];
    if (!this.#cache || !manifest) return;
    for (const file of readManifest(manifest)) {
      await this.#keep(this.#key(file), files[file.name] as Uint8Array<ArrayBuffer>);
    }
    const { dtype } = this.#conversion;
    const hash = await sha256(manifest);
    await this.#switchTo(
      files,
      versions && { format: SOURCE_FORMAT, dtype, manifest: hash, versions },
    );
  }

  /** What the kept version was converted from; nothing where it was not. */
  async #source(): Promise<SourceRecord | undefined> {
    const [kept, manifest] = await Promise.all([
      match(this.#cache, this.#url(SOURCE)),
      match(this.#cache, this.#url(MANIFEST)),
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

  async #all(json: Uint8Array): Promise<Backbone> {
    const list = readManifest(json);
    this.#watch.onTotal(list.reduce((sum, { bytes }) => sum + bytes, 0));
    const files: AdapterFiles = { [MANIFEST]: json };
    const weights = await this.#keptWeights(list);
    for (const file of list) {
      if (weights?.file !== file) files[file.name] = await this.#file(file);
    }
    return { files, weights: weights?.kept, origin: "folder" };
  }

  /** The file of weights, if the browser keeps it as it can be read piece by piece. */
  async #keptWeights(
    list: readonly ManifestFile[],
  ): Promise<{ file: ManifestFile; kept: KeptFile } | undefined> {
    const file = this.#whole ? undefined : list.find(isWeights);
    const kept = file && (await KeptFile.open(this.#cache, this.#key(file), file));
    if (!kept) return undefined;
    this.#watch.onProgress(file.name, file.bytes, 0);
    return { file, kept };
  }

  async #file(file: ManifestFile): Promise<Uint8Array> {
    const kept = await this.#keptFile(file);
    if (kept) return kept;
    if (!this.#cache) return await this.#download(file);
    // Who comes second finds what the first has kept.
    const work = async () => (await this.#keptFile(file)) ?? (await this.#download(file));
    const look = async () => await this.#parts.length(file.sha256);
    return await once(
      this.#network,
      this.#watch.signal,
      `file ${file.sha256}`,
      look,
      work,
      (length) => this.#watch.onProgress(file.name, Math.min(length, file.bytes), 0),
    );
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
  async #keptVersion(onTotal = this.#watch.onTotal): Promise<Backbone | undefined> {
    const json = await match(this.#cache, this.#url(MANIFEST));
    if (!json) return undefined;
    const list = readManifest(json);
    onTotal(list.reduce((sum, { bytes }) => sum + bytes, 0));
    const weights = await this.#keptWeights(list);
    const rest = list.filter((file) => file !== weights?.file);
    const contents = await Promise.all(rest.map((file) => this.#keptFile(file)));
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

  /** All of a conversion that the browser keeps: what starts the worker again needs it. */
  async #keptConversion(): Promise<Backbone | undefined> {
    this.#whole = true;
    const kept = await this.#keptVersion();
    return kept && { ...kept, origin: "kept conversion" };
  }

  /** Puts a whole version on record, and removes what belongs to others. */
  async #switchTo(files: AdapterFiles, source?: SourceRecord): Promise<void> {
    const cache = this.#cache;
    const json = files[MANIFEST];
    if (!cache || !json) return;
    const record = this.#url(MANIFEST);
    const list = readManifest(json);
    const wanted = new Set(list.map((file) => new URL(this.#key(file)).href));
    try {
      const before = await match(this.#cache, record);
      const unkept = await missing(cache, list, (file) => this.#key(file));
      if (unkept.length > 0) {
        // There is no room for two versions. The new one is here and checked, so the old one goes first.
        if (!before || isEqual(before, json)) throw this.#refusal;
        await cache.delete(record);
        await removeAllBut(cache, this.#base, wanted);
        for (const file of unkept) {
          const content = files[file.name] as Uint8Array<ArrayBuffer> | undefined;
          // It was there a moment ago: another tab has another version.
          if (!content) throw this.#refusal;
          await cache.put(this.#key(file), await keepable(content));
        }
      }
      if (!before || !isEqual(before, json)) {
        await cache.put(record, new Response(json as Uint8Array<ArrayBuffer>));
      }
      if (source) {
        await cache.put(this.#url(SOURCE), new Response(JSON.stringify(source)));
        wanted.add(this.#url(SOURCE));
      }
      await removeAllBut(cache, this.#base, wanted.add(record));
      await this.#parts.removeOld();
    } catch (thrown) {
      this.#watch.onNotice("cache", toShape(storageError(thrown)));
    }
  }

  /** Keeps a file beside what is there. That it cannot be kept is no reason not to go on. */
  async #keep(key: string, content: Uint8Array<ArrayBuffer>): Promise<void> {
    try {
      await this.#cache?.put(key, await keepable(content));
    } catch (thrown) {
      this.#refusal = thrown;
    }
  }

  #open(): Promise<void> {
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

  #url(name: string): string {
    return `${this.#base}${encodeURIComponent(name)}`;
  }

  #key({ name, sha256 }: ManifestFile): string {
    return `${this.#url(name)}?sha256=${sha256}`;
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** Whether a file is the one with the weights. */
export function isWeights({ name }: { name: string }): boolean {
  return name.endsWith(".safetensors");
}

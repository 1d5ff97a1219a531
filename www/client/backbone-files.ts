/**
 * The files of a backbone: from the browser's cache, or from the network and then kept there. A new version is written
 * beside the old one. Once it is whole the record, which is the manifest, is switched in one write, and then the old files
 * go. So there is a whole version at every moment.
 *
 * A model's folder as a hub has it is converted, and kept in the same way. Another record beside the manifest says which
 * version of the model's files it is of. It names the manifest that it belongs to, and is written after it.
 */
import { type Downloads, decoded, isAbsent } from "./download.js";
import { GraftletError, toShape } from "./errors.js";
import {
  type Backbone,
  type BackboneWatch,
  isEqual,
  KeptBackbone,
  SOURCE_FORMAT,
} from "./kept-backbone.js";
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

export { type Backbone, isWeights } from "./kept-backbone.js";

/** How a model's folder is converted. */
export interface Conversion {
  converter(): Promise<Converter>;
  dtype: BackboneInfo["dtype"];
}

/** There is no manifest of ours, and why. */
class NoManifest {
  constructor(readonly error: GraftletError) {}
}

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
  readonly #kept: KeptBackbone;
  #early: Promise<Backbone | undefined> | undefined;

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
    this.#kept = new KeptBackbone(base, downloads.network, parts, watch);
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
    await this.#kept.open();
    const [source, kept] = await Promise.all([
      this.#kept.source(),
      this.#kept.version(() => {}).catch(() => undefined),
    ]);
    if (!source && kept?.weights) return kept;
    kept?.weights?.close();
    return undefined;
  }

  /** `whole` where the weights that the browser keeps turned out to be damaged. */
  async get(whole = false): Promise<Backbone> {
    this.#kept.whole = whole;
    await this.#kept.open();
    try {
      return await this.#current();
    } catch (thrown) {
      if (toShape(thrown).code === "aborted") throw thrown;
      const isConverted = (await this.#kept.source()) !== undefined;
      this.#kept.whole ||= isConverted;
      const kept =
        (await this.#sameAsEarly()) ?? (await this.#kept.version().catch(() => undefined));
      if (!kept) throw thrown;
      this.#watch.onNotice("backbone", toShape(thrown));
      kept.origin = isConverted ? "kept conversion" : "folder";
      return kept;
    }
  }

  /** What `kept` answered with, if it is this version or no version is given. */
  async #sameAsEarly(json?: Uint8Array): Promise<Backbone | undefined> {
    const early = this.#kept.whole ? undefined : await this.#early;
    const manifest = early?.files[MANIFEST];
    if (!early || !manifest || (json && !isEqual(manifest, json))) return undefined;
    const list = readManifest(manifest);
    this.#watch.onTotal(list.reduce((sum, { bytes }) => sum + bytes, 0));
    for (const { name, bytes } of list) this.#watch.onProgress(name, bytes, 0);
    return early;
  }

  /** The version that the server has. */
  async #current(): Promise<Backbone> {
    const source = await this.#kept.source();
    if (source?.dtype === this.#conversion.dtype) {
      const folder = this.#modelFolder(this.#hasty);
      const kept = (await folder.has(source.versions)) ? await this.#keptConversion() : undefined;
      if (kept) return kept;
    }
    const kept = await this.#kept.manifest();
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
    await this.#kept.switchTo(found.files);
    return found;
  }

  /** The manifest, checked. One that was damaged in the browser's HTTP cache is fetched again. */
  async #manifest(downloads: Downloads, cache: RequestCache): Promise<Uint8Array> {
    const wanted = { url: this.#kept.url(MANIFEST), most: MOST_OF_A_MANIFEST, cache };
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
      const source = await this.#kept.source();
      if (source?.dtype === dtype && versions && isSame(source.versions, versions)) {
        const kept = await this.#keptConversion();
        if (kept) return kept;
      }
      const files = await convert(folder, found, converter, dtype, this.#watch);
      await folder.drop();
      await this.#keepConverted(files, versions);
      return { files, origin: "conversion" };
    };
    if (!this.#kept.isOpen) return await work();
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
    if (!this.#kept.isOpen || !manifest) return;
    for (const file of readManifest(manifest)) {
      await this.#kept.keep(this.#kept.key(file), files[file.name] as Uint8Array<ArrayBuffer>);
    }
    const { dtype } = this.#conversion;
    const hash = await sha256(manifest);
    await this.#kept.switchTo(
      files,
      versions && { format: SOURCE_FORMAT, dtype, manifest: hash, versions },
    );
  }

  async #all(json: Uint8Array): Promise<Backbone> {
    const list = readManifest(json);
    this.#watch.onTotal(list.reduce((sum, { bytes }) => sum + bytes, 0));
    const files: AdapterFiles = { [MANIFEST]: json };
    const weights = await this.#kept.weights(list);
    for (const file of list) {
      if (weights?.file !== file) files[file.name] = await this.#file(file);
    }
    return { files, weights: weights?.kept, origin: "folder" };
  }

  async #file(file: ManifestFile): Promise<Uint8Array> {
    const kept = await this.#kept.file(file);
    if (kept) return kept;
    if (!this.#kept.isOpen) return await this.#download(file);
    // Who comes second finds what the first has kept.
    const work = async () => (await this.#kept.file(file)) ?? (await this.#download(file));
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
      { url: this.#kept.url(name), bytes, sha256 },
      {
        signal,
        onRetry,
        onProgress: (loaded, received) => this.#watch.onProgress(name, loaded, received),
      },
    );
    await this.#kept.keep(this.#kept.key(file), content);
    return content;
  }

  /** All of a conversion that the browser keeps: what starts the worker again needs it. */
  async #keptConversion(): Promise<Backbone | undefined> {
    this.#kept.whole = true;
    const kept = await this.#kept.version();
    return kept && { ...kept, origin: "kept conversion" };
  }
}

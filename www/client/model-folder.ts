/**
 * A model's folder as a hub has it, at an address or among files that were given, and its conversion. The engine says
 * which files to request, and converts them.
 */
import type { Downloads, Facts, Wanted, Watch } from "./download.js";
import { decoded, isAbsent } from "./download.js";
import type { EngineModule } from "./engine.js";
import { GraftletError, isTrap } from "./errors.js";
import type { GivenFolder } from "./protocol.js";
import type { AdapterFiles, BackboneInfo } from "./types.js";

/** Where a model's folder is. */
export interface ModelFolder {
  /** Leads to it; the model's name may be in it. */
  readonly path: string;
  /** Names of all files, where they are known. */
  readonly names: string[];
  /** A file other than weights; nothing where there is none. */
  small(name: string): Promise<Uint8Array | undefined>;
  /** Where weights are there, how long they are, if that is known. */
  find(name: string): Promise<{ bytes: number | undefined } | undefined>;
  weights(
    name: string,
    onProgress: (loaded: number, received: number) => void,
  ): Promise<Uint8Array>;
}

/** What converts: functions of the engine's module. */
export type Converter = Pick<EngineModule, "missingModelFiles" | "convertModel">;

export interface ConversionWatch {
  onTotal(bytes: number): void;
  onProgress(file: string, loaded: number, received: number): void;
}

/** The files of a model's folder that are needed: the small ones with their content. */
export interface Survey {
  files: Record<string, Uint8Array | null>;
  /** Lengths of the weights' files. */
  weights: Map<string, number | undefined>;
}

/** The file that progress names while the model is converted. */
const CONVERSION = "conversion";
/** What the conversion counts for, as a part of the weights' bytes. */
const SHARE = 0.1;
/** Weights of an unknown length count as these. */
const UNKNOWN = 100_000_000;
/** Longest weights: a wasm memory has 4 GB, and needs these and what becomes of them at one time. */
const MOST_WEIGHTS = 2 ** 31 - 2 ** 28;
/** Longest file other than weights. */
const MOST_SMALL = 2 ** 27;

/** What a server calls the version of each file, and how long it is as it is sent. */
export type Versions = Record<string, [version: string, sent: number | null]>;

/** Finds out which files are needed, the small ones by fetching them. */
export async function survey(folder: ModelFolder, converter: Converter): Promise<Survey> {
  const files: Survey["files"] = {};
  const weights: Survey["weights"] = new Map();
  for (;;) {
    const names = converter.missingModelFiles(files, folder.path, folder.names);
    if (names.length === 0) return { files, weights };
    for (const name of names) {
      if (!isWeights(name)) {
        files[name] = (await folder.small(name)) ?? null;
        continue;
      }
      const found = await folder.find(name);
      files[name] = found ? new Uint8Array() : null;
      if (found) weights.set(name, found.bytes);
    }
  }
}

/** A backbone folder, made of a model's. */
export async function convert(
  folder: ModelFolder,
  { files, weights }: Survey,
  converter: Converter,
  dtype: BackboneInfo["dtype"],
  { onTotal, onProgress }: ConversionWatch,
): Promise<AdapterFiles> {
  const bytes = [...weights.values()].reduce<number>((sum, own) => sum + (own ?? UNKNOWN), 0);
  if (bytes > MOST_WEIGHTS) throw tooLarge(bytes);
  const own = Math.ceil(bytes * SHARE);
  const given = Object.entries(files).filter(([name]) => !weights.has(name));
  const small = given.reduce((sum, [, content]) => sum + (content?.length ?? 0), 0);
  onTotal(small + bytes + own);
  for (const [name, content] of given) {
    if (content) onProgress(name, content.length, content.length);
  }
  const taken: Record<string, Uint8Array | null> = Object.fromEntries(given);
  let sum = 0;
  for (const name of weights.keys()) {
    const content = await folder.weights(name, (...at) => onProgress(name, ...at));
    sum += content.length;
    if (sum > MOST_WEIGHTS) throw tooLarge(sum);
    taken[name] = content;
  }
  const tell = (share: number) => onProgress(CONVERSION, Math.floor(own * share), 0);
  tell(0);
  try {
    const converted = converter.convertModel(taken, folder.path, folder.names, dtype, tell);
    tell(1);
    return converted;
  } catch (thrown) {
    if (!isTrap(thrown)) throw thrown;
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw new GraftletError(
      "out_of_memory",
      `The conversion of the model's ${megabytes(sum)} stopped (${reason}), as it does where memory ends: close other tabs, or convert the folder with \`graftlet convert\`.`,
    );
  }
}

/** A folder at an address with a slash at its end. */
export class FolderAtUrl implements ModelFolder {
  readonly path: string;
  readonly names: string[] = [];
  /** What the server says of the files that are needed. */
  readonly facts = new Map<string, Facts>();
  readonly #base: string;
  readonly #downloads: Downloads;
  readonly #watch: Watch;

  constructor(base: string, downloads: Downloads, watch: Watch) {
    this.#base = base;
    this.#downloads = downloads;
    this.#watch = watch;
    this.path = decoded(new URL(base).pathname);
  }

  async small(name: string): Promise<Uint8Array | undefined> {
    const wanted: Wanted = { url: this.#url(name), cache: "no-cache", most: MOST_SMALL };
    const content = await this.#downloads.optional(wanted, this.#watch);
    if (content) this.facts.set(name, {});
    return content;
  }

  async find(name: string): Promise<{ bytes: number | undefined } | undefined> {
    try {
      const facts = await this.#downloads.facts(this.#url(name), this.#watch);
      this.facts.set(name, facts);
      return { bytes: facts.bytes ?? facts.sent };
    } catch (thrown) {
      if (thrown instanceof GraftletError && isAbsent(thrown)) return undefined;
      throw thrown;
    }
  }

  weights(
    name: string,
    onProgress: (loaded: number, received: number) => void,
  ): Promise<Uint8Array> {
    return this.#downloads.file(this.#wanted(name), { ...this.#watch, onProgress });
  }

  /** Finds out which version of the small files the server has. */
  async learn(): Promise<void> {
    const unknown = [...this.facts.keys()].filter((name) => !isWeights(name));
    await Promise.all(unknown.map((name) => this.find(name)));
  }

  /** The versions of all files that are needed; nothing where the server does not say one of them. */
  versions(): Versions | undefined {
    const versions: Versions = {};
    for (const [name, { version, sent = null }] of this.facts) {
      if (version === undefined) return undefined;
      versions[name] = [version, sent];
    }
    return versions;
  }

  /** Whether the server has these versions, and none where something is missing. */
  async has(versions: Versions): Promise<boolean> {
    await Promise.all(Object.keys(versions).map((name) => this.find(name)));
    const found = this.versions();
    return found !== undefined && isSame(found, versions);
  }

  /** What of the weights is on the disk already, because they are being fetched. */
  async underWay(): Promise<number> {
    const lengths = [...this.facts.keys()]
      .filter(isWeights)
      .map((name) => this.#downloads.partsOf(this.#wanted(name)));
    return (await Promise.all(lengths)).reduce((sum, length) => sum + length, 0);
  }

  /** Removes what is left of the weights, which are not needed any more. */
  async drop(): Promise<void> {
    for (const name of [...this.facts.keys()].filter(isWeights)) {
      await this.#downloads.removeParts(this.#wanted(name));
    }
  }

  #wanted(name: string): Wanted {
    const { bytes, sent, version } = this.facts.get(name) ?? {};
    const most = MOST_WEIGHTS;
    return { url: this.#url(name), bytes, version, whole: sent, most, keepsParts: true };
  }

  #url(name: string): string {
    return this.#base + name.split("/").map(encodeURIComponent).join("/");
  }
}

/** A folder whose files were given. */
export class GivenModelFolder implements ModelFolder {
  readonly path: string;
  readonly names: string[];
  readonly #folder: GivenFolder;

  constructor(folder: GivenFolder) {
    this.#folder = folder;
    this.path = folder.path;
    this.names = Object.keys(folder.files);
  }

  async small(name: string): Promise<Uint8Array | undefined> {
    const blob = this.#blob(name);
    if (!blob) return undefined;
    if (blob.size > MOST_SMALL) {
      throw new GraftletError(
        "file_invalid",
        `${name} has ${megabytes(blob.size)}, too many for what it is: give the model's own.`,
      );
    }
    return await bytesOf(name, blob);
  }

  async find(name: string): Promise<{ bytes: number } | undefined> {
    const blob = this.#blob(name);
    return blob && { bytes: blob.size };
  }

  async weights(
    name: string,
    onProgress: (loaded: number, received: number) => void,
  ): Promise<Uint8Array> {
    const content = await bytesOf(name, this.#blob(name) ?? new Blob());
    onProgress(content.length, 0);
    return content;
  }

  #blob(name: string): Blob | undefined {
    return Object.hasOwn(this.#folder.files, name) ? this.#folder.files[name] : undefined;
  }
}

/** The content of a file that was given; a file on the disk may have changed or gone since. */
export async function bytesOf(name: string, blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    if (thrown instanceof RangeError) {
      throw new GraftletError(
        "out_of_memory",
        `There is no memory for the ${megabytes(blob.size)} of ${name}: close other tabs, or convert the folder with \`graftlet convert\`.`,
      );
    }
    throw new GraftletError(
      "io",
      `${name} cannot be read (${reason}): it was moved or changed since it was chosen; choose the folder again.`,
    );
  }
}

export function isSame(a: Versions, b: Versions): boolean {
  const entries = (versions: Versions) =>
    JSON.stringify(Object.entries(versions).sort(([x], [y]) => (x < y ? -1 : 1)));
  return entries(a) === entries(b);
}

function isWeights(name: string): boolean {
  return /\.(safetensors|bin)$/.test(name);
}

function tooLarge(bytes: number): GraftletError {
  return new GraftletError(
    "out_of_memory",
    `The model's weights have ${megabytes(bytes)}, more than can be converted in a browser's memory: convert the folder with \`graftlet convert\`, and load the one that it writes.`,
  );
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 1e6)} MB`;
}

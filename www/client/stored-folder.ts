/** A folder in the browser's cache: its keys, its generations, and their records. */
import { GraftletError } from "./errors.js";
import { refusal } from "./storage-error.js";

export const RECORD = "record.json";
/** The list of files of an earlier version. */
const OLD_LIST = "files.json";
export const USED = "used/at";

export interface Entry {
  file: string;
  /** Below the folder. */
  key: string;
  /** Absent in what an earlier version kept. */
  bytes?: number;
  sha256?: string;
}

export interface StoreRecord {
  savedAt: number;
  files: Entry[];
}

/** A generation that has a record. */
export interface Generation extends StoreRecord {
  /** Where its record is, below the folder. */
  at: string;
}

/** The part of the cache below one address. */
export class Folder {
  readonly #cache: Cache;
  readonly #root: string;

  constructor(cache: Cache, root: string) {
    this.#cache = cache;
    this.#root = root;
  }

  async keys(): Promise<string[]> {
    const urls = await keysOf(this.#cache);
    return urls.flatMap((url) =>
      url.startsWith(this.#root) ? [url.slice(this.#root.length)] : [],
    );
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    try {
      const held = await this.#cache.match(this.#root + key);
      return held && new Uint8Array(await held.arrayBuffer());
    } catch (thrown) {
      throw toError(thrown);
    }
  }

  async put(key: string, content: Uint8Array): Promise<void> {
    try {
      await this.#cache.put(this.#root + key, new Response(content as BodyInit));
    } catch (thrown) {
      throw toError(thrown);
    }
  }

  async delete(key: string): Promise<void> {
    try {
      await this.#cache.delete(this.#root + key);
    } catch (thrown) {
      throw toError(thrown);
    }
  }

  async deleteAll(keys: readonly string[]): Promise<void> {
    for (const key of new Set(keys)) await this.delete(key);
  }

  /** What a record says; undefined where it is gone or was never written to its end. */
  async generation(at: string): Promise<Generation | undefined> {
    const content = await this.get(at);
    if (!content || content.byteLength === 0) return undefined;
    const value = parse(content);
    if (at === OLD_LIST && isStrings(value)) {
      const files = value.map((file) => ({ file, key: encodeURIComponent(file) }));
      return { at, savedAt: 0, files };
    }
    const record = value as Partial<StoreRecord> | null | undefined;
    if (at !== OLD_LIST && Array.isArray(record?.files) && record.files.every(isEntry)) {
      return { at, savedAt: Number(record.savedAt) || 0, files: record.files };
    }
    throw new GraftletError("file_invalid", "its list of files cannot be read");
  }
}

/** Keys of the records, that of the newest generation first. */
export function recordsIn(keys: readonly string[]): string[] {
  const records = keys.filter((key) => key === OLD_LIST || /^\d+-\w+\/record\.json$/.test(key));
  const number = (key: string) => Number.parseInt(key, 10) || 0;
  return records.sort((a, b) => number(b) - number(a) || (a < b ? 1 : -1));
}

export function liveIn({ at, files }: Generation): string[] {
  return [at, USED, ...files.map(({ key }) => key)];
}

function isEntry(value: unknown): value is Entry {
  const { file, key } = (value ?? {}) as Partial<Entry>;
  return typeof file === "string" && typeof key === "string";
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function parse(content: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(content));
  } catch {
    return undefined;
  }
}

export function missing(entry: Entry | undefined): GraftletError {
  return new GraftletError("file_missing", `the browser dropped its file ${entry?.file}`);
}

export async function keysOf(cache: Cache): Promise<string[]> {
  try {
    return (await cache.keys()).map(({ url }) => url);
  } catch (thrown) {
    throw toError(thrown);
  }
}

/** SHA-256 in hexadecimal, where the page may compute one. */
export async function sha256(content: Uint8Array): Promise<string | undefined> {
  const digest = await globalThis.crypto?.subtle?.digest("SHA-256", content as BufferSource);
  return (
    digest &&
    Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("")
  );
}

export function unavailable(reason: string): GraftletError {
  return new GraftletError("storage_unavailable", sentence(reason));
}

function sentence(reason: string): string {
  return `This browser keeps nothing for this page (${reason}): allow it to store site data, or download what you want to keep.`;
}

/** What the Cache API throws, as an error of ours. */
export function toError(thrown: unknown): GraftletError {
  if (thrown instanceof GraftletError) return thrown;
  return refusal(
    thrown,
    "The browser has no room left for this page: delete what you need least, or download what you want to keep.",
    sentence,
  );
}

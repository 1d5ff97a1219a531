/**
 * Folders that the browser keeps until they are removed: adapters that the user trained or brought, and training runs
 * under way.
 *
 * Nothing is written over. A new version of a folder is a new generation: its files are written beside the old ones,
 * its record last, and what the record does not name is deleted then. A folder is what the newest whole generation
 * says, so that a full disk or an end of the page at any write leaves the old version or the new one.
 *
 * In the cache `graftlet-adapters`, the addresses are
 *
 *     https://graftlet.invalid/adapters/NAME/7-x1y2z3/0             a file of the seventh generation
 *     https://graftlet.invalid/adapters/NAME/7-x1y2z3/record.json   its record
 *     https://graftlet.invalid/adapters/NAME/used/at                when the folder was last used
 *
 * with names percent-encoded. Earlier versions kept files at `NAME/FILE` with a list of them in `NAME/files.json`;
 * this is read as generation 0.
 */
import { GraftletError } from "./errors.js";
import { acquire, acquireNow, type Release } from "./locks.js";
import { checkName } from "./names.js";
import { refusal } from "./storage-error.js";
import type { AdapterFiles, KeptFolder } from "./types.js";

export type StoreName = "adapters" | "runs";

/** A name that no server answers to: addresses below it are only keys. */
const ROOT = "https://graftlet.invalid/";
const RECORD = "record.json";
/** The list of files of an earlier version. */
const OLD_LIST = "files.json";
const USED = "used/at";
/** Longest time that a write waits for another one of the same folder. */
const WRITE_WAIT_MS = 30_000;
/** Attempts at a read that another tab's writes may spoil before they have to wait. */
const FREE_READS = 5;

interface Entry {
  file: string;
  /** Below the folder. */
  key: string;
  /** Absent in what an earlier version kept. */
  bytes?: number;
  sha256?: string;
}

interface StoreRecord {
  savedAt: number;
  files: Entry[];
}

/** A generation that has a record. */
interface Generation extends StoreRecord {
  /** Where its record is, below the folder. */
  at: string;
}

export class Store {
  readonly #cache: Cache;
  readonly #root: string;
  readonly #what: StoreName;

  private constructor(cache: Cache, what: StoreName) {
    this.#cache = cache;
    this.#what = what;
    this.#root = `${ROOT}${what}/`;
  }

  /** Opens one of this origin's stores; rejects with `storage_unavailable`. */
  static async open(what: StoreName, given?: CacheStorage): Promise<Store> {
    try {
      // Where site data is blocked, reading the property may throw already.
      const storage = given ?? (globalThis.caches as CacheStorage | null | undefined);
      if (storage === null) {
        throw new GraftletError(
          "storage_unavailable",
          "Node.js keeps nothing for this package: write what exportAdapter gives to a folder, and give that to addAdapter.",
        );
      }
      if (!storage) throw unavailable("this page is not served over https or from localhost");
      return new Store(await storage.open(`graftlet-${what}`), what);
    } catch (thrown) {
      throw toError(thrown);
    }
  }

  /** The names there are, in alphabetical order. */
  async list(): Promise<string[]> {
    const folders = await this.#folders();
    const names = [...folders].filter(([, keys]) => recordsIn(keys).length > 0);
    return names.map(([name]) => name).sort((a, b) => a.localeCompare(b));
  }

  /** A folder: the newest generation that is whole. */
  get(name: string): Promise<AdapterFiles | undefined> {
    return this.#read(name, async (generation) => {
      const files: [string, Uint8Array][] = [];
      for (const entry of generation.files) {
        files.push([entry.file, await this.#content(name, entry)]);
      }
      return Object.fromEntries(files);
    });
  }

  /** One file of a folder. */
  getFile(name: string, file: string): Promise<Uint8Array | undefined> {
    return this.#read(name, async (generation) => {
      const entry = generation.files.find((entry) => entry.file === file);
      return entry && this.#content(name, entry);
    });
  }

  /** Keeps a folder, in place of another of that name. */
  async put(name: string, files: AdapterFiles): Promise<void> {
    const draft = await this.begin(name);
    await draft.fill(files);
    await draft.publish();
  }

  /** Adds files to a folder, or replaces those of the same names; all at once. */
  async putFiles(name: string, files: AdapterFiles): Promise<void> {
    const draft = await this.begin(name);
    try {
      await draft.keepOthers();
    } catch (thrown) {
      await draft.discard();
      throw thrown;
    }
    await draft.fill(files);
    await draft.publish();
  }

  /** Begins a new version of a folder, which takes the place of the old one when it is published. */
  async begin(name: string): Promise<Draft> {
    checkName(name);
    const release = await this.#hold(name);
    try {
      return await Draft.begin(this.#folder(name), release);
    } catch (thrown) {
      release();
      throw thrown;
    }
  }

  /** Forgets a folder; one that is not there is no error. */
  async remove(name: string): Promise<void> {
    const release = await this.#hold(name);
    try {
      const folder = this.#folder(name);
      const keys = await folder.keys();
      // The newest record goes last: until then the folder is there.
      for (const record of recordsIn(keys).reverse()) await folder.delete(record);
      // What is left behind is of nobody any more; the next sweep finds it.
      await folder.deleteAll(keys).catch(() => {});
    } finally {
      release();
    }
  }

  /** Removes what writes and removals that were cut off left behind. What another tab is writing is left alone. */
  async sweep(): Promise<void> {
    const folders = await this.#folders(async (stray) => {
      await this.#cache.delete(stray);
    });
    for (const [name, keys] of folders) {
      if ((await this.#leftovers(name, keys)).length === 0) continue;
      const release = await acquireNow(this.#lock(name));
      if (!release) continue;
      try {
        // Looked at again, as another tab may have written meanwhile.
        const folder = this.#folder(name);
        await folder.deleteAll(await this.#leftovers(name, await folder.keys()));
      } finally {
        release();
      }
    }
  }

  /** Notes that a folder was used just now. Nothing depends on it, so a failure is none. */
  async use(name: string): Promise<void> {
    await this.#folder(name)
      .put(USED, new TextEncoder().encode(String(Date.now())))
      .catch(() => {});
  }

  /** What is kept, the least recently used first. A folder whose record cannot be read counts nothing. */
  async uses(): Promise<KeptFolder[]> {
    const found: KeptFolder[] = [];
    for (const [name, keys] of await this.#folders()) {
      if (recordsIn(keys).length === 0) continue;
      const folder = this.#folder(name);
      const generation = await this.#newest(name, keys).catch(() => undefined);
      const used = Number(new TextDecoder().decode(await folder.get(USED))) || 0;
      const savedAt = generation?.savedAt ?? 0;
      const lengths = (generation?.files ?? []).map(async (entry) => {
        return entry.bytes ?? (await folder.get(entry.key))?.byteLength ?? 0;
      });
      const bytes = (await Promise.all(lengths)).reduce((sum, length) => sum + length, 0);
      found.push({ name, bytes, savedAt, usedAt: Math.max(used, savedAt) });
    }
    return found.sort((a, b) => a.usedAt - b.usedAt);
  }

  /**
   * Reads from the newest generation that is whole. One that disappears meanwhile was replaced or removed, so the
   * newest is looked for again; where nothing has changed, the next older one may be whole.
   */
  async #read<T>(
    name: string,
    read: (generation: Generation) => Promise<T>,
  ): Promise<T | undefined> {
    let held: Release | undefined;
    try {
      for (let attempt = 1; ; attempt += 1) {
        // Whoever writes faster than this reads is made to wait.
        if (attempt > FREE_READS) held ??= await this.#hold(name);
        const found = await this.#attempt(name, read);
        if (found !== "changed") return found?.value;
      }
    } finally {
      held?.();
    }
  }

  async #attempt<T>(
    name: string,
    read: (generation: Generation) => Promise<T>,
  ): Promise<{ value: T } | undefined | "changed"> {
    const folder = this.#folder(name);
    const records = recordsIn(await folder.keys());
    let damage: unknown;
    for (const at of records) {
      try {
        const generation = await folder.generation(at);
        if (generation) return { value: await read(generation) };
      } catch (thrown) {
        damage ??= thrown;
      }
      if (String(recordsIn(await folder.keys())) !== String(records)) return "changed";
    }
    if (damage) throw this.#named(damage, name);
    return undefined;
  }

  /** The newest generation whose files are all there, by their keys. */
  async #newest(name: string, keys: readonly string[]): Promise<Generation | undefined> {
    const folder = this.#folder(name);
    const there = new Set(keys);
    let damage: unknown;
    for (const at of recordsIn(keys)) {
      try {
        const generation = await folder.generation(at);
        if (generation?.files.every(({ key }) => there.has(key))) return generation;
        if (generation) damage ??= missing(generation.files.find(({ key }) => !there.has(key)));
      } catch (thrown) {
        damage ??= thrown;
      }
    }
    if (damage) throw damage;
    return undefined;
  }

  /** Keys that the newest generation does not need. Where a folder is damaged all of it stays, for its owner to judge. */
  async #leftovers(name: string, keys: readonly string[]): Promise<string[]> {
    try {
      const newest = await this.#newest(name, keys);
      const live = new Set(newest ? liveIn(newest) : []);
      return keys.filter((key) => !live.has(key));
    } catch {
      return [];
    }
  }

  async #content(name: string, entry: Entry): Promise<Uint8Array> {
    const content = await this.#folder(name).get(entry.key);
    if (!content) throw missing(entry);
    if (entry.bytes !== undefined && entry.bytes !== content.byteLength) {
      throw new GraftletError(
        "file_truncated",
        `${entry.file} has ${content.byteLength} of ${entry.bytes} bytes`,
      );
    }
    if (entry.sha256 !== undefined && entry.sha256 !== (await sha256(content))) {
      throw new GraftletError("checksum_mismatch", `${entry.file} is not what was saved`);
    }
    return content;
  }

  /** Damage as a sentence about the folder. */
  #named(damage: unknown, name: string): unknown {
    if (!(damage instanceof GraftletError) || damage.code.startsWith("storage_")) return damage;
    const again =
      this.#what === "adapters" ? "delete it, and train it or add its files again" : "forget it";
    return new GraftletError(
      damage.code,
      `What this browser keeps as “${name}” is damaged (${damage.message}): ${again}.`,
    );
  }

  /** Every folder's keys, by its name; what belongs to none is told. */
  async #folders(stray?: (url: string) => Promise<void>): Promise<Map<string, string[]>> {
    const folders = new Map<string, string[]>();
    for (const url of await keysOf(this.#cache)) {
      const [name, key] = url.startsWith(this.#root) ? split(url.slice(this.#root.length)) : [];
      if (name === undefined || key === undefined) {
        await stray?.(url);
        continue;
      }
      const keys = folders.get(name);
      if (keys) keys.push(key);
      else folders.set(name, [key]);
    }
    return folders;
  }

  #folder(name: string): Folder {
    return new Folder(this.#cache, `${this.#root}${encodeURIComponent(name)}/`);
  }

  #lock(name: string): string {
    return `graftlet store ${this.#what} ${name}`;
  }

  async #hold(name: string): Promise<Release> {
    const release = await acquire(this.#lock(name), WRITE_WAIT_MS);
    if (release) return release;
    throw unavailable(`another tab has been writing “${name}” for more than 30 seconds`);
  }
}

/** A new version of a folder on its way. Nobody else writes the folder until it is published or discarded. */
export class Draft {
  readonly #folder: Folder;
  readonly #release: Release;
  readonly #generation: string;
  readonly #entries = new Map<string, Entry>();
  #count = 0;

  private constructor(folder: Folder, release: Release, generation: string) {
    this.#folder = folder;
    this.#release = release;
    this.#generation = generation;
  }

  static async begin(folder: Folder, release: Release): Promise<Draft> {
    const numbers = (await folder.keys()).map((key) => Number.parseInt(key, 10) || 0);
    const number = numbers.reduce((a, b) => Math.max(a, b), 0) + 1;
    // Where there are no locks, two writers must not meet in one generation.
    const mark = Math.random().toString(36).slice(2, 8) || "0";
    return new Draft(folder, release, `${number}-${mark}`);
  }

  /** Keeps a file. */
  async add(file: string, content: Uint8Array): Promise<void> {
    const key = `${this.#generation}/${this.#count++}`;
    await this.#folder.put(key, content);
    const hash = await sha256(content);
    this.#entries.set(file, {
      file,
      key,
      bytes: content.byteLength,
      ...(hash === undefined ? {} : { sha256: hash }),
    });
  }

  /** Adds files; on failure the draft is discarded. */
  async fill(files: AdapterFiles): Promise<void> {
    try {
      for (const [file, content] of Object.entries(files)) await this.add(file, content);
    } catch (thrown) {
      await this.discard();
      throw thrown;
    }
  }

  /** Takes over the files of the version there is. */
  async keepOthers(): Promise<void> {
    for (const at of recordsIn(await this.#folder.keys())) {
      const generation = await this.#folder.generation(at);
      if (!generation) continue;
      for (const entry of generation.files) this.#entries.set(entry.file, entry);
      return;
    }
  }

  /** Makes it the folder's version; on failure it is discarded and the old one stays. */
  async publish(): Promise<void> {
    const record: StoreRecord = { savedAt: Date.now(), files: [...this.#entries.values()] };
    const at = `${this.#generation}/${RECORD}`;
    try {
      await this.#folder.put(at, new TextEncoder().encode(JSON.stringify(record)));
    } catch (thrown) {
      await this.discard();
      throw thrown;
    }
    try {
      const live = new Set(liveIn({ ...record, at }));
      const keys = await this.#folder.keys();
      // Oldest records first: with the newer ones there they are nobody's.
      await this.#folder.deleteAll([
        ...recordsIn(keys)
          .reverse()
          .filter((key) => !live.has(key)),
        ...keys.filter((key) => !live.has(key)),
      ]);
    } catch {
      // The new version is there; what is left of the old one the next sweep finds.
    } finally {
      this.#release();
    }
  }

  /** Gives it up. */
  async discard(): Promise<void> {
    try {
      const keys = await this.#folder.keys();
      const mine = keys.filter((key) => key.startsWith(`${this.#generation}/`));
      // A record without its files would be worse than files without a record.
      await this.#folder.deleteAll([...recordsIn(mine), ...mine]);
    } catch {
      // The next sweep finds it.
    } finally {
      this.#release();
    }
  }
}

/** The part of the cache below one address. */
class Folder {
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
function recordsIn(keys: readonly string[]): string[] {
  const records = keys.filter((key) => key === OLD_LIST || /^\d+-\w+\/record\.json$/.test(key));
  const number = (key: string) => Number.parseInt(key, 10) || 0;
  return records.sort((a, b) => number(b) - number(a) || (a < b ? 1 : -1));
}

function liveIn({ at, files }: Generation): string[] {
  return [at, USED, ...files.map(({ key }) => key)];
}

/** The name of a folder, and a key below it. */
function split(path: string): [string, string] | [] {
  const slash = path.indexOf("/");
  if (slash < 1 || slash === path.length - 1) return [];
  try {
    return [decodeURIComponent(path.slice(0, slash)), path.slice(slash + 1)];
  } catch {
    return [];
  }
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

function missing(entry: Entry | undefined): GraftletError {
  return new GraftletError("file_missing", `the browser dropped its file ${entry?.file}`);
}

async function keysOf(cache: Cache): Promise<string[]> {
  try {
    return (await cache.keys()).map(({ url }) => url);
  } catch (thrown) {
    throw toError(thrown);
  }
}

/** SHA-256 in hexadecimal, where the page may compute one. */
async function sha256(content: Uint8Array): Promise<string | undefined> {
  const digest = await globalThis.crypto?.subtle?.digest("SHA-256", content as BufferSource);
  return (
    digest &&
    Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("")
  );
}

function unavailable(reason: string): GraftletError {
  return new GraftletError("storage_unavailable", sentence(reason));
}

function sentence(reason: string): string {
  return `This browser keeps nothing for this page (${reason}): allow it to store site data, or download what you want to keep.`;
}

/** What the Cache API throws, as an error of ours. */
function toError(thrown: unknown): GraftletError {
  if (thrown instanceof GraftletError) return thrown;
  return refusal(
    thrown,
    "The browser has no room left for this page: delete what you need least, or download what you want to keep.",
    sentence,
  );
}

/**
 * Folders that the browser keeps until they are removed: adapters that the user trained or brought, and training runs
 * under way.
 *
 * Nothing is written over. A new version of a folder is a new generation: its files are written beside the old ones,
 * its record last, and what the record does not name is deleted then. The newest complete
 * generation is the folder, so a full disk, or an end of the page at any write, leaves the old version or the new one.
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
import { Draft } from "./draft.js";
import { GraftletError } from "./errors.js";
import { acquire, acquireNow, type Release } from "./locks.js";
import { checkName } from "./names.js";
import {
  type Entry,
  Folder,
  type Generation,
  keysOf,
  liveIn,
  missing,
  recordsIn,
  sha256,
  toError,
  USED,
  unavailable,
} from "./stored-folder.js";
import type { AdapterFiles, KeptFolder } from "./types.js";

export type StoreName = "adapters" | "runs";

/** A name that no server answers to: addresses below it are only keys. */
const ROOT = "https://graftlet.invalid/";
/** Longest time that a write waits for another one of the same folder. */
const WRITE_WAIT_MS = 30_000;
/** Attempts at a read that another tab's writes may spoil before they have to wait. */
const FREE_READS = 5;

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
      const files = generation.files.map(async (entry): Promise<[string, Uint8Array]> => {
        return [entry.file, await this.#content(name, entry)];
      });
      return Object.fromEntries(await Promise.all(files));
    });
  }

  /** One file of a folder. */
  getFile(name: string, file: string): Promise<Uint8Array | undefined> {
    return this.#read(name, async (generation) => {
      const entry = generation.files.find((entry) => entry.file === file);
      return entry && this.#content(name, entry);
    });
  }

  /** Keeps a folder, in place of another of that name. One that is kept as it is already is not written again. */
  async put(name: string, files: AdapterFiles): Promise<void> {
    checkName(name);
    const kept = await this.get(name).catch(() => undefined);
    if (kept && isSame(kept, files)) {
      void this.use(name);
      return;
    }
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
      // What is left behind belongs to nothing any more; the next sweep removes it.
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

/** Whether two folders have the same files. */
function isSame(one: AdapterFiles, other: AdapterFiles): boolean {
  const names = Object.keys(one);
  const isOne = (name: string) => {
    const [a, b] = [one[name], Object.hasOwn(other, name) ? other[name] : undefined];
    return a && b && a.length === b.length && a.every((byte, index) => byte === b[index]);
  };
  return names.length === Object.keys(other).length && names.every(isOne);
}

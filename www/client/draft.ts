import type { Release } from "./locks.js";
import {
  type Entry,
  type Folder,
  liveIn,
  RECORD,
  recordsIn,
  type StoreRecord,
  sha256,
} from "./stored-folder.js";
import type { AdapterFiles } from "./types.js";

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
      // The new version is there; the next sweep removes what is left of the old one.
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

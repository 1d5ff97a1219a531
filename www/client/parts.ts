/**
 * Parts of files that have not arrived whole, in the browser's Cache API, so that the next visit goes on where this one
 * broke off. A file is known by its hash, or by its address and version, so a part never comes to another version. Nothing
 * here fails: where the browser keeps nothing, there are no parts.
 */
import type { Network } from "./network.js";

export interface KeptParts {
  content: Uint8Array[];
  /** As the server gave it with the first part. */
  validator: string | undefined;
}

const CACHE = "graftlet-parts";
/** A name that no server answers to; the addresses below it are only keys. */
const ROOT = "https://graftlet.invalid/parts/";
const VALIDATOR = "x-validator";
const SAVED_AT = "x-saved-at";
/** Parts older than this are deleted. */
const OLD_MS = 7 * 24 * 3600 * 1000;
/** How long the end of a download waits for its parts to be written. */
const WRITING_MS = 2000;

export class Parts {
  readonly #network: Network;
  #opened: Promise<Cache | undefined> | undefined;
  /** Writes go one after another. */
  #writing: Promise<void> = Promise.resolve();
  /** The browser takes no more. */
  #full = false;

  constructor(network: Network) {
    this.#network = network;
  }

  /** The parts of a file from its beginning on, as far as there is none missing. */
  async get(file: string): Promise<KeptParts> {
    const content: Uint8Array[] = [];
    let validator: string | undefined;
    try {
      const cache = await this.#cache();
      let length = 0;
      for (const [offset, key] of await this.#list(cache, file)) {
        const kept = offset === length ? await cache?.match(key) : undefined;
        if (!kept) break;
        const part = new Uint8Array(await kept.arrayBuffer());
        if (offset === 0) validator = kept.headers.get(VALIDATOR) ?? undefined;
        content.push(part);
        length += part.length;
      }
    } catch {
      // as without a cache
    }
    return { content, validator };
  }

  /** How many bytes there are, at least: another tab may be fetching the file. */
  async length(file: string): Promise<number> {
    try {
      const offsets = (await this.#list(await this.#cache(), file)).map(([offset]) => offset);
      return offsets.at(-1) ?? 0;
    } catch {
      return 0;
    }
  }

  /** Keeps a part, soon. */
  add(file: string, offset: number, part: Uint8Array<ArrayBuffer>, validator?: string): void {
    this.#later(async (cache) => {
      if (this.#full) return;
      const headers = new Headers({ [SAVED_AT]: String(Date.now()) });
      if (validator !== undefined) headers.set(VALIDATOR, validator);
      try {
        await cache.put(`${ROOT}${file}/${offset}`, new Response(part, { headers }));
      } catch {
        this.#full = true;
        await this.#removeNow(cache, file);
      }
    });
  }

  /** Resolves when all parts are kept, or when that takes too long. */
  async written(): Promise<void> {
    const settled = new AbortController();
    const end = this.#network.sleep(WRITING_MS, settled.signal).catch(() => {});
    await Promise.race([this.#writing, end]);
    settled.abort();
  }

  removeLater(file: string): void {
    this.#later((cache) => this.#removeNow(cache, file));
  }

  async remove(file: string): Promise<void> {
    this.removeLater(file);
    await this.written();
  }

  /** Removes what was left behind long ago. */
  async removeOld(): Promise<void> {
    this.#later(async (cache) => {
      for (const key of await cache.keys()) {
        const savedAt = Number((await cache.match(key))?.headers.get(SAVED_AT));
        if (Date.now() - savedAt > OLD_MS) await cache.delete(key);
      }
    });
    await this.written();
  }

  async #list(cache: Cache | undefined, file: string): Promise<[number, Request][]> {
    const folder = `${ROOT}${file}/`;
    const keys = ((await cache?.keys()) ?? []).filter(({ url }) => url.startsWith(folder));
    const list = keys.map((key): [number, Request] => [Number(key.url.slice(folder.length)), key]);
    return list.sort(([a], [b]) => a - b);
  }

  async #removeNow(cache: Cache, file: string): Promise<void> {
    for (const [, key] of await this.#list(cache, file)) await cache.delete(key);
  }

  #later(work: (cache: Cache) => Promise<void>): void {
    this.#writing = this.#writing
      .then(async () => {
        const cache = await this.#cache();
        if (cache) await work(cache);
      })
      .catch(() => {});
  }

  #cache(): Promise<Cache | undefined> {
    this.#opened ??= (async () => this.#network.caches()?.open(CACHE))().catch(() => undefined);
    return this.#opened;
  }
}

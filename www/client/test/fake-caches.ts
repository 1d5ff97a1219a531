/**
 * The tests' double of the Cache API, which fails when it is told to, and of Web Locks.
 */

/** What happens at a write, which is counted from 1: a `put` or a `delete`. */
export type Fault = (write: number, kind: "put" | "delete") => "fail" | "full" | undefined;

/** Caches that live as long as the test, whatever ends. */
export class FakeCaches {
  /** The entries of each cache by their addresses, to be looked at, copied or spoiled. */
  readonly caches = new Map<string, Map<string, Uint8Array>>();
  fault: Fault = () => undefined;
  /** Runs before each operation, as other tabs do. */
  meanwhile: () => Promise<void> | void = () => {};
  /** Is told before each `put`. */
  onPut: (url: string) => void = () => {};
  writes = 0;
  /** True once everything fails: the page was ended. */
  dead = false;
  /** How many bytes fit. */
  room = Number.POSITIVE_INFINITY;
  /** True where opening one throws. */
  denied = false;

  async open(name: string): Promise<Cache> {
    if (this.denied) throw new DOMException("The operation is insecure.", "SecurityError");
    const entries = this.entries(name);
    this.caches.set(name, entries);
    return new FakeCache(this, entries) as unknown as Cache;
  }

  /** Addresses in all caches. */
  get urls(): string[] {
    return [...this.caches.values()].flatMap((entries) => [...entries.keys()]);
  }

  entries(name: string): Map<string, Uint8Array> {
    return this.caches.get(name) ?? new Map();
  }

  /** The addresses in a cache. */
  keys(name: string): string[] {
    return [...this.entries(name).keys()];
  }

  /** A kept file, to be damaged. */
  content(name: string, part: string): Uint8Array {
    const [, found] = [...this.entries(name)].find(([key]) => key.includes(part)) ?? [];
    if (!found) throw new Error(`nothing is kept under ${part}`);
    return found;
  }

  used(): number {
    const all = [...this.caches.values()].flatMap((cache) => [...cache.values()]);
    return all.reduce((sum, { length }) => sum + length, 0);
  }

  /** Everything works again, as in a page that was opened anew. */
  revive(): void {
    this.fault = () => undefined;
    this.writes = 0;
    this.dead = false;
  }

  async before(kind: "read" | "put" | "delete", bytes = 0): Promise<void> {
    await this.meanwhile();
    if (this.dead) throw new DOMException("the page was ended", "InvalidStateError");
    if (kind === "read") return;
    this.writes += 1;
    const fault = this.fault(this.writes, kind);
    if (fault === "full" || this.used() + bytes > this.room) {
      throw new DOMException("Quota exceeded.", "QuotaExceededError");
    }
    if (fault === "fail") {
      this.dead = true;
      throw new DOMException("the page was ended", "InvalidStateError");
    }
  }
}

type Key = string | { url: string };
const addressOf = (key: Key) => (typeof key === "string" ? new URL(key).href : key.url);
const headersOf = new WeakMap<Uint8Array, Headers>();

class FakeCache {
  readonly #all: FakeCaches;
  readonly #entries: Map<string, Uint8Array>;

  constructor(all: FakeCaches, entries: Map<string, Uint8Array>) {
    this.#all = all;
    this.#entries = entries;
  }

  async match(key: Key): Promise<Response | undefined> {
    await this.#all.before("read");
    const content = this.#entries.get(addressOf(key));
    const headers = (content && headersOf.get(content)) ?? new Headers();
    return content && new Response(content as BodyInit, { headers });
  }

  async put(key: Key, response: Response): Promise<void> {
    const url = addressOf(key);
    this.#all.onPut(url);
    const content = new Uint8Array(await response.arrayBuffer());
    headersOf.set(content, response.headers);
    // As Chromium does: what is replaced goes before it is known whether there is room.
    try {
      await this.#all.before("put", content.length);
    } catch (thrown) {
      this.#entries.delete(url);
      throw thrown;
    }
    this.#entries.set(url, content);
  }

  async delete(key: Key): Promise<boolean> {
    await this.#all.before("delete");
    return this.#entries.delete(addressOf(key));
  }

  async keys(): Promise<{ url: string }[]> {
    await this.#all.before("read");
    return [...this.#entries.keys()].map((url) => ({ url }));
  }
}

type Callback = (lock: { name: string } | null) => unknown;
interface Options {
  signal?: AbortSignal;
  ifAvailable?: boolean;
}

/** Exclusive locks, each with those who wait for it. */
export class FakeLocks {
  readonly #queues = new Map<string, (() => void)[]>();

  async request(name: string, options: Options, callback: Callback): Promise<unknown> {
    const queue = this.#queues.get(name);
    if (queue && options.ifAvailable) return callback(null);
    if (queue) {
      await new Promise<void>((resolve, reject) => {
        queue.push(resolve);
        options.signal?.addEventListener("abort", () => {
          const place = queue.indexOf(resolve);
          if (place >= 0) queue.splice(place, 1);
          reject(options.signal?.reason);
        });
      });
    } else this.#queues.set(name, []);
    try {
      return await callback({ name });
    } finally {
      const next = this.#queues.get(name)?.shift();
      if (next) next();
      else this.#queues.delete(name);
    }
  }

  async query(): Promise<{ held: { name: string }[] }> {
    return { held: [...this.#queues.keys()].map((name) => ({ name })) };
  }
}

/**
 * One file over the network. What breaks off goes on from where it stopped, what stands still is given up, what is worth
 * retrying is tried again after a growing, random wait, and what arrives is compared with the length and hash that it must
 * have. Every cause of a failure has a code of its own.
 */
import { GraftletError } from "./errors.js";
import type { Network } from "./network.js";
import type { Parts } from "./parts.js";
import { sha256 } from "./sha256.js";

/** A file, and what is known of it. */
export interface Wanted {
  url: string;
  /** Its length. */
  bytes?: number | undefined;
  /** SHA-256 in hexadecimal. With it, or with `version`, a part of the file is of use at the next visit. */
  sha256?: string | undefined;
  /** What the server calls the version that is wanted, where the hash is not known. */
  version?: string | undefined;
  /** The length at which parts of such a version are all of it. */
  whole?: number | undefined;
  /** True where parts stay until `removeParts`, because the whole file is not kept anywhere else. */
  keepsParts?: boolean;
  /** The longest that it may be where its length is not known. */
  most?: number;
  /** As for `fetch`; `reload` passes the browser's HTTP cache by. */
  cache?: RequestCache;
}

/** What a server says of a file without sending it. */
export interface Facts {
  /** Its ETag, or the date of its last change. */
  version?: string | undefined;
  /** Its length. */
  bytes?: number | undefined;
  /** What comes over the network, which is the length unless the server packs the file. */
  sent?: number | undefined;
}

/** A wait before the next attempt. */
export interface Retry {
  /** Why: the error's code and sentence. */
  code: GraftletError["code"];
  message: string;
  /** Until the next attempt. */
  seconds: number;
}

export interface Watch {
  signal?: AbortSignal | undefined;
  /** `loaded` bytes of the file are here, of which `received` came over the network. */
  onProgress?(loaded: number, received: number): void;
  onRetry?(retry: Retry): void;
}

export interface Limits {
  /** Attempts in a row that bring nothing. */
  attempts: number;
  /** The first wait before another attempt; each further one is twice as long. */
  backoffMs: number;
  longestBackoffMs: number;
  /** A server that sends less than `leastBytes` in this time has stalled. */
  stallMs: number;
  leastBytes: number;
  /** No file takes longer, whatever happens. */
  totalMs: number;
}

export const LIMITS: Limits = {
  attempts: 5,
  backoffMs: 500,
  longestBackoffMs: 8000,
  stallMs: 20_000,
  leastBytes: 1024,
  totalMs: 3_600_000,
};

/** Longest file of unknown length. */
const MOST = 2 ** 30;
/** Progress that starts the count of attempts again; less would let a server that sends byte by byte go on for hours. */
const WORTH_COUNTING = 16 * 1024;
/** Parts without a byte after which the file is asked for from its beginning: some servers promise parts they cannot give. */
const EMPTY_PARTS = 3;
/** Answers that another attempt may change. */
const PASSING = [408, 425, 429, 500, 502, 503, 504];
/** Memory that a claimed length may ask for before anything has arrived. */
const FIRST_BUFFER = 2 ** 25;

export class Downloads {
  readonly network: Network;
  readonly #parts: Parts | undefined;
  readonly #limits: Limits;

  /** Without `parts` nothing is kept for the next visit. */
  constructor(network: Network, parts?: Parts, limits: Limits = LIMITS) {
    this.network = network;
    this.#parts = parts;
    this.#limits = limits;
  }

  /** Fetches a file. */
  async file(wanted: Wanted, watch: Watch = {}): Promise<Uint8Array<ArrayBuffer>> {
    const transfer = new Transfer(wanted, watch, this.network, this.#parts, this.#limits);
    return await transfer.run();
  }

  /** Asks what the server says of a file; of one that does not answer such questions nothing is known. */
  async facts(url: string, watch: Watch = {}): Promise<Facts> {
    const wanted: Wanted = { url, cache: "no-cache" };
    const transfer = new Transfer(wanted, watch, this.network, undefined, this.#limits, "HEAD");
    await transfer.run();
    return transfer.facts;
  }

  /** Removes the parts of a file with `keepsParts`. */
  async removeParts(wanted: Wanted): Promise<void> {
    await this.#parts?.remove(partsKey(wanted) ?? "");
  }

  /** How many bytes of a file are kept as parts: another tab may be fetching it. */
  async partsOf(wanted: Wanted): Promise<number> {
    return (await this.#parts?.length(partsKey(wanted) ?? "")) ?? 0;
  }

  /**
   * Fetches a file that need not be there. A server of single-page applications, which answers everything with its
   * page, has no such file either.
   */
  async optional(wanted: Wanted, watch: Watch = {}): Promise<Uint8Array<ArrayBuffer> | undefined> {
    try {
      return await this.file(wanted, watch);
    } catch (error) {
      if (error instanceof GraftletError && isAbsent(error)) return undefined;
      throw error;
    }
  }
}

/** Whether an error says that the server has no such file. */
export function isAbsent({ code }: GraftletError): boolean {
  return code === "not_found" || code === "not_a_file";
}

/** What a file's parts are known by. A weak ETag may stand for other bytes. */
function partsKey({ url, sha256, version }: Wanted): string | undefined {
  if (sha256 !== undefined) return sha256;
  const isExact = version !== undefined && !version.startsWith("W/");
  return isExact ? encodeURIComponent(`${url} ${version}`) : undefined;
}

function versionIn(headers: Headers): string | undefined {
  return headers.get("etag") ?? headers.get("last-modified") ?? undefined;
}

/** How an attempt failed. */
class Failure {
  constructor(
    readonly error: GraftletError,
    /** Try again from where it stopped, or from the beginning and past the browser's cache, or not at all. */
    readonly next: "resume" | "afresh" | "give up",
    /** What the server asked to wait. */
    readonly waitMs = 0,
  ) {}
}

class Transfer {
  readonly #wanted: Wanted;
  readonly #watch: Watch;
  readonly #network: Network;
  readonly #parts: Parts | undefined;
  readonly #limits: Limits;
  readonly #method: "GET" | "HEAD";
  /** What the parts are known by; absent where none are of use. */
  readonly #key: string | undefined;
  readonly #began: number;
  facts: Facts = {};
  #content = new GrowingBytes(0);
  /** Bytes of the content that are kept as parts. */
  #kept = 0;
  #received = 0;
  /** Parts in a row that the server began and brought nothing of. */
  #emptyParts = 0;
  /** Whether the server has ever answered. */
  #answered = false;
  /** Attempts that failed though the server answers when nobody reads it. */
  #unread = 0;
  /** What the server must still have for a part to be of use: an ETag or a date. */
  #validator: string | undefined;
  #cache: RequestCache;

  constructor(
    wanted: Wanted,
    watch: Watch,
    network: Network,
    parts: Parts | undefined,
    limits: Limits,
    method: "GET" | "HEAD" = "GET",
  ) {
    this.#wanted = wanted;
    this.#method = method;
    this.#key = partsKey(wanted);
    this.#watch = watch;
    this.#network = network;
    this.#parts = this.#key === undefined ? undefined : parts;
    this.#limits = limits;
    this.#began = network.now();
    this.#cache = wanted.cache ?? "default";
    this.#startOver();
  }

  async run(): Promise<Uint8Array<ArrayBuffer>> {
    await this.#takeUpParts();
    let startedAfresh = false;
    let fruitless = 0;
    for (;;) {
      const before = this.#content.length;
      const failure = await this.#attempt();
      if (!failure) {
        if (this.#wanted.keepsParts) await this.#keepRest();
        else await this.#parts?.remove(this.#key ?? "");
        return this.#content.bytes();
      }
      const { error, next, waitMs } = failure;
      if (next === "give up" || this.#watch.signal?.aborted) throw error;
      if (next === "afresh") {
        if (startedAfresh) {
          await this.#parts?.remove(this.#key ?? "");
          throw error;
        }
        startedAfresh = true;
        this.#startOver();
        this.#cache = "reload";
        continue;
      }
      fruitless = this.#content.length - before >= WORTH_COUNTING ? 1 : fruitless + 1;
      const took = this.#network.now() - this.#began;
      if (fruitless >= this.#limits.attempts || took >= this.#limits.totalMs) {
        await this.#keepRest();
        throw error;
      }
      if (this.#emptyParts >= EMPTY_PARTS) this.#startOver();
      const { backoffMs, longestBackoffMs } = this.#limits;
      const longest = Math.min(longestBackoffMs, backoffMs * 2 ** (fruitless - 1));
      // At random, so that those who lost a server at the same moment do not all come back at the same moment.
      const wait = Math.max(waitMs, longest * (0.5 + this.#network.random() / 2));
      this.#watch.onRetry?.({ code: error.code, message: error.message, seconds: wait / 1000 });
      try {
        await this.#network.sleep(wait, this.#watch.signal);
      } catch {
        throw this.#aborted();
      }
    }
  }

  /** One request; answers with why it failed, or nothing once the whole file is here and right. */
  async #attempt(): Promise<Failure | undefined> {
    const { signal } = this.#watch;
    if (signal?.aborted) return this.#giveUp(this.#aborted());
    const connection = new AbortController();
    const disconnect = () => connection.abort();
    signal?.addEventListener("abort", disconnect, { once: true });
    try {
      if (!this.#isWhole()) await this.#transfer(connection.signal);
      return await this.#examine();
    } catch (thrown) {
      return thrown instanceof Failure ? thrown : await this.#explain(thrown);
    } finally {
      signal?.removeEventListener("abort", disconnect);
      disconnect();
    }
  }

  /** Whether parts were all of the file. */
  #isWhole(): boolean {
    const { length } = this.#content;
    return length > 0 && length === (this.#wanted.bytes ?? this.#wanted.whole);
  }

  async #transfer(signal: AbortSignal): Promise<void> {
    const { url } = this.#wanted;
    // Without anything to check it by, another version's end might be put to this one's beginning.
    if (this.#validator === undefined && this.#key === undefined) this.#startOver();
    const from = this.#content.length;
    const init: RequestInit = { signal, cache: this.#cache, method: this.#method };
    if (from > 0) {
      const headers: Record<string, string> = { Range: `bytes=${from}-` };
      // To another origin it would ask for permission first, which few servers give. There the hash must do.
      if (this.#validator !== undefined && !this.#isForeign()) {
        headers["If-Range"] = this.#validator;
      }
      init.headers = headers;
      init.cache = "no-store";
    }
    const patience = new Patience(this.#network, this.#limits, this.#began);
    const response = await patience.wait(this.#network.fetch(url, init), () => this.#stalled());
    this.#answered = true;
    const length = this.#accept(response, from);
    if (this.#method === "HEAD") return;
    // What the server sends is all of the file if it has no part of it to give.
    const start = response.status === 206 ? from : 0;
    if (start > 0) this.#emptyParts += 1;
    const reader = response.body?.getReader();
    if (!reader) return;
    try {
      for (;;) {
        const { done, value } = await patience.wait(reader.read(), () => this.#stalled());
        if (done) break;
        this.#content.add(value);
        this.#received += value.length;
        this.#emptyParts = 0;
        patience.arrived(value.length);
        const { bytes, most = MOST } = this.#wanted;
        if (this.#content.length > (bytes ?? most)) throw this.#wrongLength(this.#content.length);
        this.#keepParts();
        this.#watch.onProgress?.(this.#content.length, this.#received);
      }
    } finally {
      reader.cancel().catch(() => {});
    }
    const expected = this.#wanted.bytes ?? length;
    if (expected !== undefined && this.#content.length < expected) {
      // Cut by a server that does not say so. One that sends nothing more has no more.
      if (this.#content.length > start) throw new Failure(this.#lost(), "resume");
      throw this.#wrongLength(this.#content.length);
    }
  }

  /** Checks what the server says before its content is read; answers with the file's length where that is said. */
  #accept(response: Response, from: number): number | undefined {
    const { status, headers } = response;
    const where = this.#where();
    if (status === 404 || status === 410) {
      const sentence = this.#isLocal()
        ? `There is no file ${where}: check the path.`
        : `There is no ${where} on the server (${status}): check the address.`;
      throw this.#giveUp(new GraftletError("not_found", sentence));
    }
    if (from > 0 && (status === 416 || status === 412)) throw this.#wrongLength(from);
    // Some servers only know GET.
    if (this.#method === "HEAD" && (status === 405 || status === 501)) return undefined;
    if (!response.ok) {
      const error = new GraftletError(
        "fetch_failed",
        this.#isLocal()
          ? `The file ${where} cannot be read: check its permissions.`
          : `The server answered ${status} when it was asked for ${where}: try again later, or check its settings.`,
      );
      if (!PASSING.includes(status)) throw this.#giveUp(error);
      throw new Failure(error, "resume", this.#retryAfter(headers));
    }
    if (/^(text\/html|application\/xhtml)/i.test(headers.get("content-type") ?? "")) {
      throw this.#page();
    }
    // Where the length is that of something packed, or where a server does not say it, `null`.
    const isPlain = headers.get("content-encoding") === null && !this.#isForeign();
    const said = isPlain ? headers.get("content-length") : null;
    if (status === 206) {
      // The header cannot be read from another origin, unless it says so.
      const range = headers.get("content-range");
      const [, start, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(range ?? "") ?? [];
      // A part of what is packed cannot be unpacked.
      const isPacked = headers.get("content-encoding") !== null;
      // Where no hash tells, it must be a part of the same version.
      const { sha256, version } = this.#wanted;
      const isOther =
        sha256 === undefined && version !== undefined && versionIn(headers) !== version;
      if (from === 0 || isPacked || isOther || (range !== null && Number(start) !== from)) {
        throw new Failure(this.#lost(), "afresh");
      }
      const length = total === undefined || total === "*" ? undefined : Number(total);
      if (length !== undefined && length !== (this.#wanted.bytes ?? length)) {
        throw this.#wrongLength(length);
      }
      return length;
    }
    // Also where a part was asked for: the server does not give any, or has another version by now.
    if (from > 0) this.#startOver();
    const tag = headers.get("etag");
    const strong = tag !== null && !tag.startsWith("W/") ? tag : undefined;
    this.#validator = isPlain ? (strong ?? headers.get("last-modified") ?? undefined) : undefined;
    const sent = Number(headers.get("content-length") ?? Number.NaN);
    this.facts = {
      version: versionIn(headers),
      bytes: said === null ? undefined : Number(said),
      sent: Number.isFinite(sent) ? sent : undefined,
    };
    if (said === null || this.#method === "HEAD") return undefined;
    const length = Number(said);
    const { bytes, most = MOST } = this.#wanted;
    if (bytes === undefined ? length > most : length !== bytes) throw this.#wrongLength(length);
    return length;
  }

  /** Compares what arrived with what it must be. */
  async #examine(): Promise<Failure | undefined> {
    if (this.#method === "HEAD") return undefined;
    const content = this.#content.bytes();
    const expected = this.#wanted.sha256;
    if (expected === undefined) return isHtml(content) ? this.#page() : undefined;
    const found = await sha256(content);
    if (found === expected) return undefined;
    if (isHtml(content)) return this.#page();
    return new Failure(
      new GraftletError(
        "checksum_mismatch",
        `${this.#where()} has SHA-256 ${found} instead of ${expected}: it was changed or damaged; ${this.#remedy()}.`,
      ),
      "afresh",
    );
  }

  /** What is behind an exception of `fetch` or of a stream, which only says that something failed. */
  async #explain(thrown: unknown): Promise<Failure> {
    if (this.#watch.signal?.aborted) return this.#giveUp(this.#aborted());
    const where = this.#where();
    const has = this.#content.length > 0;
    if (!this.#network.online()) {
      const error = new GraftletError(
        "offline",
        `The browser has no network, so ${where} could not be fetched: go online, then try again.`,
      );
      // With something on the way already it is worth while to wait for the network.
      return has ? new Failure(error, "resume") : this.#giveUp(error);
    }
    if (!(thrown instanceof Error)) throw thrown;
    if (this.#answered) return new Failure(this.#lost(), "resume");
    if (await this.#answersUnread()) {
      this.#unread += 1;
      const error = new GraftletError(
        "cors_refused",
        `The server does not let this page read ${where}: it must send the header Access-Control-Allow-Origin.`,
      );
      // Once may have been a connection that broke at that moment.
      return this.#unread > 1 ? this.#giveUp(error) : new Failure(error, "resume");
    }
    return new Failure(
      new GraftletError(
        "unreachable",
        `${this.#host()} could not be reached for ${where}: check the address and the connection, then try again.`,
      ),
      "resume",
    );
  }

  /** Whether another origin answers if the page does not read what it answers; it may have been led there. */
  async #answersUnread(): Promise<boolean> {
    const patience = new Patience(this.#network, this.#limits, this.#began);
    const init: RequestInit = { mode: "no-cors", method: "HEAD", cache: "no-store" };
    try {
      const answer = this.#network.fetch(this.#wanted.url, init);
      return (await patience.wait(answer, () => this.#stalled())).type === "opaque";
    } catch {
      return false;
    }
  }

  async #takeUpParts(): Promise<void> {
    const { bytes } = this.#wanted;
    if (!this.#parts || this.#key === undefined) return;
    const { content, validator } = await this.#parts.get(this.#key);
    for (const part of content) this.#content.add(part);
    if (this.#content.length === 0) return;
    if (bytes !== undefined && this.#content.length > bytes) {
      this.#startOver();
      return;
    }
    this.#kept = this.#content.length;
    this.#validator = validator;
    this.#watch.onProgress?.(this.#content.length, 0);
  }

  /** Keeps what has arrived, in parts of a two-hundredth of the file, so that no more than that is fetched twice. */
  #keepParts(): void {
    const { bytes = this.#wanted.whole ?? 0 } = this.#wanted;
    const size = Math.max(32 * 1024, Math.ceil(bytes / 200));
    if (this.#content.length - this.#kept >= size) this.#keep();
  }

  #keep(): void {
    if (!this.#parts || this.#key === undefined || this.#content.length === this.#kept) return;
    const part = this.#content.copy(this.#kept);
    this.#parts.add(this.#key, this.#kept, part, this.#validator);
    this.#kept = this.#content.length;
  }

  /** Before the download is given up. */
  async #keepRest(): Promise<void> {
    this.#keep();
    await this.#parts?.written();
  }

  #startOver(): void {
    this.#emptyParts = 0;
    this.#content = new GrowingBytes(this.#wanted.bytes ?? this.#wanted.whole ?? 0);
    this.#validator = undefined;
    if (this.#kept > 0) this.#parts?.removeLater(this.#key ?? "");
    this.#kept = 0;
  }

  #retryAfter(headers: Headers): number {
    const seconds = Number(headers.get("retry-after") ?? 0);
    return Number.isFinite(seconds) ? Math.min(30, Math.max(0, seconds)) * 1000 : 0;
  }

  #giveUp(error: GraftletError): Failure {
    return new Failure(error, "give up");
  }

  #aborted(): GraftletError {
    return new GraftletError("aborted", `Fetching ${this.#where()} was cancelled.`);
  }

  #stalled(): Failure {
    const seconds = Math.round(this.#limits.stallMs / 1000);
    return new Failure(
      new GraftletError(
        "timed_out",
        `The server sent next to nothing of ${this.#where()} for ${seconds} seconds: try again later.`,
      ),
      "resume",
    );
  }

  #lost(): GraftletError {
    return new GraftletError(
      "connection_lost",
      `The connection broke off again and again while ${this.#where()} was fetched: try again later.`,
    );
  }

  #page(): Failure {
    const sentence =
      `The server sent a web page in place of ${this.#where()}: check the address, and whether the network ` +
      "asks for a sign-in.";
    return new Failure(new GraftletError("not_a_file", sentence), "afresh");
  }

  #wrongLength(found: number): Failure {
    const { bytes, most = MOST } = this.#wanted;
    const expected = bytes === undefined ? `at most ${most}` : String(bytes);
    return new Failure(
      new GraftletError(
        "length_mismatch",
        `${this.#where()} has ${found} bytes${found > (bytes ?? most) ? " or more" : ""} ` +
          `${this.#isLocal() ? "" : "on the server "}instead of ${expected}: it was changed or cut; ${this.#remedy()}.`,
      ),
      "afresh",
    );
  }

  /** Whether it is a file of this computer, which Node.js reads. */
  #isLocal(): boolean {
    return this.#wanted.url.startsWith("file:");
  }

  #remedy(): string {
    return this.#isLocal() ? "copy the folder again" : "put the folder on the server again";
  }

  #isForeign(): boolean {
    const { origin } = this.#network;
    return origin !== "" && new URL(this.#wanted.url).origin !== origin;
  }

  #host(): string {
    return new URL(this.#wanted.url).host;
  }

  /** The file as sentences name it: its path, with the host where that is another than the page's. */
  #where(): string {
    const { host, pathname } = new URL(this.#wanted.url);
    const whole = this.#isForeign() ? host + pathname : pathname;
    const path = this.#isLocal() ? decoded(whole) : whole;
    return path.length > 120 ? `…${path.slice(-119)}` : path;
  }
}

/** Ends the wait for a server that sends next to nothing. */
class Patience {
  readonly #network: Network;
  readonly #limits: Limits;
  readonly #last: number;
  #until: number;
  #arrived = 0;

  constructor(network: Network, limits: Limits, began: number) {
    this.#network = network;
    this.#limits = limits;
    this.#last = began + limits.totalMs;
    this.#until = network.now() + limits.stallMs;
  }

  arrived(bytes: number): void {
    this.#arrived += bytes;
    if (this.#arrived < this.#limits.leastBytes) return;
    this.#arrived = 0;
    this.#until = this.#network.now() + this.#limits.stallMs;
  }

  async wait<T>(promise: Promise<T>, stalled: () => Failure): Promise<T> {
    const settled = new AbortController();
    const left = Math.max(0, Math.min(this.#until, this.#last) - this.#network.now());
    const end = this.#network.sleep(left, settled.signal).then(
      () => Promise.reject(stalled()),
      () => new Promise<never>(() => {}),
    );
    // What loses the race may still fail, and nobody waits for it then.
    promise.catch(() => {});
    try {
      return await Promise.race([promise, end]);
    } finally {
      settled.abort();
    }
  }
}

/** Bytes that grow by doubling, since a claimed length is not believed before it has arrived. */
class GrowingBytes {
  #buffer: Uint8Array<ArrayBuffer>;
  /** The length at which they are expected to end. */
  readonly #end: number;
  length = 0;

  constructor(end: number) {
    this.#end = end;
    this.#buffer = new Uint8Array(Math.min(end, FIRST_BUFFER));
  }

  add(bytes: Uint8Array): void {
    const length = this.length + bytes.length;
    if (length > this.#buffer.length) {
      const doubled = Math.max(2 * this.#buffer.length, 1 << 16);
      // Not beyond the end, as files of weights are most of a tab's memory.
      const isNearEnd = length <= this.#end && doubled > this.#end;
      const larger = new Uint8Array(isNearEnd ? this.#end : Math.max(length, doubled));
      larger.set(this.#buffer.subarray(0, this.length));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.length);
    this.length = length;
  }

  copy(from: number): Uint8Array<ArrayBuffer> {
    return this.#buffer.slice(from, this.length);
  }

  /** All of them, in a buffer of their own length. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.length === this.#buffer.length ? this.#buffer : this.#buffer.slice(0, this.length);
  }
}

/** An address's path as people write it. */
export function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** Whether content is a web page, whatever the server calls it. */
function isHtml(content: Uint8Array): boolean {
  const beginning = new TextDecoder().decode(content.subarray(0, 64)).trimStart().toLowerCase();
  return beginning.startsWith("<!doctype html") || beginning.startsWith("<html");
}

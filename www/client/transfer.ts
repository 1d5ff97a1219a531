/** One download: its attempts, what is kept of it meanwhile, and the check of what has arrived. */
import { GraftletError } from "./errors.js";
import { GrowingBytes } from "./growing-bytes.js";
import type { Network } from "./network.js";
import type { Parts } from "./parts.js";
import { Patience } from "./patience.js";
import { Failure, Sentences } from "./sentences.js";
import { sha256 } from "./sha256.js";
import { type Facts, type Limits, MOST, partsKey, type Wanted, type Watch } from "./wanted.js";

/** Progress that starts the count of attempts again; less would let a server that sends byte by byte go on for hours. */
const WORTH_COUNTING = 16 * 1024;
/** Parts without a byte after which the file is asked for from its beginning: some servers promise parts they cannot give. */
const EMPTY_PARTS = 3;
/** Answers that another attempt may change. */
const PASSING = [408, 425, 429, 500, 502, 503, 504];

export class Transfer {
  readonly #wanted: Wanted;
  readonly #watch: Watch;
  readonly #network: Network;
  /** What is said of its failures. */
  readonly #says: Sentences;
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
  /** Keeps the first parts after a while. */
  #keepsLater: Promise<void> | undefined;
  #hasEnded = false;

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
    this.#says = new Sentences(wanted, network, limits);
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
        this.#hasEnded = true;
        if (this.#wanted.keepsParts) await this.#keepRest();
        else await this.#parts?.remove(this.#key ?? "");
        return this.#content.bytes();
      }
      const { error, next, waitMs } = failure;
      if (next === "give up" || this.#watch.signal?.aborted) throw error;
      if (next === "afresh") {
        if (startedAfresh) {
          this.#hasEnded = true;
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
        throw this.#says.aborted();
      }
    }
  }

  /** One request; answers with why it failed, or nothing once the whole file is here and right. */
  async #attempt(): Promise<Failure | undefined> {
    const { signal } = this.#watch;
    if (signal?.aborted) return this.#giveUp(this.#says.aborted());
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
      if (this.#validator !== undefined && !this.#says.isForeign()) {
        headers["If-Range"] = this.#validator;
      }
      init.headers = headers;
      init.cache = "no-store";
    }
    const patience = new Patience(this.#network, this.#limits, this.#began);
    const response = await patience.wait(this.#network.fetch(url, init), () =>
      this.#says.stalled(),
    );
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
        const { done, value } = await patience.wait(reader.read(), () => this.#says.stalled());
        if (done) break;
        this.#add(value);
        this.#received += value.length;
        this.#emptyParts = 0;
        patience.arrived(value.length);
        const { bytes, most = MOST } = this.#wanted;
        if (this.#content.length > (bytes ?? most))
          throw this.#says.wrongLength(this.#content.length);
        this.#keepParts();
        this.#watch.onProgress?.(this.#content.length, this.#received);
      }
    } finally {
      reader.cancel().catch(() => {});
    }
    const expected = this.#wanted.bytes ?? length;
    if (expected !== undefined && this.#content.length < expected) {
      // Cut by a server that does not say so. One that sends nothing more has no more.
      if (this.#content.length > start) throw new Failure(this.#says.lost(), "resume");
      throw this.#says.wrongLength(this.#content.length);
    }
  }

  /** Checks what the server says before its content is read; answers with the file's length where that is said. */
  #accept(response: Response, from: number): number | undefined {
    const { status, headers } = response;
    const where = this.#says.where();
    if (status === 404 || status === 410) {
      const sentence = this.#says.isLocal()
        ? `There is no file ${where}: check the path.`
        : `There is no ${where} on the server (${status}): check the address.`;
      throw this.#giveUp(new GraftletError("not_found", sentence));
    }
    if (from > 0 && (status === 416 || status === 412)) throw this.#says.wrongLength(from);
    // Some servers only know GET.
    if (this.#method === "HEAD" && (status === 405 || status === 501)) return undefined;
    if (!response.ok) {
      const error = new GraftletError(
        "fetch_failed",
        this.#says.isLocal()
          ? `The file ${where} cannot be read: check its permissions.`
          : `The server answered ${status} when it was asked for ${where}: try again later, or check its settings.`,
      );
      if (!PASSING.includes(status)) throw this.#giveUp(error);
      throw new Failure(error, "resume", this.#retryAfter(headers));
    }
    if (/^(text\/html|application\/xhtml)/i.test(headers.get("content-type") ?? "")) {
      throw this.#says.page();
    }
    // Where the length is that of something packed, or where a server does not say it, `null`.
    const isPlain = headers.get("content-encoding") === null && !this.#says.isForeign();
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
        throw new Failure(this.#says.lost(), "afresh");
      }
      const length = total === undefined || total === "*" ? undefined : Number(total);
      if (length !== undefined && length !== (this.#wanted.bytes ?? length)) {
        throw this.#says.wrongLength(length);
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
    if (bytes === undefined ? length > most : length !== bytes)
      throw this.#says.wrongLength(length);
    return length;
  }

  /** Compares what arrived with what it must be. */
  async #examine(): Promise<Failure | undefined> {
    if (this.#method === "HEAD") return undefined;
    const content = this.#content.bytes();
    const expected = this.#wanted.sha256;
    if (expected === undefined) return isHtml(content) ? this.#says.page() : undefined;
    const found = await sha256(content);
    if (found === expected) return undefined;
    if (isHtml(content)) return this.#says.page();
    return new Failure(
      new GraftletError(
        "checksum_mismatch",
        `${this.#says.where()} has SHA-256 ${found} instead of ${expected}: it was changed or damaged; ${this.#says.remedy()}.`,
      ),
      "afresh",
    );
  }

  /** Finds the cause of an exception of `fetch` or of a stream, which itself only says that something failed. */
  async #explain(thrown: unknown): Promise<Failure> {
    if (this.#watch.signal?.aborted) return this.#giveUp(this.#says.aborted());
    const where = this.#says.where();
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
    if (this.#answered) return new Failure(this.#says.lost(), "resume");
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
        `${this.#says.host()} could not be reached for ${where}: check the address and the connection, then try again.`,
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
      return (await patience.wait(answer, () => this.#says.stalled())).type === "opaque";
    } catch {
      return false;
    }
  }

  async #takeUpParts(): Promise<void> {
    const { bytes } = this.#wanted;
    if (!this.#parts || this.#key === undefined) return;
    const { content, validator } = await this.#parts.get(this.#key);
    for (const part of content) this.#add(part);
    if (this.#content.length === 0) return;
    if (bytes !== undefined && this.#content.length > bytes) {
      this.#startOver();
      return;
    }
    this.#kept = this.#content.length;
    this.#validator = validator;
    this.#watch.onProgress?.(this.#content.length, 0);
  }

  #add(bytes: Uint8Array): void {
    const from = this.#content.length;
    this.#content.add(bytes);
    this.#watch.onBytes?.(bytes, from);
  }

  /** Keeps what has arrived, in parts of a two-hundredth of the file, so that no more than that is fetched twice. */
  #keepParts(): void {
    if (this.#hasEnded) return;
    const { keepAfterMs = 0 } = this.#limits;
    const wait = this.#began + keepAfterMs - this.#network.now();
    if (wait > 0) {
      // Nothing more may come, so what is here is looked at again then.
      this.#keepsLater ??= this.#network.sleep(wait).then(() => this.#keepParts());
      return;
    }
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
}

function versionIn(headers: Headers): string | undefined {
  return headers.get("etag") ?? headers.get("last-modified") ?? undefined;
}

/** Whether content is a web page, whatever the server calls it. */
function isHtml(content: Uint8Array): boolean {
  const beginning = new TextDecoder().decode(content.subarray(0, 64)).trimStart().toLowerCase();
  return beginning.startsWith("<!doctype html") || beginning.startsWith("<html");
}

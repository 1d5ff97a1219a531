/** What is asked of a download, and what is told of it. */
import type { GraftletError } from "./errors.js";

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
  /** Bytes of the file from `from` on, before they were compared with its hash. A download may begin again. */
  onBytes?(bytes: Uint8Array, from: number): void;
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
  /** Parts are kept from this time on: what comes sooner costs less to fetch again than to keep. */
  keepAfterMs?: number;
}

export const LIMITS: Limits = {
  attempts: 5,
  backoffMs: 500,
  longestBackoffMs: 8000,
  stallMs: 20_000,
  leastBytes: 1024,
  totalMs: 3_600_000,
  keepAfterMs: 500,
};

/** Longest file of unknown length. */
export const MOST = 2 ** 30;

/** What a file's parts are known by. A weak ETag may stand for other bytes. */
export function partsKey({ url, sha256, version }: Wanted): string | undefined {
  if (sha256 !== undefined) return sha256;
  const isExact = version !== undefined && !version.startsWith("W/");
  return isExact ? encodeURIComponent(`${url} ${version}`) : undefined;
}

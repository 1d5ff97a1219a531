/**
 * A single file, fetched as the package fetches its own.
 */
import { Downloads } from "./download.js";
import { browserNetwork } from "./network.js";
import { absolute } from "./platform.js";

export interface FetchOptions {
  signal?: AbortSignal;
  /** What the file must be; rejects with `length_mismatch` or `checksum_mismatch` if it is not. */
  bytes?: number;
  /** In hexadecimal. */
  sha256?: string;
  /** As for `fetch`. */
  cache?: RequestCache;
}

/**
 * Fetches a file with retries and an end, and rejects with a `GraftletError` whose code says the cause: `offline`,
 * `unreachable`, `timed_out`, `not_found`, `not_a_file` and the others of `ErrorCode`. The URL is relative to the page.
 */
export function fetchFile(
  url: string | URL,
  { signal, ...known }: FetchOptions = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const downloads = new Downloads(browserNetwork);
  return downloads.file({ url: absolute(url).href, ...known }, { signal });
}

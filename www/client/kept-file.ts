/**
 * A large file that the browser keeps, read piece by piece. It is compared with its hash when it is put there, and the
 * hashes of its pieces are put beside it. With these, what is read is checked while it arrives, and the file need not be in
 * memory as a whole.
 */
import type { ManifestFile } from "./manifest.js";
import { sha256 } from "./sha256.js";

/** `LENGTH HASH HASH …`: how long the pieces are but for the last, and the SHA-256 of each. */
const PIECES = "x-graftlet-pieces";
/** Pieces are at least so long, and a file has at most so many. */
const LEAST = 2 ** 20;
const MOST = 64;

/** What the browser keeps is not what was put there. */
export class Damaged extends Error {}

/** The response to keep a file as. */
export async function keepable(content: Uint8Array<ArrayBuffer>): Promise<Response> {
  if (content.length <= LEAST) return new Response(content);
  const length = Math.max(LEAST, Math.ceil(content.length / MOST));
  const pieces: Promise<string>[] = [];
  for (let from = 0; from < content.length; from += length) {
    pieces.push(sha256(content.subarray(from, from + length)));
  }
  const hashes = await Promise.all(pieces);
  return new Response(content, { headers: { [PIECES]: [length, ...hashes].join(" ") } });
}

export class KeptFile {
  readonly #body: ReadableStream<Uint8Array>;
  readonly #bytes: number;
  readonly #length: number;
  readonly #hashes: string[];

  private constructor(
    body: ReadableStream<Uint8Array>,
    bytes: number,
    length: number,
    hashes: string[],
  ) {
    this.#body = body;
    this.#bytes = bytes;
    this.#length = length;
    this.#hashes = hashes;
  }

  /** The file that is kept under a key; nothing if there is none, or none with the hashes of its pieces. */
  static async open(
    cache: Cache | undefined,
    key: string,
    { bytes }: ManifestFile,
  ): Promise<KeptFile | undefined> {
    const kept = await cache?.match(key).catch(() => undefined);
    const [length, ...hashes] = kept?.headers.get(PIECES)?.split(" ") ?? [];
    const size = Number(length);
    if (!kept?.body || !(size >= LEAST) || hashes.length !== Math.ceil(bytes / size)) {
      return undefined;
    }
    return new KeptFile(kept.body, bytes, size, hashes);
  }

  /** Reads it once. What `take` was given is right if this resolves; it rejects with `Damaged` if it is not. */
  async read(take: (bytes: Uint8Array) => void, signal?: AbortSignal): Promise<void> {
    const reader = this.#body.getReader();
    const checks: Promise<boolean>[] = [];
    const piece = new Uint8Array(this.#length);
    let [filled, come] = [0, 0];
    const check = () => {
      const expected = this.#hashes[checks.length];
      // The browser makes a copy before it calculates.
      checks.push(sha256(piece.subarray(0, filled)).then((found) => found === expected));
      filled = 0;
    };
    try {
      for (;;) {
        const { done, value } = await reader.read().catch(() => {
          throw new Damaged();
        });
        signal?.throwIfAborted();
        if (done) break;
        come += value.length;
        if (come > this.#bytes) throw new Damaged();
        for (let from = 0; from < value.length; ) {
          const part = value.subarray(from, from + piece.length - filled);
          piece.set(part, filled);
          filled += part.length;
          from += part.length;
          if (filled === piece.length) check();
        }
        take(value);
      }
      if (filled > 0) check();
      const isWhole = come === this.#bytes;
      if (!(await Promise.all(checks)).every(Boolean) || !isWhole) throw new Damaged();
    } finally {
      reader.cancel().catch(() => {});
    }
  }

  /** Lets it go unread. */
  close(): void {
    this.#body.cancel().catch(() => {});
  }
}

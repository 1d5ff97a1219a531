/** Memory that a claimed length may ask for before anything has arrived. */
const FIRST_BUFFER = 2 ** 25;

/** Bytes that grow by doubling, since a claimed length is not believed before it has arrived. */
export class GrowingBytes {
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

import type { GraftletError } from "./errors.js";

/** Events between a callback that gives them and a loop that takes them. An error overtakes what is still queued. */
export class EventQueue<T> implements AsyncIterable<T> {
  readonly #queued: T[] = [];
  #closed = false;
  #error: GraftletError | undefined;
  #wake: (() => void) | undefined;

  push(event: T): void {
    this.#queued.push(event);
    this.#wake?.();
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  fail(error: GraftletError): void {
    if (this.#closed) return;
    this.#error = error;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      if (this.#error) throw this.#error;
      const event = this.#queued.shift();
      if (event !== undefined) yield event;
      else if (this.#closed) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

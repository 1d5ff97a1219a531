import type { Network } from "./network.js";
import type { Failure } from "./sentences.js";
import type { Limits } from "./wanted.js";

/** Ends the wait for a server that sends next to nothing. */
export class Patience {
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

/**
 * Downloads one file. An interrupted download resumes where it stopped, a stalled one is given up, and failures that may
 * pass are retried after a growing, random wait. What arrives is compared with the length and hash that it must have. Every
 * cause of failure has its own code.
 */
import { GraftletError } from "./errors.js";
import type { Network } from "./network.js";
import type { Parts } from "./parts.js";
import { Transfer } from "./transfer.js";
import { type Facts, LIMITS, type Limits, partsKey, type Wanted, type Watch } from "./wanted.js";

export { decoded } from "./sentences.js";
export { type Facts, LIMITS, type Limits, type Retry, type Wanted, type Watch } from "./wanted.js";

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

  /** Asks the server about a file with `HEAD`; nothing is known if the server does not answer such requests. */
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

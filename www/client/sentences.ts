/** What is said of downloads that fail. */

import { GraftletError } from "./errors.js";
import type { Network } from "./network.js";
import { type Limits, MOST, type Wanted } from "./wanted.js";

/** How an attempt failed. */
export class Failure {
  constructor(
    readonly error: GraftletError,
    /** Try again from where it stopped, or from the beginning and past the browser's cache, or not at all. */
    readonly next: "resume" | "afresh" | "give up",
    /** What the server asked to wait. */
    readonly waitMs = 0,
  ) {}
}

/** Says what was wrong with one download. */
export class Sentences {
  readonly #wanted: Wanted;
  readonly #network: Network;
  readonly #limits: Limits;

  constructor(wanted: Wanted, network: Network, limits: Limits) {
    this.#wanted = wanted;
    this.#network = network;
    this.#limits = limits;
  }

  aborted(): GraftletError {
    return new GraftletError("aborted", `Fetching ${this.where()} was cancelled.`);
  }

  stalled(): Failure {
    const seconds = Math.round(this.#limits.stallMs / 1000);
    return new Failure(
      new GraftletError(
        "timed_out",
        `The server sent next to nothing of ${this.where()} for ${seconds} seconds: try again later.`,
      ),
      "resume",
    );
  }

  lost(): GraftletError {
    return new GraftletError(
      "connection_lost",
      `The connection broke off again and again while ${this.where()} was fetched: try again later.`,
    );
  }

  page(): Failure {
    const sentence =
      `The server sent a web page in place of ${this.where()}: check the address, and whether the network ` +
      "asks for a sign-in.";
    return new Failure(new GraftletError("not_a_file", sentence), "afresh");
  }

  wrongLength(found: number): Failure {
    const { bytes, most = MOST } = this.#wanted;
    const expected = bytes === undefined ? `at most ${most}` : String(bytes);
    return new Failure(
      new GraftletError(
        "length_mismatch",
        `${this.where()} has ${found} bytes${found > (bytes ?? most) ? " or more" : ""} ` +
          `${this.isLocal() ? "" : "on the server "}instead of ${expected}: it was changed or cut; ${this.remedy()}.`,
      ),
      "afresh",
    );
  }

  /** Whether it is a file of this computer, which Node.js reads. */
  isLocal(): boolean {
    return this.#wanted.url.startsWith("file:");
  }

  remedy(): string {
    return this.isLocal() ? "copy the folder again" : "put the folder on the server again";
  }

  isForeign(): boolean {
    const { origin } = this.#network;
    return origin !== "" && new URL(this.#wanted.url).origin !== origin;
  }

  host(): string {
    return new URL(this.#wanted.url).host;
  }

  /** The file as sentences name it: its path, with the host where that is another than the page's. */
  where(): string {
    const { host, pathname } = new URL(this.#wanted.url);
    const whole = this.isForeign() ? host + pathname : pathname;
    const path = this.isLocal() ? decoded(whole) : whole;
    return path.length > 120 ? `…${path.slice(-119)}` : path;
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

/**
 * The workers that compute a text together with the main one, as the page sees them: it starts them and puts the main
 * worker through to each, which then gives them what they need.
 */
import { toShape } from "./errors.js";
import type { Hired } from "./hired.js";
import type { Converted, LoadCall, Loaded } from "./protocol.js";
import type { Remote } from "./remote.js";

/** How often a worker is replaced. One that ends again and again may end for want of memory. */
const TRIES = 3;

export class Recruits {
  readonly #hired: Hired;
  readonly #load: LoadCall;
  readonly #expected: Loaded;
  readonly #wanted: number;
  #main: Remote | undefined;
  #begun = false;
  #numbers = 0;
  #ready = 0;
  /** Resolve when those that are being started have started, or cannot be. */
  #starting: Promise<void>[] = [];

  /** `expected` is what the main worker has loaded; `wanted` counts that worker too. */
  constructor(hired: Hired, load: LoadCall, expected: Loaded, wanted: number) {
    this.#hired = hired;
    this.#load = load;
    this.#expected = expected;
    this.#wanted = wanted;
  }

  /** How many compute a text now. */
  get workers(): number {
    return 1 + this.#ready;
  }

  /** How many do once all have started. */
  async settled(): Promise<number> {
    this.begin();
    await Promise.all(this.#starting);
    return this.workers;
  }

  /** Starts the others, unless that was done. */
  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.#recruit();
  }

  /** From now on this is the main worker. */
  follow(main: Remote): void {
    this.#main = main;
    if (this.#begun) this.#recruit();
  }

  #recruit(): void {
    const main = this.#main;
    if (!main) return;
    const seats = Array.from({ length: this.#wanted - 1 });
    this.#starting = seats.map(
      () => new Promise<void>((started) => void this.#fill(main, started).finally(started)),
    );
  }

  /** Keeps one place filled for as long as the main worker lives. */
  async #fill(main: Remote, started: () => void): Promise<void> {
    for (let tries = 0; tries < TRIES && !main.ended; tries += 1) {
      const worker = this.#hired.hire();
      main.whenEnded(() => this.#hired.retire(worker));
      let isReady = false;
      try {
        // A server may have another version by now.
        if (!isSame(await worker.call("load", this.#load), this.#expected)) return;
        const { port1, port2 } = new MessageChannel();
        await worker.call("serveAt", [port2], undefined, [port2]);
        this.#numbers += 1;
        const number = this.#numbers;
        worker.whenEnded((reason) => {
          main.call("loseMember", [number, toShape(reason)]).catch(() => {});
        });
        const ready = () => {
          isReady = true;
          this.#ready += 1;
          started();
        };
        await main.call("join", [number, port1], ready, [port1]);
      } catch {
        // Without it the others compute its part. One that could not even be loaded is not tried again.
        if (!isReady) return;
      } finally {
        if (isReady) this.#ready -= 1;
        this.#hired.retire(worker);
      }
    }
  }
}

/** Whether a worker computes the same bits. All kernels of a build do. */
function isSame(own: Loaded | Converted, expected: Loaded): boolean {
  if (!("backbone" in own)) return false;
  const identity = ({ backbone, runtime: { build, version } }: Loaded) =>
    JSON.stringify([backbone, build, version]);
  return identity(own) === identity(expected);
}

/**
 * A worker whose script may need several attempts to arrive. What is posted before it runs waits for it. If it does not
 * come in the end, the `error` event says why.
 */
import { Downloads } from "./download.js";
import { type ErrorCode, GraftletError } from "./errors.js";
import { browserNetwork, type Network } from "./network.js";
import { START_AGAIN } from "./platform.js";
import type { Cancel, Reply, Request } from "./protocol.js";
import type { WorkerLike, WorkerTrouble } from "./remote.js";

export interface StartLimits {
  attempts: number;
  backoffMs: number;
  /** A script that does not run after this time has not come. */
  startMs: number;
}

const LIMITS: StartLimits = { attempts: 3, backoffMs: 500, startMs: 30_000 };
/** Causes that another attempt does not change. */
const LASTING: readonly ErrorCode[] = ["not_found", "not_a_file", "offline", "cors_refused"];

interface Listener {
  message(event: MessageEvent<Reply>): void;
  messageerror(event: MessageEvent<Reply>): void;
  error(event: WorkerTrouble): void;
}

export class PatientWorker implements WorkerLike {
  readonly #spawn: () => WorkerLike;
  readonly #network: Network;
  readonly #limits: StartLimits;
  readonly #downloads: Downloads;
  readonly #waiting: [Request | Cancel, Transferable[]][] = [];
  readonly #listeners: { [T in keyof Listener]: Listener[T][] } = {
    message: [],
    messageerror: [],
    error: [],
  };
  /** Aborted when the worker runs, or is not wanted any more. */
  readonly #settled = new AbortController();
  #worker: WorkerLike | undefined;
  #runs = false;
  #terminated = false;
  #failures = 0;

  constructor(spawn: () => WorkerLike, network = browserNetwork, limits = LIMITS) {
    this.#spawn = spawn;
    this.#network = network;
    this.#limits = limits;
    this.#downloads = new Downloads(network);
    this.#start();
  }

  postMessage(message: Request | Cancel, transfer: Transferable[]): void {
    if (this.#runs) this.#worker?.postMessage(message, transfer);
    else if (!this.#terminated) this.#waiting.push([message, transfer]);
  }

  addEventListener<T extends keyof Listener>(type: T, listener: Listener[T]): void {
    this.#listeners[type].push(listener);
  }

  terminate(): void {
    this.#terminated = true;
    this.#settled.abort();
    this.#waiting.length = 0;
    this.#worker?.terminate();
  }

  #start(): void {
    let worker: WorkerLike;
    const began = performance.now();
    try {
      worker = this.#spawn();
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      const error = failed(`it could not be started (${reason})`);
      // Later, so that whoever made this has its listeners in place.
      queueMicrotask(() => this.#fail({ error }));
      return;
    }
    this.#worker = worker;
    worker.addEventListener("message", (event) => {
      if (this.#worker !== worker) return;
      if (event.data.type === "hello") this.#begin(worker);
      else for (const tell of this.#listeners.message) tell(event);
    });
    worker.addEventListener("messageerror", (event) => {
      if (this.#worker === worker) for (const tell of this.#listeners.messageerror) tell(event);
    });
    worker.addEventListener("error", (event) => {
      if (this.#worker !== worker) return;
      if (this.#runs) this.#fail(event);
      else void this.#again(worker, began, event.message);
    });
    this.#network.sleep(this.#limits.startMs, this.#settled.signal).then(
      () => this.#worker === worker && void this.#again(worker, began, undefined, true),
      () => {},
    );
  }

  #begin(worker: WorkerLike): void {
    if (this.#runs) return;
    this.#runs = true;
    this.#settled.abort();
    for (const [message, transfer] of this.#waiting.splice(0)) {
      worker.postMessage(message, transfer);
    }
  }

  /** Finds out why the script did not come, and tries again where that may help. */
  async #again(
    worker: WorkerLike,
    began: number,
    message: string | undefined,
    late = false,
  ): Promise<void> {
    worker.terminate();
    this.#worker = undefined;
    this.#failures += 1;
    const seconds = this.#limits.startMs / 1000;
    const reason = late
      ? new GraftletError(
          "timed_out",
          `The engine's worker did not start within ${seconds} seconds: ${START_AGAIN}.`,
        )
      : failed(message ?? "its script could not be loaded");
    const error = (await this.#cause(began)) ?? reason;
    if (this.#terminated) return;
    if (LASTING.includes(error.code) || this.#failures >= this.#limits.attempts) {
      this.#fail({ error });
      return;
    }
    const wait = this.#limits.backoffMs * 2 ** (this.#failures - 1);
    try {
      const share = 0.5 + this.#network.random() / 2;
      await this.#network.sleep(wait * share, this.#settled.signal);
    } catch {
      return;
    }
    this.#start();
  }

  /**
   * What fetching the script says, where its address is known. Passing the browser's HTTP cache by also mends a damaged
   * script in it.
   */
  async #cause(began: number): Promise<GraftletError | undefined> {
    const url = scriptSince(began);
    if (!this.#network.online()) {
      return new GraftletError(
        "offline",
        "The browser has no network, so the engine's worker could not be fetched: go online, then try again.",
      );
    }
    if (url === undefined) return undefined;
    try {
      await this.#downloads.file({ url, cache: "reload" }, { signal: this.#settled.signal });
      return undefined;
    } catch (thrown) {
      return thrown instanceof GraftletError ? thrown : undefined;
    }
  }

  #fail(event: WorkerTrouble): void {
    if (this.#terminated) return;
    for (const tell of this.#listeners.error) tell(event);
  }
}

/** The address of the script that the browser was last asked for: a bundler may have given it any name. */
function scriptSince(began: number): string | undefined {
  const entries = globalThis.performance?.getEntriesByType?.("resource") ?? [];
  const scripts = entries.filter(
    ({ name, startTime }) => startTime >= began && /worker[^/]*\.m?js(\?|$)/.test(name),
  );
  return scripts.at(-1)?.name;
}

function failed(reason: string): GraftletError {
  return new GraftletError(
    "worker_failed",
    `The engine's worker failed (${reason}): ${START_AGAIN}.`,
  );
}

/**
 * The page's side of the protocol: one worker, and the calls that are waiting for it.
 */
import { fromShape, GraftletError } from "./errors.js";
import type { Calls, EventOf, Method, Reply, Request } from "./protocol.js";

/** The part of `Worker` that is used, so that tests can stand in for it. */
export interface WorkerLike {
  postMessage(message: Request, transfer: Transferable[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent<Reply>) => void): void;
  addEventListener(type: "error", listener: (event: WorkerTrouble) => void): void;
  terminate(): void;
}

/** What a worker's `error` event says, or what was found out about it. */
export interface WorkerTrouble {
  message?: string;
  error?: unknown;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: GraftletError): void;
  onEvent: ((event: never) => void) | undefined;
}

export class Remote {
  readonly #worker: WorkerLike;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #ended: GraftletError | undefined;
  readonly #onEnd: ((reason: GraftletError) => void)[] = [];

  constructor(worker: WorkerLike) {
    this.#worker = worker;
    worker.addEventListener("message", ({ data }) => this.#receive(data));
    worker.addEventListener("error", ({ message, error }) => {
      if (error instanceof GraftletError) {
        this.end(error);
        return;
      }
      // Without a message the script itself did not come.
      const reason = message ?? "its script could not be loaded";
      this.end(
        new GraftletError(
          "worker_failed",
          `The engine's worker failed: ${reason}. Reload the page.`,
        ),
      );
    });
  }

  /** Asks the worker; rejects with GraftletError, also when the worker has ended or ends meanwhile. */
  call<M extends Method>(
    method: M,
    args: Parameters<Calls[M]>,
    onEvent?: (event: EventOf<M>) => void,
    transfer: Transferable[] = [],
  ): Promise<ReturnType<Calls[M]>> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(this.#ended);
        return;
      }
      const id = this.#nextId++;
      this.#waiting.set(id, { resolve: resolve as Waiting["resolve"], reject, onEvent });
      this.#worker.postMessage({ id, method, args } as Request, transfer);
    });
  }

  /** Tells when the worker has ended, by whatever reason. */
  whenEnded(tell: (reason: GraftletError) => void): void {
    if (this.#ended) tell(this.#ended);
    else this.#onEnd.push(tell);
  }

  /** Terminates the worker at once, whatever it is doing, and rejects what waits with `reason`. */
  end(reason: GraftletError): void {
    if (this.#ended) return;
    this.#ended = reason;
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
    for (const tell of this.#onEnd) tell(reason);
  }

  #receive(reply: Reply): void {
    if (reply.type === "hello") return;
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    if (reply.type === "event") {
      waiting.onEvent?.(reply.event as never);
      return;
    }
    this.#waiting.delete(reply.id);
    if (reply.type === "value") waiting.resolve(reply.value);
    else waiting.reject(fromShape(reply.error));
  }
}

/**
 * The page's side of the protocol: one worker, and the calls that are waiting for it.
 */
import { fromShape, GraftletError, printable } from "./errors.js";
import type { Calls, Cancel, EventOf, Method, Reply, Request } from "./protocol.js";

/** The part of `Worker` that is used, so that tests can stand in for it. */
export interface WorkerLike {
  postMessage(message: Request | Cancel, transfer: Transferable[]): void;
  addEventListener(
    type: "message" | "messageerror",
    listener: (event: MessageEvent<Reply>) => void,
  ): void;
  addEventListener(type: "error", listener: (event: WorkerTrouble) => void): void;
  terminate(): void;
}

/** What a worker's `error` event says, or what was found out about it. */
export interface WorkerTrouble {
  message?: string;
  error?: unknown;
}

/** Whatever answers calls. */
export interface Caller {
  /** Rejects with GraftletError. Once the signal is aborted, what the call waits for is ended where that is possible. */
  call<M extends Method>(
    method: M,
    args: Parameters<Calls[M]>,
    onEvent?: (event: EventOf<M>) => void,
    transfer?: Transferable[],
    signal?: AbortSignal,
  ): Promise<ReturnType<Calls[M]>>;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: GraftletError): void;
  onEvent: ((event: never) => void) | undefined;
  /** Stops listening to the call's signal. */
  forget: () => void;
}

export class Remote implements Caller {
  readonly #worker: WorkerLike;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 0;
  #ended: GraftletError | undefined;
  readonly #onEnd: ((reason: GraftletError, trapped: boolean) => void)[] = [];
  readonly #startAgain: string;

  /** `startAgain` is what helps where nothing else does, as the end of a sentence. */
  constructor(worker: WorkerLike, startAgain: string) {
    this.#worker = worker;
    this.#startAgain = startAgain;
    worker.addEventListener("message", ({ data }) => this.#receive(data));
    worker.addEventListener("error", ({ message, error }) => {
      if (error instanceof GraftletError) {
        this.end(error);
        return;
      }
      // Without a message the script itself did not come.
      this.end(this.#failed(message ?? "its script could not be loaded"));
    });
    // Nothing more is known of such a reply, not even whose it is.
    worker.addEventListener("messageerror", () =>
      this.end(this.#failed("an answer was unreadable")),
    );
  }

  /** Why it ended: what waited then was rejected with this very object. */
  get ended(): GraftletError | undefined {
    return this.#ended;
  }

  /** Asks the worker; rejects with GraftletError, also when the worker has ended or ends meanwhile. */
  call<M extends Method>(
    method: M,
    args: Parameters<Calls[M]>,
    onEvent?: (event: EventOf<M>) => void,
    transfer: Transferable[] = [],
    signal?: AbortSignal,
  ): Promise<ReturnType<Calls[M]>> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(this.#ended);
        return;
      }
      const id = this.#nextId++;
      const forget = onAbort(signal, () => this.#cancel(id));
      this.#waiting.set(id, { resolve: resolve as Waiting["resolve"], reject, onEvent, forget });
      try {
        this.#worker.postMessage({ id, method, args } as Request, transfer);
      } catch (thrown) {
        this.#waiting.delete(id);
        forget();
        const reason = thrown instanceof Error ? thrown.message : String(thrown);
        reject(
          new GraftletError(
            "option_invalid",
            `An argument of ${method} cannot be sent to the worker (${reason}): give plain data.`,
          ),
        );
      }
    });
  }

  /** Tells when the worker has ended; `trapped` if it was by a call, which is then rejected already. */
  whenEnded(tell: (reason: GraftletError, trapped: boolean) => void): void {
    if (this.#ended) tell(this.#ended, false);
    else this.#onEnd.push(tell);
  }

  /** Terminates the worker at once, whatever it is doing, and rejects what waits with `reason`. */
  end(reason: GraftletError, trapped = false): void {
    if (this.#ended) return;
    this.#ended = reason;
    this.#worker.terminate();
    for (const { reject, forget } of this.#waiting.values()) {
      forget();
      reject(reason);
    }
    this.#waiting.clear();
    for (const tell of this.#onEnd) tell(reason, trapped);
  }

  #failed(reason: string): GraftletError {
    return new GraftletError(
      "worker_failed",
      `The engine's worker failed: ${printable(reason)}. Call again, or ${this.#startAgain}.`,
    );
  }

  /** What it still waits for, such as a download, need not come. */
  #cancel(id: number): void {
    if (!this.#waiting.has(id)) return;
    this.#worker.postMessage({ id, cancel: true }, []);
  }

  #receive(reply: Reply): void {
    if (reply.type === "hello") return;
    const waiting = this.#waiting.get(reply.id);
    if (!waiting) return;
    if (reply.type === "event") {
      tell(waiting.onEvent, reply.event as never);
      return;
    }
    this.#waiting.delete(reply.id);
    waiting.forget();
    if (reply.type === "value") {
      waiting.resolve(reply.value);
      return;
    }
    waiting.reject(fromShape(reply.error));
    if (reply.trapped) this.end(this.#failed("another call stopped it"), true);
  }
}

/** Listens for the abort; what it gives stops that, so that a signal of many calls does not hold them all. */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  signal?.addEventListener("abort", listener, { once: true });
  return () => signal?.removeEventListener("abort", listener);
}

/** An exception in a listener is reported like any uncaught error, and the call goes on. */
export function tell<E>(listener: ((event: E) => void) | undefined, event: E): void {
  try {
    listener?.(event);
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown;
    });
  }
}

/**
 * The worker that answers. A call may trap it (a panic, no memory, no stack), and a browser may end it: then another is
 * started, gets the backbone and the adapters again, and answers the calls that were waiting.
 */
import { type ErrorCode, GraftletError, toShape } from "./errors.js";
import { Journal, LOADING } from "./journal.js";
import type { Calls, EventOf, KeptFiles, Method } from "./protocol.js";
import { type Caller, onAbort, type Remote, tell } from "./remote.js";

/** Tells that the engine was started again. */
export interface RestartEvent {
  /** Why: `engine_trapped` if a call stopped it, which is rejected with that code; else `worker_failed`. */
  code: ErrorCode;
  message: string;
  /** Names of the adapters that were loaded again. */
  adapters: string[];
  /** What was not, and why. */
  lost: { name: string; code: ErrorCode; message: string }[];
}

export interface Starter {
  /** A new worker. */
  spawn(): Remote;
  /** Loads the backbone into it. */
  load(worker: Remote): Promise<unknown>;
  onRestart?: ((event: RestartEvent) => void) | undefined;
  /** Told of the worker that answers from now on. */
  onWorker?: (worker: Remote) => void;
}

/** A call that is not answered yet. */
interface Pending {
  /** Sends it and settles it. */
  send(worker: Remote): void;
  reject(error: GraftletError): void;
  sent: boolean;
  /** How many workers ended, for an unknown reason, while they had it. */
  crashes: number;
}

export class MainWorker implements Caller {
  readonly #starter: Starter;
  readonly #journal = new Journal();
  /** Calls in their order, those that a worker has before those that wait to be sent. */
  readonly #pending: Pending[] = [];
  /** Absent while another is being started, and after that failed. */
  #worker: Remote | undefined;
  #starting = false;
  /** The one that is being started. */
  #next: Remote | undefined;
  #disposed: GraftletError | undefined;

  /** Goes on with a worker that has the backbone. */
  constructor(worker: Remote, starter: Starter) {
    this.#starter = starter;
    this.#adopt(worker);
  }

  call<M extends Method>(
    method: M,
    args: Parameters<Calls[M]>,
    onEvent?: (event: EventOf<M>) => void,
    _transfer?: Transferable[],
    signal?: AbortSignal,
  ): Promise<ReturnType<Calls[M]>> {
    return new Promise((resolve, reject) => {
      let files: KeptFiles | undefined;
      const listen = (event: EventOf<M>) => {
        if (LOADING.includes(method)) files = event as KeptFiles;
        tell(onEvent, event);
      };
      const done = () => {
        forget();
        const at = this.#pending.indexOf(pending);
        if (at >= 0) this.#pending.splice(at, 1);
        this.#pump();
      };
      const pending: Pending = {
        sent: false,
        crashes: 0,
        reject,
        send: (worker) => {
          worker.call(method, args, listen, [], signal).then(
            (value) => {
              this.#journal.note(method, args, files);
              resolve(value);
              done();
            },
            (error: GraftletError) => {
              // A call that was only waiting when its worker ended goes to the next worker.
              if (error === worker.ended && !this.#disposed && !signal?.aborted) return;
              reject(error);
              done();
            },
          );
        },
      };
      if (this.#disposed) {
        reject(this.#disposed);
        return;
      }
      const forget = onAbort(signal, () => {
        if (pending.sent) return;
        reject(new GraftletError("aborted", "The call was cancelled."));
        done();
      });
      this.#pending.push(pending);
      this.#pump();
    });
  }

  /** Ends the worker; calls that wait, and later ones, reject with `reason`. */
  end(reason: GraftletError): void {
    if (this.#disposed) return;
    this.#disposed = reason;
    this.#worker?.end(reason);
    this.#next?.end(reason);
    for (const { reject } of this.#pending.splice(0)) reject(reason);
  }

  /** Sends what waits. After a crash that any of several calls may have caused, they go one at a time. */
  #pump(): void {
    if (this.#pending.length === 0 || this.#disposed) return;
    const worker = this.#worker;
    if (!worker) {
      if (!this.#starting) void this.#restart(undefined);
      return;
    }
    const suspect = this.#pending.some(({ crashes }) => crashes > 0);
    if (suspect) {
      const first = this.#pending[0];
      if (first && !first.sent) this.#send(first, worker);
      return;
    }
    for (const pending of [...this.#pending]) if (!pending.sent) this.#send(pending, worker);
  }

  #send(pending: Pending, worker: Remote): void {
    pending.sent = true;
    pending.send(worker);
  }

  #adopt(worker: Remote): void {
    this.#worker = worker;
    this.#starter.onWorker?.(worker);
    worker.whenEnded((reason, trapped) => {
      if (this.#worker !== worker || this.#disposed) return;
      this.#worker = undefined;
      for (const pending of [...this.#pending]) {
        if (!pending.sent) continue;
        pending.sent = false;
        if (trapped) continue;
        pending.crashes += 1;
        if (pending.crashes < 2) continue;
        // The second worker had no other call.
        this.#pending.splice(this.#pending.indexOf(pending), 1);
        pending.reject(reason);
      }
      void this.#restart({ reason, trapped });
    });
  }

  /** Starts another worker; if that is not possible, what waits is rejected and the next call tries again. */
  async #restart(why: { reason: GraftletError; trapped: boolean } | undefined): Promise<void> {
    this.#starting = true;
    const lost: RestartEvent["lost"] = [];
    try {
      let worker: Remote;
      do worker = await this.#start(lost);
      while (worker.ended && !this.#disposed);
      this.#starting = false;
      this.#next = undefined;
      if (this.#disposed) return;
      this.#adopt(worker);
      const code = why?.trapped ? "engine_trapped" : "worker_failed";
      const adapters = this.#journal.names();
      const cause = why?.trapped ? "A call stopped the engine." : "The engine's worker ended.";
      const missing = lost.map(({ name }) => ` “${name}” could not be loaded again: add it anew.`);
      const message = `${cause} It was started again, with its adapters.${missing.join("")}`;
      tell(this.#starter.onRestart, { code, message, adapters, lost });
      this.#pump();
    } catch (thrown) {
      this.#starting = false;
      this.#next = undefined;
      const { message } = toShape(thrown);
      const error = new GraftletError(
        "worker_failed",
        `The engine has stopped and cannot be started again: ${message}`,
      );
      for (const { reject } of this.#pending.splice(0)) reject(this.#disposed ?? error);
    }
  }

  /** A worker with all that was loaded; what makes it end again, or is refused, is lost. */
  async #start(lost: RestartEvent["lost"]): Promise<Remote> {
    const worker = this.#starter.spawn();
    this.#next = worker;
    try {
      await this.#starter.load(worker);
      await this.#journal.replay(worker, (name, thrown) => lost.push({ name, ...toShape(thrown) }));
      return worker;
    } catch (thrown) {
      worker.end(this.#disposed ?? new GraftletError("worker_failed", "It could not be loaded."));
      throw thrown;
    }
  }
}

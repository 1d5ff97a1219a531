/**
 * A training run as an async generator. It has a worker of its own: the main one keeps answering meanwhile, and
 * terminating it is a cancel that needs nobody's cooperation and returns all of the run's memory.
 */
import { GraftletError } from "./errors.js";
import type { Remote } from "./remote.js";
import type { AdapterFiles, EngineBuild, Row, TrainEvent, TrainOptions } from "./types.js";

export interface Run {
  backboneUrl: string;
  build: EngineBuild;
  options: TrainOptions;
  rows: readonly Row[];
  signal: AbortSignal | undefined;
  /** The folder of a loaded adapter that the new one is made of. */
  members(name: string): Promise<AdapterFiles>;
  /** Starts the run's worker; `retire` is told when that worker has ended. */
  spawn(): Remote;
  retire(worker: Remote): void;
  /** Takes the finished adapter in; `done` is told only afterwards, so that whoever hears it can use the adapter. */
  adopt(files: AdapterFiles): Promise<void>;
}

export function train(run: Run): AsyncGenerator<TrainEvent, void, undefined> {
  const state: State = { events: new EventQueue(), worker: undefined, left: false };
  const inner = steps(run, state);
  // A plain generator would take up return() only after the event that is being waited for.
  const leave = () => {
    state.left = true;
    state.events.close();
    state.worker?.end(cancelled(run));
  };
  return {
    next: () => inner.next(),
    return: (value) => {
      leave();
      return inner.return(value);
    },
    throw: (error) => {
      leave();
      return inner.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

interface State {
  events: EventQueue<TrainEvent>;
  worker: Remote | undefined;
  /** True once the consumer has left the loop: then the end of the worker is no error. */
  left: boolean;
}

async function* steps(run: Run, state: State): AsyncGenerator<TrainEvent, void, undefined> {
  if (run.signal?.aborted) throw cancelled(run);
  const { events } = state;
  const worker = run.spawn();
  state.worker = worker;
  const abort = () => worker.end(cancelled(run));
  run.signal?.addEventListener("abort", abort, { once: true });
  try {
    const started = async () => {
      await worker.call("load", [run.backboneUrl, run.build]);
      for (const name of run.options.adapters ?? []) {
        await worker.call("addAdapter", [name, await run.members(name), false]);
      }
      return worker.call("train", [run.options, run.rows], (event) => events.push(event));
    };
    const finished = started();
    finished.then(
      () => events.close(),
      (error: GraftletError) => events.fail(error),
    );
    let done: TrainEvent | undefined;
    for await (const event of events) {
      if (event.type === "done") done = event;
      else yield event;
    }
    if (state.left) return;
    const files = await finished;
    // The run is over: its memory goes back before the adapter is loaded.
    worker.end(cancelled(run));
    await run.adopt(files);
    if (done) yield done;
  } finally {
    run.signal?.removeEventListener("abort", abort);
    worker.end(cancelled(run));
    run.retire(worker);
  }
}

function cancelled(run: Run): GraftletError {
  return new GraftletError("aborted", `Training of “${run.options.name}” was cancelled.`);
}

/** Events between a callback that gives them and a loop that takes them. An error overtakes what is still queued. */
class EventQueue<T> implements AsyncIterable<T> {
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

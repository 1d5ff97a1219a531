/**
 * A training run as an async generator. It has workers of its own: the main one keeps answering meanwhile, and
 * terminating them is a cancel that needs nobody's cooperation and returns all of the run's memory.
 */
import { type ErrorCode, type ErrorShape, GraftletError, toShape } from "./errors.js";
import { EventQueue } from "./event-queue.js";
import type { KeptRun } from "./kept.js";
import type { Reservation } from "./locks.js";
import type { Calls } from "./protocol.js";
import type { Remote } from "./remote.js";
import { allParts, checkSorts, type RunRows, readBy } from "./rows.js";
import type { AdapterFiles, TrainEvent, TrainOptions, TrainRun } from "./types.js";
import { workersFor } from "./workers.js";

export interface Run {
  name: string;
  /** How each of its workers gets its engine. */
  load: Parameters<Calls["load"]>;
  /** A new run, or one that was interrupted. */
  begin:
    | {
        options: TrainOptions;
        rows: RunRows;
        keep: boolean;
      }
    | "continue";
  /** Whether the adapter is kept; of a run that goes on it is by default as it was told. */
  persist: boolean | undefined;
  signal: AbortSignal | undefined;
  /** The folder of a loaded adapter that the new one is made of. */
  members(name: string): Promise<AdapterFiles>;
  /** Starts a worker of the run; `retire` is told when it has ended. */
  spawn(): Remote;
  retire(worker: Remote): void;
  /** Reserves the name for as long as the run takes; rejects where somebody else has it. */
  reserve(): Promise<Reservation | undefined>;
  /**
   * Takes the finished adapter in; `done` is told only afterwards, so that whoever hears it can use the adapter. Answers
   * with why the browser does not keep it, where it should.
   */
  adopt(files: AdapterFiles, persist: boolean, id: string): Promise<ErrorShape | undefined>;
  /** Removes what is kept of the run with that id. */
  forget(id: string): Promise<void>;
  /** Called once the run has ended. */
  ended(): void;
}

export function train(run: Run): TrainRun {
  const state = new State(run);
  const inner = steps(run, state);
  // A plain generator would take up return() only after the event that is being waited for.
  const leave = () => {
    state.left = true;
    state.events.close();
    state.end();
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
    pause: () => state.pause(),
    resume: () => state.resume(),
    async cancel() {
      leave();
      await inner.return();
    },
  };
}

class State {
  readonly #run: Run;
  readonly events = new EventQueue<TrainEvent>();
  readonly #workers: Remote[] = [];
  /** The leader, once its loop runs. */
  leading: Remote | undefined;
  paused = false;
  /** True once the consumer has left the loop: then the end of the workers is no error. */
  left = false;
  /** Tells the run from others of its name. */
  id = Math.random().toString(36).slice(2);

  constructor(run: Run) {
    this.#run = run;
  }

  spawn(): Remote {
    const worker = this.#run.spawn();
    this.#workers.push(worker);
    return worker;
  }

  /** Ends all workers of the run. */
  end(): void {
    for (const worker of this.#workers.splice(0)) {
      worker.end(cancelled(this.#run));
      this.#run.retire(worker);
    }
  }

  async pause(): Promise<void> {
    this.paused = true;
    await this.leading?.call("pause", []);
  }

  async resume(): Promise<void> {
    this.paused = false;
    await this.leading?.call("resume", []);
  }

  notice(about: "workers" | "checkpoint", error: ErrorShape): void {
    const { code, message } = error;
    this.events.push({ type: "notice", about, code, message });
  }
}

/** With these a new run has not come to its end: what is kept of it can go on. */
const UNFINISHED: readonly ErrorCode[] = [
  "engine_trapped",
  "worker_failed",
  "disposed",
  "internal",
  "quota_exceeded",
  "storage_unavailable",
];

async function* steps(run: Run, state: State): AsyncGenerator<TrainEvent, void, undefined> {
  if (run.signal?.aborted) throw cancelled(run);
  // Before anything else: whoever has the name already is not to be disturbed, and it is said now rather than at the end.
  const reservation = await run.reserve();
  const { events } = state;
  const abort = () => state.end();
  run.signal?.addEventListener("abort", abort, { once: true });
  let goesOn = false;
  try {
    const finished = work(run, state);
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
    const { files, persist } = await finished;
    // The run is over: its memory goes back before the adapter is loaded.
    state.end();
    const unkept = await run.adopt(files, persist, state.id);
    // What the browser kept of the run is then all that it has of the adapter.
    goesOn = unkept !== undefined;
    if (unkept) yield { type: "notice", about: "storage", ...unkept };
    if (done) yield done;
  } catch (error) {
    const { code } = toShape(error);
    goesOn = run.begin === "continue" ? code !== "aborted" : UNFINISHED.includes(code);
    throw error;
  } finally {
    run.signal?.removeEventListener("abort", abort);
    state.end();
    // Where nothing can be kept there is nothing to remove.
    if (!goesOn) await run.forget(state.id).catch(() => {});
    reservation?.release();
    run.ended();
  }
}

/** Sets the workers up and lets them run. */
async function work(run: Run, state: State): Promise<{ files: AdapterFiles; persist: boolean }> {
  if (run.begin !== "continue") checkSorts(run.begin.rows);
  const leader = state.spawn();
  await leader.call("load", run.load);
  let kept: KeptRun;
  let rows: RunRows | undefined;
  if (run.begin === "continue") {
    kept = await leader.call("reopenRun", [run.name]);
    state.id = kept.id;
  } else {
    const { options, keep } = run.begin;
    checkNumbers(options);
    rows = run.begin.rows;
    const workers = workersFor(options.workers);
    const { length } = rows.rows;
    kept = { id: state.id, options, workers, persist: run.persist ?? true, rows: length };
    if (keep) await leader.call("openRun", [run.name]);
  }
  const followers = await loaded(run, state, kept.workers - 1);
  const { adapters = [], from } = kept.options;
  for (const name of from === undefined ? adapters : [...adapters, from]) {
    const files = await run.members(name);
    const all = [leader, ...followers];
    await Promise.all(all.map((worker) => worker.call("addAdapter", [name, files, false])));
  }
  if (rows) {
    const total = rows.rows.length + rows.replay.length;
    const read = (done: number) => state.events.push({ type: "reading", done, total });
    // What is mixed with the background has to be the recording itself.
    const keep = kept.options.background === undefined ? "beginning" : "whole";
    for await (const part of allParts(rows, readBy(leader, keep), read)) {
      const all = [leader, ...followers];
      await Promise.all(all.map((worker) => worker.call("addRows", [part])));
    }
  } else {
    await Promise.all(followers.map((worker) => worker.call("addKeptRows", [run.name])));
  }
  const ports = await prepared(kept, state, leader, followers);
  if (state.paused) void leader.call("pause", []);
  state.leading = leader;
  const tell = (event: TrainEvent) => state.events.push(event);
  const files = await leader.call("train", [ports], tell, [...ports]);
  return { files, persist: run.persist ?? kept.persist };
}

/** As many followers with the backbone in their memory as can be had. */
async function loaded(run: Run, state: State, count: number): Promise<Remote[]> {
  const followers = Array.from({ length: count }, () => state.spawn());
  const loads = followers.map((worker) => worker.call("load", run.load));
  const results = await Promise.allSettled(loads);
  return followers.filter((_, index) => {
    const result = results[index];
    if (result?.status === "rejected") state.notice("workers", toShape(result.reason));
    return result?.status === "fulfilled";
  });
}

/** Prepares all, the leader's failure being the run's, and puts the leader through to every follower. */
async function prepared(
  kept: KeptRun,
  state: State,
  leader: Remote,
  followers: readonly Remote[],
): Promise<MessagePort[]> {
  const following = followers.map((worker) => worker.call("prepare", [kept]));
  const results = Promise.allSettled(following);
  await leader.call("prepare", [kept]);
  const ports: MessagePort[] = [];
  for (const [index, result] of (await results).entries()) {
    const worker = followers[index];
    if (!worker || result.status === "rejected") {
      state.notice("workers", toShape((result as PromiseRejectedResult).reason));
      continue;
    }
    const { port1, port2 } = new MessageChannel();
    await worker.call("follow", [port2], undefined, [port2]);
    const place = ports.push(port1) - 1;
    worker.whenEnded((reason) => {
      // The end of the whole run ends the leader too, whose call then rejects.
      leader.call("loseFollower", [place, toShape(reason)]).catch(() => {});
    });
  }
  return ports;
}

/** JSON has no NaN or infinity: the engine would read null and use the default instead. */
function checkNumbers(options: TrainOptions): void {
  for (const [name, value] of Object.entries(options)) {
    if (typeof value !== "number" || Number.isFinite(value)) continue;
    throw new GraftletError("option_invalid", `${name} is ${value}: give a finite number.`);
  }
}

function cancelled(run: Run): GraftletError {
  return new GraftletError("aborted", `Training of “${run.name}” was cancelled.`);
}

/** The training runs of one Graftlet. */
import type { ErrorShape } from "./errors.js";
import type { Hired } from "./hired.js";
import { type Reservation, reserve } from "./locks.js";
import type { MainWorker } from "./main-worker.js";
import type { LoadCall } from "./protocol.js";
import type { Tabs } from "./tabs.js";
import { type Run, train } from "./training.js";
import type { AdapterFiles, InterruptedRun, TrainRun } from "./types.js";

export class Trainings {
  /** Names of the runs under way. */
  readonly #training = new Set<string>();
  /** Finished runs whose adapter is loaded and could not be kept, with the runs' ids. */
  readonly #unkept = new Map<string, string>();
  readonly #remote: MainWorker;
  readonly #hired: Hired;
  readonly #load: LoadCall;
  readonly #tabs: Tabs;
  /** Gives a loaded adapter, for fusions of it. */
  readonly #exported: (name: string) => Promise<AdapterFiles>;

  constructor(
    remote: MainWorker,
    hired: Hired,
    load: LoadCall,
    tabs: Tabs,
    exported: (name: string) => Promise<AdapterFiles>,
  ) {
    this.#remote = remote;
    this.#hired = hired;
    this.#load = load;
    this.#tabs = tabs;
    this.#exported = exported;
  }

  train(
    name: string,
    begin: Run["begin"],
    signal: AbortSignal | undefined,
    persist: boolean | undefined,
    reservation: Reservation | undefined,
  ): TrainRun {
    // A run that keeps nothing cannot conflict with other tabs.
    const keepsNothing = begin !== "continue" && !begin.keep && !persist;
    return train({
      name,
      load: this.#load,
      begin,
      signal,
      persist,
      members: this.#exported,
      spawn: () => {
        if (!this.#training.has(name)) this.#tabs.tell({ type: "training", name });
        this.#training.add(name);
        return this.#hired.hire();
      },
      retire: (worker) => this.#hired.retire(worker),
      reserve: async () => {
        if (reservation?.name === name || keepsNothing) return reservation;
        return reserve(name);
      },
      adopt: async (files, persist, id): Promise<ErrorShape | undefined> => {
        const { unkept } = await this.#remote.call("addAdapter", [name, files, persist]);
        if (unkept) this.#unkept.set(name, id);
        else this.#unkept.delete(name);
        if (persist && !unkept) this.#tabs.tell({ type: "saved", name });
        return unkept;
      },
      forget: (id) => this.#remote.call("forgetRun", [name, id]),
      ended: () => {
        this.#training.delete(name);
        this.#tabs.tell({ type: "trained", name });
      },
    });
  }

  /** Training runs that this browser keeps and that no tab is at. */
  async interrupted(): Promise<InterruptedRun[]> {
    const before = new Set(this.#training);
    const found = await this.#remote.call("interrupted", []);
    // One that has ended meanwhile was still there when it was looked for.
    const isOurs = (name: string) => this.#training.has(name) || this.#unkept.has(name);
    return found.filter(({ name }) => !before.has(name) && !isOurs(name));
  }

  /** Keeps a loaded adapter in the browser, and forgets the run that it comes from. */
  async keep(name: string): Promise<void> {
    await holding(name, async () => {
      await this.#remote.call("keep", [name]);
      const run = this.#unkept.get(name);
      if (run !== undefined) await this.#remote.call("forgetRun", [name, run]);
      this.#unkept.delete(name);
    });
    this.#tabs.tell({ type: "saved", name });
  }

  /** Removes what is kept of an interrupted run. */
  async forget(name: string): Promise<void> {
    await holding(name, () => this.#remote.call("forgetRun", [name, null]));
  }
}

/** Does work while a name is reserved. */
async function holding(name: string, work: () => Promise<unknown>): Promise<void> {
  const reservation = await reserve(name);
  try {
    await work();
  } finally {
    reservation.release();
  }
}

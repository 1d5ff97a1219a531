/** Further workers, of training runs and of many texts. */
import { GraftletError } from "./errors.js";
import { START_AGAIN } from "./platform.js";
import type { LoadCall } from "./protocol.js";
import { Remote, type WorkerLike } from "./remote.js";
import type { AdapterFiles } from "./types.js";

export class Hired {
  readonly #workers = new Set<Remote>();
  readonly #spawn: () => WorkerLike;
  readonly #load: LoadCall;

  constructor(spawn: () => WorkerLike, load: LoadCall) {
    this.#spawn = spawn;
    this.#load = load;
  }

  hire(): Remote {
    const worker = new Remote(this.#spawn(), START_AGAIN);
    this.#workers.add(worker);
    return worker;
  }

  /** A worker with the backbone and these adapters. */
  async hireWith(
    names: readonly string[],
    exported: (name: string) => Promise<AdapterFiles>,
  ): Promise<Remote> {
    const worker = this.hire();
    try {
      const folders = await Promise.all(names.map((name) => exported(name)));
      await worker.call("load", this.#load);
      for (const [index, files] of folders.entries()) {
        await worker.call("addAdapter", [names[index] as string, files, false]);
      }
    } catch (error) {
      this.retire(worker);
      throw error;
    }
    return worker;
  }

  retire(worker: Remote): void {
    this.#workers.delete(worker);
    worker.end(new GraftletError("disposed", "This worker is done."));
  }

  /** Ends all of them. */
  end(reason: GraftletError): void {
    for (const worker of this.#workers) worker.end(reason);
  }
}

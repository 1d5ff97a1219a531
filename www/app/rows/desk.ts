/**
 * Reading rows off the page's thread: the worker keeps the table, the page asks it what it needs to show. Nothing that
 * grows with the file passes at once, as that would hold the page up.
 */

import * as Comlink from "comlink";
import type { Text } from "graftlet";
import { WorkerLost, whenLost } from "./lost.js";
import type {
  Choice,
  Columns,
  Inspection,
  NamedRow,
  Options,
  Proposal,
  Row,
  Source,
} from "./types.js";

export interface RowsDesk {
  /** Reads a file or pasted text. */
  open(source: Blob | string, options: Options): Promise<Source>;
  /** What the labels of the columns seem to say. */
  propose(columns: Columns): Promise<Proposal>;
  inspect(choice: Choice): Promise<Inspection>;
  /** Makes the rows to train on ready for `part` and `named`. */
  prepare(choice: Choice): Promise<Inspection>;
  /** Puts the rows that are ready by, under that name. */
  putBy(name: string): Promise<void>;
  /** Makes rows ready that were put by, after their page was closed; null where there are none. */
  recall(name: string): Promise<Inspection | null>;
  /** Forgets rows that were put by. */
  forget(name: string): Promise<void>;
  /** Some of the rows that are ready. */
  part(from: number, to: number): Promise<Row[]>;
  /** Rows that are ready, by their places among them, with their numbers in the file. */
  named(places: readonly number[]): Promise<NamedRow[]>;
  /** Makes the texts of the columns ready to be answered, and tells how many rows have one. */
  texts(columns: Columns): Promise<number>;
  /** Some of those texts. */
  textsOf(from: number, to: number): Promise<Text[]>;
  /** Takes the answers to the next of those texts, as cells. */
  answer(cells: readonly string[][]): Promise<void>;
  /** The table with the answers beside their rows, cells separated as in the file. */
  answered(header: readonly string[]): Promise<Blob>;
}

/** The name of the error after which the worker reads nothing more. */
export const BROKEN = "RowsDeskBroken";

/** A worker that reads rows: started by the first who needs it, and another after it broke. */
export class DeskWorker {
  #worker: Worker | undefined;
  #desk: Comlink.Remote<RowsDesk> | undefined;

  get desk(): Comlink.Remote<RowsDesk> {
    if (!this.#desk) {
      const worker = new Worker(new URL("./desk.worker.ts", import.meta.url), { type: "module" });
      this.#worker = worker;
      this.#desk = answering(Comlink.wrap<RowsDesk>(worker), explained(whenLost(worker)));
    }
    return this.#desk;
  }

  /** Ends the worker when the error says that it broke. */
  failed(error: unknown): void {
    if (!(error instanceof Error) || error.name !== BROKEN) return;
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#desk = undefined;
  }
}

/** The desk whose calls are rejected, too, when its worker is lost; they would wait for ever. */
function answering(desk: Comlink.Remote<RowsDesk>, lost: Promise<never>): Comlink.Remote<RowsDesk> {
  // Unasked it is no error.
  lost.catch(() => {});
  return new Proxy(desk, {
    get(target, method) {
      const call = Reflect.get(target, method) as (...args: unknown[]) => Promise<unknown>;
      return (...args: unknown[]) => Promise.race([call(...args), lost]);
    },
  });
}

async function explained(lost: Promise<never>): Promise<never> {
  try {
    return await lost;
  } catch (error) {
    const reason = error instanceof WorkerLost ? error.message : String(error);
    const broken = new Error(
      `The reader of rows could not be started (${reason}): look to your connection and try again.`,
    );
    broken.name = BROKEN;
    throw broken;
  }
}

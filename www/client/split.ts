/**
 * One reading in several workers. Each computes some rows of every step; they send each other keys and values over message
 * ports of their own, once a layer. The first has the answers in the end.
 */
import type { Reading } from "./engine.js";
import { GraftletError } from "./errors.js";
import { turn } from "./reading.js";

/** What one worker sends another in the course of a pass. */
interface Parcel {
  pass: number;
  rows: Float32Array<ArrayBuffer>;
}

/** A pass: every reading that is split is one. */
export interface Pass {
  id: number;
  /** Those that compute it, in the order of their places. */
  members: readonly number[];
  /** This worker's. */
  place: number;
}

/** What has come from the other places and is not used yet. */
class Inbox {
  readonly #parcels: [place: number, rows: Float32Array][] = [];
  #wake: (() => void) | undefined;

  put(place: number, rows: Float32Array): void {
    this.#parcels.push([place, rows]);
    this.wake();
  }

  /** Ends the waiting, whether something has come or not. */
  wake(): void {
    this.#wake?.();
  }

  /** All that has come; waits until there is something, or until it is woken. */
  async next(): Promise<[place: number, rows: Float32Array][]> {
    if (this.#parcels.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
    return this.#parcels.splice(0);
  }
}

/** How many ended passes are remembered, so that what comes late for one is dropped. */
const REMEMBERED = 64;

/** The ports to other workers, each known by its number. */
export class Links {
  readonly #ports = new Map<number, MessagePort>();
  /** Of passes under way, and of those that another worker has begun already. */
  readonly #inboxes = new Map<number, [member: number, rows: Float32Array][] | Open>();
  readonly #ended: number[] = [];

  add(member: number, port: MessagePort): void {
    this.#ports.set(member, port);
    port.onmessage = ({ data: { pass, rows } }: MessageEvent<Parcel>) => {
      if (this.#ended.includes(pass)) return;
      const inbox = this.#inboxes.get(pass);
      if (inbox instanceof Open) inbox.put(member, rows);
      else if (inbox) inbox.push([member, rows]);
      else this.#inboxes.set(pass, [[member, rows]]);
    };
  }

  remove(member: number): void {
    this.#ports.get(member)?.close();
    this.#ports.delete(member);
  }

  send(member: number, parcel: Parcel): void {
    this.#ports.get(member)?.postMessage(parcel, [parcel.rows.buffer]);
  }

  open(pass: Pass): Inbox {
    const early = this.#inboxes.get(pass.id);
    const inbox = new Open(pass);
    if (Array.isArray(early)) for (const [member, rows] of early) inbox.put(member, rows);
    this.#inboxes.set(pass.id, inbox);
    return inbox.inbox;
  }

  close(pass: Pass): void {
    this.#inboxes.delete(pass.id);
    this.#ended.push(pass.id);
    if (this.#ended.length > REMEMBERED) this.#ended.shift();
  }
}

/** A pass that this worker is at. */
class Open {
  readonly inbox = new Inbox();
  readonly #members: readonly number[];

  constructor({ members }: Pass) {
    this.#members = members;
  }

  put(member: number, rows: Float32Array): void {
    const place = this.#members.indexOf(member);
    if (place >= 0) this.inbox.put(place, rows);
  }
}

/**
 * Computes this worker's part of all steps of the reading. `onStep` is told after each but the last; `onWait` and `onGoOn`
 * when it begins and ends to wait. Rejects with `aborted` when the signal is aborted, and leaves the reading as it was
 * before the step.
 */
export async function computePart(
  reading: Reading<unknown>,
  pass: Pass,
  links: Links,
  signal: AbortSignal,
  on: { step?: () => void; wait?: () => void; goOn?: () => void } = {},
): Promise<void> {
  const inbox = links.open(pass);
  const wake = () => inbox.wake();
  signal.addEventListener("abort", wake);
  const advance = () => {
    const state = reading.advance();
    const sent = reading.takeSent();
    for (let at = 0; at < sent.length; at += 2) {
      const member = pass.members[sent[at] as number] as number;
      links.send(member, { pass: pass.id, rows: sent[at + 1] as Float32Array<ArrayBuffer> });
    }
    return state;
  };
  try {
    reading.split(pass.place, pass.members.length);
    for (;;) {
      let state = advance();
      while (state === WAITS) {
        throwIfAborted(signal);
        on.wait?.();
        const parcels = await inbox.next();
        on.goOn?.();
        throwIfAborted(signal);
        for (const [place, rows] of parcels) reading.receive(place, rows);
        state = advance();
      }
      if (state === DONE) return;
      on.step?.();
      await turn();
      throwIfAborted(signal);
    }
  } finally {
    signal.removeEventListener("abort", wake);
    links.close(pass);
  }
}

/** What `Reading.advance` answers. */
const WAITS = 0;
const DONE = 2;

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new GraftletError("aborted", "The call was cancelled.");
}

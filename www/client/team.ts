/**
 * The workers that compute a text together, as the one sees it that answers. It gives the others the adapters that it has
 * itself, and asks them to compute their part of a reading. If one fails, the answer comes all the same: what was begun
 * is computed again, here.
 */
import type { Reading } from "./engine.js";
import { type ErrorShape, GraftletError, isTrap, toShape } from "./errors.js";
import type { Emit } from "./host.js";
import { Journal } from "./journal.js";
import type { Calls, Cancel, KeptFiles, ReadEvent, ReadOrder, Request } from "./protocol.js";
import { finished, readAll } from "./reading.js";
import { Remote, type WorkerLike } from "./remote.js";
import { computePart, Links } from "./split.js";
import type { AdapterFiles } from "./types.js";

/** A worker's part of a text is this many tokens at least: with fewer, the exchange costs more than it saves. */
const LEAST_TOKENS = 8;

/**
 * How long this worker waits for the others beside the time that its own part of a step takes, which is about as long as
 * theirs. A worker that a browser ends because memory is short may end without any message.
 */
export const PATIENCE = { times: 20, atLeastMs: 3000, answerMs: 1000 };

interface Member {
  remote: Remote;
  /** Whether it has all adapters. */
  ready: boolean;
  /** Told once, with why it is in the team no more. */
  lost: (error: ErrorShape) => void;
}

export class Team {
  readonly #members = new Map<number, Member>();
  readonly #links = new Links();
  readonly #journal = new Journal();
  readonly #patience: typeof PATIENCE;
  /** Counts what was loaded and removed. */
  #changes = 0;
  #passes = 0;

  constructor(patience: typeof PATIENCE = PATIENCE) {
    this.#patience = patience;
  }

  /** Takes a worker in, which has the backbone; resolves when it is lost, with why. */
  join(number: number, port: MessagePort, onReady: () => void): Promise<ErrorShape> {
    return new Promise((lost) => {
      const member: Member = {
        remote: new Remote(overPort(port), "load the backbone again"),
        ready: false,
        lost,
      };
      const others = [...this.#members];
      this.#members.set(number, member);
      this.#prepare(number, member, others).then(onReady, (thrown) =>
        this.lose(number, toShape(thrown)),
      );
    });
  }

  async #prepare(
    number: number,
    { remote }: Member,
    others: readonly [number, Member][],
  ): Promise<void> {
    for (const [other, member] of others) {
      const { port1, port2 } = new MessageChannel();
      await remote.call("link", [other, port1], undefined, [port1]);
      // One that is lost meanwhile is in no pass.
      await member.remote.call("link", [number, port2], undefined, [port2]).catch(() => {});
    }
    const { port1, port2 } = new MessageChannel();
    await remote.call("link", [0, port1], undefined, [port1]);
    this.#links.add(number, port2);
    let changes: number;
    do {
      changes = this.#changes;
      await this.#journal.replay(remote, () => {});
      if (remote.ended) throw remote.ended;
    } while (changes !== this.#changes);
    const member = this.#members.get(number);
    if (member) member.ready = true;
  }

  /** Goes on without a worker. */
  lose(number: number, error: ErrorShape): void {
    const member = this.#members.get(number);
    if (!member) return;
    this.#members.delete(number);
    this.#links.remove(number);
    member.remote.end(new GraftletError("worker_failed", error.message));
    member.lost(error);
  }

  /** Takes in that an adapter was loaded from these files. */
  added(name: string, files: AdapterFiles, kept: KeptFiles): void {
    this.#journal.note("addAdapter", [name, "", false], kept);
    this.#tell("addAdapter", [name, files, false]);
  }

  removed(name: string): void {
    this.#journal.note("removeAdapter", [name]);
    this.#tell("removeAdapter", [name]);
  }

  #tell<M extends "addAdapter" | "removeAdapter">(method: M, args: Parameters<Calls[M]>): void {
    this.#changes += 1;
    for (const [number, { remote, ready }] of this.#members) {
      if (ready) remote.call(method, args).catch((thrown) => this.lose(number, toShape(thrown)));
    }
  }

  /** The result of the reading, which is freed. `order` is how another worker begins the same. */
  async read<T>(reading: Reading<T>, order: () => ReadOrder, emit: Emit<ReadEvent>): Promise<T> {
    const ready = [...this.#members].filter(([, { ready }]) => ready);
    const useful = Math.floor(reading.tokens() / LEAST_TOKENS) - 1;
    const helpers = ready.slice(0, Math.max(0, useful));
    if (helpers.length === 0) return readAll(reading, emit);
    try {
      if (await this.#together(reading, helpers, order(), emit)) return finished(reading);
    } catch (thrown) {
      if (!isTrap(thrown)) reading.free();
      throw thrown;
    }
    return readAll(reading, emit);
  }

  /** Whether all is computed. If a worker fails, it is not, and the step is still to be done. */
  async #together(
    reading: Reading<unknown>,
    helpers: readonly [number, Member][],
    order: ReadOrder,
    emit: Emit<ReadEvent>,
  ): Promise<boolean> {
    this.#passes += 1;
    const members = [0, ...helpers.map(([number]) => number)];
    const pass = { id: this.#passes, members, place: 0 };
    const stop = new AbortController();
    const { signal } = stop;
    const cancel = () => stop.abort();
    emit.signal.addEventListener("abort", cancel, { once: true });
    for (const [index, [number, { remote }]] of helpers.entries()) {
      const own = { ...pass, place: index + 1 };
      remote.call("computePart", [own, order], undefined, [], signal).catch((thrown) => {
        if (signal.aborted) return;
        this.lose(number, toShape(thrown));
        stop.abort();
      });
    }
    let began = performance.now();
    let took = 0;
    let watch: ReturnType<typeof setTimeout> | undefined;
    const on = {
      step: () => emit({ share: reading.share() }),
      wait: () => {
        took = Math.max(took, performance.now() - began);
        const { times, atLeastMs } = this.#patience;
        watch = setTimeout(
          () => void this.#loseSilent(helpers).then(() => stop.abort()),
          Math.max(atLeastMs, times * took),
        );
      },
      goOn: () => {
        clearTimeout(watch);
        began = performance.now();
      },
    };
    try {
      await computePart(reading, pass, this.#links, signal, on);
      return true;
    } catch (thrown) {
      if (!signal.aborted || emit.signal.aborted) throw thrown;
      return false;
    } finally {
      clearTimeout(watch);
      stop.abort();
      emit.signal.removeEventListener("abort", cancel);
    }
  }

  /** Goes on without those that no longer answer. One that only waits for another does; if all do, any may be at fault. */
  async #loseSilent(helpers: readonly [number, Member][]): Promise<void> {
    const asked = helpers.map(async ([, { remote }]) => {
      const answer = remote.call("active", []).then(
        () => true,
        () => false,
      );
      const late = new Promise<boolean>((resolve) => {
        setTimeout(() => resolve(false), this.#patience.answerMs);
      });
      return await Promise.race([answer, late]);
    });
    const answers = await Promise.all(asked);
    const error = new GraftletError(
      "worker_failed",
      "A worker that computes texts with others no longer answers: it is replaced.",
    );
    const noneIsSilent = answers.every(Boolean);
    for (const [index, [number]] of helpers.entries()) {
      if (noneIsSilent || !answers[index]) this.lose(number, toShape(error));
    }
  }
}

/** The worker at the other end of a port. */
function overPort(port: MessagePort): WorkerLike {
  return {
    postMessage: (message: Request | Cancel, transfer: Transferable[]) =>
      port.postMessage(message, transfer),
    addEventListener: (type: string, listener: (event: never) => void) => {
      if (type === "error") return;
      port.addEventListener(type, listener as unknown as EventListener);
      port.start();
    },
    terminate: () => port.close(),
  };
}

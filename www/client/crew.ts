/**
 * Workers that share a run. The leader sends shares and parameters, the others send back what their shares come to, over
 * message ports of their own: the page relays nothing.
 */
import type { Computed, EngineEvent, Share, Training } from "./engine.js";
import { type ErrorShape, GraftletError, toShape } from "./errors.js";

interface Order {
  share: Share;
  /** Absent where they are what the follower has. */
  parameters?: Float32Array;
}

type Result = { computed: Computed } | { error: ErrorShape };

interface Member {
  port: MessagePort;
  /** The round whose parameters it has. */
  version: number;
  /** Takes its result, or nothing once it is lost. */
  settle: ((result: Result | undefined) => void) | undefined;
}

/**
 * How long a follower may take beside the leader's own share, of about the same size. A worker that a browser ends because
 * memory is short may end without any message.
 */
const PATIENCE = { times: 20, atLeastMs: 30_000 };

/** The leader's side. */
export class Crew {
  readonly #members: Map<number, Member>;
  readonly #onLost: (error: ErrorShape) => void;
  readonly #patience: typeof PATIENCE;
  #version = 0;

  /** `onLost` is called with every follower that is given up. */
  constructor(
    ports: readonly MessagePort[],
    onLost: (error: ErrorShape) => void,
    patience: typeof PATIENCE = PATIENCE,
  ) {
    this.#onLost = onLost;
    this.#patience = patience;
    this.#members = new Map(
      ports.map((port, index) => {
        const member: Member = { port, version: -1, settle: undefined };
        port.onmessage = ({ data }: MessageEvent<Result>) => member.settle?.(data);
        return [index, member];
      }),
    );
  }

  /** Workers, the leader included. */
  get workers(): number {
    return this.#members.size + 1;
  }

  /** One round. The leader does the work of a follower that was lost. */
  async round(training: Training): Promise<EngineEvent> {
    const shares = training.plan(this.workers);
    const members = [...this.#members];
    const parameters = shares.length > 1 ? training.parameters() : undefined;
    const pending = shares.slice(1).map((share, place) => {
      const [index, member] = members[place] as [number, Member];
      const result = new Promise<Result | undefined>((resolve) => {
        member.settle = resolve;
      });
      const order: Order = { share };
      if (parameters && member.version !== this.#version) order.parameters = parameters;
      member.version = this.#version;
      member.port.postMessage(order);
      return result.then((result) => {
        member.settle = undefined;
        if (result && "error" in result) this.lose(index, result.error);
        return result && "computed" in result ? result.computed : undefined;
      });
    });
    const [own] = shares;
    const began = performance.now();
    const computed = own ? [training.compute(own)] : [];
    const took = performance.now() - began;
    const watch = setTimeout(
      () => this.#loseSilent(members.slice(0, pending.length)),
      Math.max(this.#patience.atLeastMs, this.#patience.times * took),
    );
    const results = await Promise.all(pending);
    clearTimeout(watch);
    for (const [place, result] of results.entries()) {
      computed.push(result ?? training.compute(shares[place + 1] as Share));
    }
    const event = training.apply(computed);
    // What is only read leaves the parameters as they are. A head is fitted without shares, and a pass ends with an evaluation.
    const isRead = own && ("encode" in own || "read" in own || "judge" in own);
    if (!isRead || event.type === "eval") this.#version += 1;
    return event;
  }

  /** Goes on without those that have not answered yet. */
  #loseSilent(members: readonly [number, Member][]): void {
    for (const [index, member] of members) {
      if (!member.settle) continue;
      const error = new GraftletError(
        "worker_failed",
        "A worker of the training no longer answers: the run goes on without it.",
      );
      this.lose(index, toShape(error));
    }
  }

  /** Goes on without a follower. */
  lose(index: number, error: ErrorShape): void {
    const member = this.#members.get(index);
    if (!member) return;
    this.#members.delete(index);
    member.port.close();
    member.settle?.(undefined);
    this.#onLost(error);
  }

  /** Lets all followers go. */
  dismiss(): void {
    for (const { port } of this.#members.values()) port.close();
  }
}

/** The follower's side: computes what comes over the port for as long as the worker lives. */
export function follow(port: MessagePort, training: Training): void {
  port.onmessage = ({ data: { share, parameters } }: MessageEvent<Order>) => {
    try {
      if (parameters) training.setParameters(parameters);
      const computed = training.compute(share);
      port.postMessage({ computed } satisfies Result, [computed.buffer as ArrayBuffer]);
    } catch (thrown) {
      port.postMessage({ error: toShape(thrown) } satisfies Result);
    }
  };
}

/**
 * What tabs of one origin tell each other. A tab hears the others, and what other `Graftlet`s of its own page do.
 */

/** What happened to an adapter, or to a run, of that name. */
export interface Change {
  type: "saved" | "forgotten" | "training" | "trained";
  name: string;
}

const CHANNEL = "graftlet changes";

/** One end of the line between the tabs. Where browsers have none, nobody hears anything. */
export class Tabs {
  readonly #channel = open(CHANNEL);
  #closed = false;
  readonly #listeners = new Set<(change: Change) => void>();

  constructor() {
    this.#channel?.addEventListener("message", ({ data }: MessageEvent<Change>) => {
      for (const listener of this.#listeners) listener(data);
    });
  }

  tell(change: Change): void {
    if (!this.#closed) this.#channel?.postMessage(change);
  }

  /** Calls `listener` for what others do; the answer ends that. */
  listen(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    this.#closed = true;
    this.#channel?.close();
  }
}

/** A channel that does not keep Node running. */
export function open(name: string): BroadcastChannel | undefined {
  if (typeof BroadcastChannel === "undefined") return undefined;
  try {
    const channel = new BroadcastChannel(name);
    (channel as { unref?: () => void }).unref?.();
    return channel;
  } catch {
    return undefined;
  }
}

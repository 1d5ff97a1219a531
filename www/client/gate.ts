/**
 * Where a run waits while it is paused: its loop passes the gate before every round.
 */
export class Gate {
  #closed: { until: Promise<void>; open: () => void } | undefined;
  #running = false;
  #reached: (() => void)[] = [];

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** Resolves when the loop has come to a stop, at once if none runs. */
  close(): Promise<void> {
    if (!this.#closed) {
      let open = () => {};
      const until = new Promise<void>((resolve) => {
        open = resolve;
      });
      this.#closed = { until, open };
    }
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => this.#reached.push(resolve));
  }

  open(): void {
    this.#closed?.open();
    this.#closed = undefined;
  }

  /** A loop that passes the gate begins. */
  enter(): void {
    this.#running = true;
  }

  async pass(): Promise<void> {
    while (this.#closed) {
      this.#told();
      await this.#closed.until;
    }
  }

  /** It is over. */
  leave(): void {
    this.#running = false;
    this.#told();
  }

  #told(): void {
    for (const resolve of this.#reached.splice(0)) resolve();
  }
}

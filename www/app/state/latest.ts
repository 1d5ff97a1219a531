/**
 * Runs one job at a time and, of those that come meanwhile, only the newest: what typing needs of a slow answer.
 */
export class Latest {
  #running = false;
  #next: (() => Promise<void>) | undefined;

  run(job: () => Promise<void>): void {
    this.#next = job;
    if (!this.#running) void this.#drain();
  }

  async #drain(): Promise<void> {
    this.#running = true;
    while (this.#next) {
      const job = this.#next;
      this.#next = undefined;
      await job();
    }
    this.#running = false;
  }
}

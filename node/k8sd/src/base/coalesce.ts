/** Work that is asked for more often than it can be done: it runs again once after the last request, never twice at a time. */
export class Coalesced {
  readonly #work: () => Promise<void>;
  #running: Promise<void> | undefined;
  #again = false;

  /** `work` handles its own failures. */
  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  request(): void {
    this.#again = true;
    this.#running ??= this.#run().finally(() => (this.#running = undefined));
  }

  /** Waits for the run under way; nothing that was asked for is begun after it. */
  async stop(): Promise<void> {
    this.#again = false;
    await this.#running;
  }

  async #run() {
    while (this.#again) {
      this.#again = false;
      await this.#work();
    }
  }
}

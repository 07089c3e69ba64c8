/** Orders of work: latest request wins, and one after the other. */

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

/** Things that must not be done at the same time: each waits for those asked for before it. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #isStopped = false;

  inTurn<T>(act: () => Promise<T>): Promise<T> {
    const run = this.#last.then(() => {
      if (this.#isStopped) throw new Error("not begun any more: the node is stopping or leaving");
      return act();
    });
    this.#last = run.catch(() => undefined);
    return run;
  }

  /** Waits for the one under way; those that wait are refused. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#last;
  }
}

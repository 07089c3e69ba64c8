import type { ToolRunner } from "../tools/runner.ts";

/** How long a dispatch whose handlers have ended waits for what they began and did not await. */
const unawaitedTimeoutMs = 10 * 60_000;

/** A dispatch that cannot end: something that it began does not. */
export class UnendedWork extends Error {
  override readonly name = "UnendedWork";
  /** Hook tools by their names, events by theirs in quotes. */
  readonly work: readonly string[];

  constructor(work: readonly string[], reason: string) {
    super(`Cannot end this dispatch: ${work.join(", ") || "the charm"} ${reason}`);
    this.work = work;
  }
}

/** The calls of hook tools and the deliveries of events that are under way, whoever awaits them. */
export class OpenWork {
  readonly #open = new Set<{ readonly what: string }>();
  #onIdle: (() => void) | undefined;

  /** What `act` throws is its caller's: a caller that does not listen has an unhandled rejection. */
  async during<Value>(what: string, act: () => Promise<Value>): Promise<Value> {
    const entry = { what };
    this.#open.add(entry);
    try {
      return await act();
    } finally {
      this.#open.delete(entry);
      if (this.#open.size === 0) this.#onIdle?.();
    }
  }

  tracked(runner: ToolRunner): ToolRunner {
    return { run: (call) => this.during(call.argv[0], () => runner.run(call)) };
  }

  get names(): readonly string[] {
    return [...this.#open].map(({ what }) => what);
  }

  /**
   * Resolves when nothing is open, and nobody who waited for something open has begun anything new.
   * @throws UnendedWork
   */
  async ended(timeoutMs = unawaitedTimeoutMs): Promise<void> {
    const late = Promise.withResolvers<never>();
    const giveUp = (): void =>
      late.reject(
        new UnendedWork(this.names, `did not end within ${timeoutMs / 1000} s, and nobody awaited it`),
      );
    const timer = setTimeout(giveUp, timeoutMs).unref();
    try {
      await Promise.race([late.promise, this.#idle()]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #idle(): Promise<void> {
    do {
      if (this.#open.size > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
      await new Promise((resolve) => setImmediate(resolve));
    } while (this.#open.size > 0);
  }
}

import type { Clock } from "../../src/live/clock.ts";

/** Time that passes when it is told to. */
export class FakeClock implements Clock {
  #time = 1_000_000;
  #timers: { at: number; run: () => void }[] = [];

  now(): number {
    return this.#time;
  }
  monotonic(): number {
    return this.#time;
  }
  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#time + Math.max(ms, 0), run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((t) => t !== timer);
    };
  }
  async advance(ms: number): Promise<void> {
    const end = this.#time + ms;
    for (;;) {
      const next = this.#timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((t) => t !== next);
      this.#time = Math.max(this.#time, next.at);
      next.run();
      await new Promise((done) => setImmediate(done));
    }
    this.#time = end;
  }
}

/** Time as the live parts see it: a port, so that leases and grace periods are tested without waiting. */
export interface Clock {
  /** milliseconds since the epoch: for events and people */
  now(): number;
  /** milliseconds that only go forward: for leases, grace periods, bounds */
  monotonic(): number;
  /** @returns the way to cancel */
  after(ms: number, run: () => void): () => void;
}

/** Node's timers hold at most 2^31-1 ms; a later call is made early, and its owner looks again. */
const longest = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, Math.min(Math.max(ms, 0), longest)).unref();
    return () => clearTimeout(timer);
  },
};

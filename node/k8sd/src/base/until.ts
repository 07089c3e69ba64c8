/** Bounded, named waiting. */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "./errors.ts";

/** A named wait that ran out of its bound; the last failure is the cause. */
export class WaitExpired extends Error {
  override readonly name = "WaitExpired";
}

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly intervalMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Calls `attempt` until it returns something truthy; its exceptions mean "not yet". @throws WaitExpired */
export async function until<T>(
  name: string,
  attempt: () => Promise<T | undefined | false>,
  { timeoutMs, intervalMs = 100, signal }: WaitOptions,
): Promise<T> {
  const began = performance.now();
  const deadline = began + timeoutMs;
  let last: unknown;
  for (;;) {
    try {
      const value = await attempt();
      if (value) return value;
    } catch (error) {
      last = error;
    }
    if (signal?.aborted || performance.now() + intervalMs > deadline)
      throw expired(name, performance.now() - began, last);
    await sleep(intervalMs, undefined, signal ? { signal } : {}).catch(() => undefined);
  }
}

function expired(name: string, afterMs: number, last: unknown) {
  const reason = last === undefined ? "" : `: ${messageOf(last)}`;
  return new WaitExpired(`waited ${Math.round(afterMs / 1000)} s until ${name}, in vain${reason}`, {
    cause: last,
  });
}

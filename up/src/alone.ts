/** One `up` or `down` at a time on this host: two would take each other's machines for leftovers. */
import { join } from "node:path";
import { LockTimeoutError, withLock } from "@cantrip/components";
import type { Paths } from "./paths.ts";
import { instanceName } from "./settings.ts";

/** @throws Error when another one is at work and does not end within two seconds */
export async function alone<T>({ cache }: Paths, work: () => Promise<T>): Promise<T> {
  let holder: string | undefined;
  try {
    const lock = {
      file: join(cache, "locks", instanceName()),
      purpose: "cantrip up or down",
      timeoutMs: 2000,
      onWait: (pid: string | undefined) => void (holder = pid),
    };
    return await withLock(lock, work);
  } catch (error) {
    if (!(error instanceof LockTimeoutError) || holder === undefined) throw error;
    throw new Error(
      `Another cantrip up or down is at work on this host (process ${holder}): wait for it, or end it`,
      { cause: error },
    );
  }
}

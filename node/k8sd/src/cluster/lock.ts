/**
 * Locks of the cluster, held by leases of its etcd: who dies loses them within their term. A daemon that was killed and
 * started again takes its own lock back at once.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../base/errors.ts";
import { log } from "../base/log.ts";
import { WaitExpired } from "../base/until.ts";
import type { EtcdClient } from "../etcd/client.ts";
import { Conflict, type Store } from "./store.ts";

export interface LockRow {
  /** Name of the node. */
  readonly holder: string;
  readonly purpose: string;
  readonly since: string;
}
export interface LockRequest {
  readonly name: string;
  readonly holder: string;
  /** Shown to those who wait. */
  readonly purpose: string;
  readonly signal: AbortSignal;
  /** Called when the lock is somebody else's, once per holder. */
  readonly onWait?: (row: LockRow) => void;
}
export interface HeldLock {
  /** Aborted when the lock was lost: whoever holds it now may act. */
  readonly lost: AbortSignal;
  release(): Promise<void>;
}

const TERM_S = 20;
const RENEW_EVERY_MS = 5_000;
const LOOK_EVERY_MS = 250;

const keyOf = (name: string) => `locks/${name}`;

/** Waits for its turn as long as the signal lets it. @throws WaitExpired, naming who holds it */
export async function acquire(etcd: EtcdClient, store: Store, request: LockRequest): Promise<HeldLock> {
  let told = "";
  let seen: LockRow | undefined;
  while (!request.signal.aborted) {
    try {
      const lease = await take(etcd, store, request);
      if (lease) return hold(etcd, lease, request.name);
      seen = (await store.read<LockRow>(keyOf(request.name)))?.value;
    } catch (error) {
      log.debug(`lock ${request.name}: ${messageOf(error)}`);
    }
    if (seen && seen.holder !== told) {
      told = seen.holder;
      request.onWait?.(seen);
    }
    await sleep(LOOK_EVERY_MS, undefined, { signal: request.signal }).catch(() => undefined);
  }
  const by = seen ? `: ${seen.holder} holds it since ${seen.since} (${seen.purpose})` : "";
  throw new WaitExpired(`waited for the lock ${JSON.stringify(request.name)} in vain${by}`);
}

/** The lease of the lock, or undefined if somebody else has it. */
async function take(
  etcd: EtcdClient,
  store: Store,
  { name, holder, purpose }: LockRequest,
): Promise<string | undefined> {
  const current = await store.read<LockRow>(keyOf(name));
  if (current && current.value.holder !== holder) return undefined;
  const lease = await etcd.grantLease(TERM_S);
  const row: LockRow = { holder, purpose, since: new Date().toISOString() };
  try {
    await store.commit([{ key: keyOf(name), value: row, expected: current?.revision ?? "0", lease }]);
    return lease;
  } catch (error) {
    await etcd.revokeLease(lease).catch(() => undefined);
    if (error instanceof Conflict) return undefined;
    throw error;
  }
}

function hold(etcd: EtcdClient, lease: string, name: string): HeldLock {
  const lost = new AbortController();
  let renewedAt = performance.now();
  const renew = async () => {
    try {
      if (!(await etcd.renewLease(lease))) throw new Error("its lease is over");
      renewedAt = performance.now();
    } catch (error) {
      // Given up before the term ends for the others.
      if (performance.now() - renewedAt > (TERM_S * 1000) / 2) {
        log.warning(`lost the lock ${name}: ${messageOf(error)}`);
        clearInterval(timer);
        lost.abort();
      }
    }
  };
  const timer = setInterval(() => void renew(), RENEW_EVERY_MS).unref();
  return {
    lost: lost.signal,
    async release() {
      clearInterval(timer);
      lost.abort();
      await etcd.revokeLease(lease).catch((error: unknown) => log.debug(`lock ${name}: ${messageOf(error)}`));
    },
  };
}

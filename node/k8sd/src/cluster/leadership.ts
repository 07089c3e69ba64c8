/** One control plane at a time does what is done for the whole cluster: the holder of a lock, as long as it holds it. */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../base/errors.ts";
import { log } from "../base/log.ts";
import type { EtcdClient } from "../etcd/client.ts";
import { acquire, type HeldLock } from "./lock.ts";
import type { Store } from "./store.ts";

const LOCK = "leader";

export interface LeadershipTask {
  readonly etcd: EtcdClient;
  readonly store: Store;
  /** Name of this node. */
  readonly name: string;
  onGained(): void;
  onLost(): void;
}

export class Leadership {
  readonly #task: LeadershipTask;
  readonly #ending = new AbortController();
  #running: Promise<void> | undefined;

  constructor(task: LeadershipTask) {
    this.#task = task;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Gives the lock back, so that another one leads at once. */
  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#running;
  }

  async #run() {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        await this.#lead(signal);
      } catch (error) {
        if (signal.aborted) return;
        log.warning(`leadership: ${messageOf(error)}`);
        await sleep(1_000, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #lead(signal: AbortSignal) {
    const { etcd, store, name } = this.#task;
    const lock = await acquire(etcd, store, { name: LOCK, holder: name, purpose: "leads", signal });
    log.info("this node leads the cluster's features now");
    this.#task.onGained();
    try {
      await ended(lock, signal);
    } finally {
      this.#task.onLost();
      await lock.release();
    }
  }
}

function ended({ lost }: HeldLock, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const any = AbortSignal.any([lost, signal]);
  if (any.aborted) resolve();
  any.addEventListener("abort", () => resolve(), { once: true });
  return promise;
}

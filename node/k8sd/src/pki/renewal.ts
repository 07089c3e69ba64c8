/** Certificates refresh by themselves at two thirds of their lifetime, and at the start of the daemon if that is past. */
import { messageOf } from "../base/errors.ts";
import type { Identity } from "../base/identity.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";
import { BACKDATED_MS, type CertificateFacts } from "./certificates.ts";
import { isRenewable, leafFacts, leavesOf } from "./status.ts";

const LOOK_EVERY_MS = 3_600_000;
/** Half of a look's interval at most is added, so that nodes which were made together do not all ask at once. */
const AGAIN_AFTER_FAILURE_MS = 60_000;

export interface RenewalTask {
  readonly paths: Paths;
  identity(): Identity;
  /** Milliseconds since the epoch. */
  now(): number;
  refresh(names: readonly string[], lifetimeMs: number): Promise<void>;
}

const lifetimeOf = ({ begins, expires }: CertificateFacts) =>
  expires.getTime() - begins.getTime() - BACKDATED_MS;

/** True from two thirds of the lifetime on. */
export const isDue = (facts: CertificateFacts, now: number): boolean =>
  now >= facts.expires.getTime() - lifetimeOf(facts) / 3;

export class Renewal {
  readonly #task: RenewalTask;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(task: RenewalTask) {
    this.#task = task;
  }

  start(): void {
    this.#isStopped = false;
    if (this.#running) return;
    clearTimeout(this.#timer);
    this.#running = this.#look().finally(() => (this.#running = undefined));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #look() {
    let next = LOOK_EVERY_MS;
    try {
      if (!this.#task.identity().journal) await this.#refreshDue();
      else next = AGAIN_AFTER_FAILURE_MS;
    } catch (error) {
      const expired = await this.#expiredIdentity();
      log.warning(
        `certificates could not be refreshed by themselves: ${messageOf(error)}; ${expired ?? "trying again"}`,
      );
      if (!expired) next = AGAIN_AFTER_FAILURE_MS;
    }
    if (!this.#isStopped)
      this.#timer = setTimeout(() => this.start(), next * (1 + Math.random() / 2)).unref();
  }

  /** A worker that slept through the end of its own certificate is known to nobody any more. */
  async #expiredIdentity(): Promise<string | undefined> {
    const { paths } = this.#task;
    const identity = this.#task.identity();
    if (identity.role !== "worker") return undefined;
    const facts = await leafFacts(paths, { place: "certificates", file: "server" }).catch(() => undefined);
    if (!facts || facts.expires.getTime() > this.#task.now()) return undefined;
    return `this node's own certificate ended at ${facts.expires.toISOString()}, and with it its right to ask for another: remove it (k8s remove-node ${identity.name} --force on a control plane) and let it join anew`;
  }

  /** Each keeps the lifetime that it was given. @throws at the end, if some could not be read */
  async #refreshDue() {
    const { paths } = this.#task;
    const unreadable: string[] = [];
    const byLifetime = new Map<number, string[]>();
    for (const leaf of leavesOf(this.#task.identity())) {
      const facts = await leafFacts(paths, leaf).catch((error: unknown) => {
        unreadable.push(messageOf(error));
        return undefined;
      });
      if (!facts || !isDue(facts, this.#task.now())) continue;
      if (!isRenewable(this.#task.identity(), leaf)) {
        log.warning(
          `certificate ${leaf.name} was brought from outside and ends at ${facts.expires.toISOString()}: bring a new one (k8s refresh-certs --external-certificates FILE)`,
        );
        continue;
      }
      const lifetimeMs = lifetimeOf(facts);
      byLifetime.set(lifetimeMs, [...(byLifetime.get(lifetimeMs) ?? []), leaf.name]);
    }
    for (const [lifetimeMs, names] of byLifetime) await this.#task.refresh(names, lifetimeMs);
    if (unreadable.length > 0) throw new Error(unreadable.join("; "));
  }
}

/**
 * Finds out from the others how this node stands in its cluster: one that was removed while it was away hears so here, and
 * one that slept through a recovery.
 */
import { messageOf } from "../base/errors.ts";
import type { Identity } from "../base/identity.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";
import { MEMBER_PATH, type Membership } from "./joining.ts";
import { callPeer, ownTls } from "./peer.ts";

const ASK_EVERY_MS = 15_000;

export interface StandingTask {
  readonly paths: Paths;
  identity(): Identity;
  /** Nobody is asked while there is no doubt. */
  isInDoubt(): Promise<boolean>;
  /** A control plane said that this node's credential was revoked. */
  onRemoved(): void;
}

export class Standing {
  readonly #task: StandingTask;
  readonly #timer: NodeJS.Timeout;

  constructor(task: StandingTask) {
    this.#task = task;
    this.#timer = setInterval(() => void this.#look(), ASK_EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look() {
    if (this.#task.identity().journal || !(await this.#task.isInDoubt())) return;
    const found = await this.#ask();
    if (found && !found.member) this.#task.onRemoved();
  }

  /** The first answer counts: only a control plane's plain word, never silence. */
  async #ask(): Promise<Membership | undefined> {
    const { peers, address: own, credential } = this.#task.identity();
    for (const address of peers.filter((peer) => peer !== `${own}:6400`))
      try {
        const tls = await ownTls(this.#task.paths);
        const body = { credential };
        return await callPeer<Membership>({ address, tls, path: MEMBER_PATH, body, timeoutMs: 5_000 });
      } catch (error) {
        log.info(`cannot ask ${address} about this node's membership: ${messageOf(error)}`);
      }
    return undefined;
  }
}

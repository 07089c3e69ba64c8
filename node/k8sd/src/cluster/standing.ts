/**
 * Finds out from the others how this node stands in its cluster: one that was removed while it was away hears so here, and
 * one that slept through a recovery.
 */
import { messageOf } from "../base/errors.ts";
import type { ClusterSettings, Identity } from "../base/identity.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";
import { MEMBER_PATH, type Membership } from "./joining.ts";
import { callPeer, ownTls } from "./peer.ts";

const ASK_EVERY_MS = 15_000;
/** Members of an older generation may well form a quorum, and be in no doubt at all. */
const ASK_WITHOUT_DOUBT_EVERY = 4;

export interface StandingTask {
  readonly paths: Paths;
  identity(): Identity;
  /** Whether something is amiss here that a removal would explain. */
  isInDoubt(): Promise<boolean>;
  /** A control plane said that this node's credential was revoked. */
  onRemoved(): void;
  /** The control plane at this address is of a later generation: what runs here is a cluster's past. */
  onSuperseded(generation: number, address: string): void;
  /** How a control plane of this node's cluster says that it is set. */
  onSettings(settings: ClusterSettings): void;
}

interface Word extends Membership {
  readonly address: string;
}

export class Standing {
  readonly #task: StandingTask;
  readonly #timer: NodeJS.Timeout;
  #looks = 0;

  /** Asks at once, and from then on regularly. */
  constructor(task: StandingTask) {
    this.#task = task;
    this.#timer = setInterval(() => void this.#look(), ASK_EVERY_MS).unref();
    setImmediate(() => void this.#look());
  }

  /** Asks now, in doubt or not. */
  askAgain(): void {
    this.#looks = 0;
    void this.#look();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look() {
    const { journal, generation } = this.#task.identity();
    const isTurn = this.#looks % ASK_WITHOUT_DOUBT_EVERY === 0;
    this.#looks += 1;
    if (journal || !(isTurn || (await this.#task.isInDoubt()))) return;
    const words = await this.#ask();
    const later = words.find((word) => word.generation > generation);
    const isRemoved = words.some(({ member }) => !member);
    // A control plane that a recovery has left behind is revoked, too: its data is not to be lost for that.
    if (later && (this.#task.identity().role === "control-plane" || !isRemoved))
      this.#task.onSuperseded(later.generation, later.address);
    else if (isRemoved) this.#task.onRemoved();
    else this.#takeSettings(words);
  }

  #takeSettings(words: readonly Word[]) {
    const { role, generation } = this.#task.identity();
    // A control plane has them from where they are kept; what another one has read may be older.
    const word = words.find((candidate) => candidate.generation === generation);
    if (role === "worker" && word) this.#task.onSettings(word.settings);
  }

  /** Only a control plane's plain word counts, never silence. */
  async #ask(): Promise<Word[]> {
    const { peers, address: own, credential } = this.#task.identity();
    const tls = await ownTls(this.#task.paths);
    const asked = peers
      .filter((peer) => peer !== `${own}:6400`)
      .map(async (address): Promise<Word[]> => {
        try {
          const call = { address, tls, path: MEMBER_PATH, body: { credential }, timeoutMs: 5_000 };
          return [{ ...(await callPeer<Membership>(call)), address }];
        } catch (error) {
          log.debug(`cannot ask ${address} about this node's membership: ${messageOf(error)}`);
          return [];
        }
      });
    return (await Promise.all(asked)).flat();
  }
}

/**
 * A node is set as its cluster is: what was heard last is taken, one thing after the other, and tried again until it holds.
 * How arguments and services follow from settings is known by adopt.ts.
 */
import { Coalesced } from "../base/coalesce.ts";
import { messageOf } from "../base/errors.ts";
import type { ClusterSettings, Identity } from "../base/identity.ts";
import { log } from "../base/log.ts";
import { areSameSettings } from "./settings.ts";

const AGAIN_MS = 30_000;

export interface AdoptionTask {
  /** The node, or undefined while its settings are not to be changed: under an operation, and outside of a cluster. */
  readonly identity: () => Identity | undefined;
  /** Keeps a change of the identity on disk. */
  readonly note: (change: Pick<Identity, "settings"> | Pick<Identity, "taking">) => Promise<void>;
  /** Makes arguments and services follow; `from` is all that they may follow now. */
  readonly adopt: (node: Identity, from: readonly ClusterSettings[], to: ClusterSettings) => Promise<void>;
  /** Does what else follows, once the identity has the new settings. */
  readonly finish: (from: readonly ClusterSettings[]) => Promise<void>;
  /** How long a failure waits for its next try. */
  readonly againMs?: number;
}

/**
 * Whoever is killed on the way goes on at the next word: until all of it is done, the identity names every settings that
 * something on this node may follow.
 */
export class Adoption {
  readonly #task: AdoptionTask;
  readonly #work = new Coalesced(() => this.#take());
  #wanted: ClusterSettings | undefined;
  #again: NodeJS.Timeout | undefined;

  constructor(task: AdoptionTask) {
    this.#task = task;
  }

  /** The cluster's word. It waits while the node's settings are not to be changed, until `resume`. */
  hear(settings: ClusterSettings): void {
    this.#wanted = settings;
    this.#work.request();
  }

  /** What was heard is of a cluster that this node leaves. */
  forget(): void {
    this.#wanted = undefined;
  }

  /** Waits for what is under way; what is heard from now on waits for `resume`, if the task's identity says so. */
  async pause(): Promise<void> {
    clearTimeout(this.#again);
    await this.#work.stop();
    clearTimeout(this.#again);
  }

  /** Takes what was heard meanwhile. */
  resume(): void {
    this.#work.request();
  }

  async #take() {
    clearTimeout(this.#again);
    const [node, wanted] = [this.#task.identity(), this.#wanted];
    if (!node || !wanted) return;
    const before = node.taking ?? [];
    if (before.length === 0 && areSameSettings(node.settings, wanted)) return;
    try {
      const from = distinct([...before, node.settings]);
      await this.#task.note({ taking: distinct([...from, wanted]) });
      await this.#task.adopt(node, from, wanted);
      await this.#task.note({ settings: wanted });
      await this.#task.finish(from);
      await this.#task.note({ taking: [] });
    } catch (error) {
      log.error(`the cluster's settings could not be taken: ${messageOf(error)}; trying again`);
      const { againMs = AGAIN_MS } = this.#task;
      this.#again = setTimeout(() => this.#work.request(), againMs).unref();
    }
  }
}

const distinct = (all: readonly ClusterSettings[]): ClusterSettings[] =>
  all.filter((one, index) => all.findIndex((other) => areSameSettings(one, other)) === index);

/**
 * Who may bootstrap. The claim is written in one hook and obeyed in a later one: leadership is checked when the write
 * commits, so of two units that both believe to lead only one claim ever exists.
 */
import { formatDepartedNodes, parseAppBag, parseUnitBag, type DepartedNode } from "./bags.ts";
import type { RelationBags } from "./ports.ts";

export type BootstrapDecision =
  /** The committed claim names this unit. */
  | { kind: "bootstrap" }
  /** This unit leads and nobody holds the claim: write it, and act on it in a later hook. */
  | { kind: "claim" }
  | { kind: "wait"; claimedBy: string | undefined }
  /** These units are part of a cluster that this unit's node is not part of: a second one would split it. */
  | { kind: "orphans"; units: readonly string[] };

export interface BootstrapFacts {
  readonly unit: string;
  readonly isLeader: boolean;
  readonly claimedBy: string | undefined;
  /** Units of the application that are there, the own one included. */
  readonly units: readonly string[];
  /** Units, of any related application, whose bag says that they joined a cluster. */
  readonly joined: readonly string[];
}

export function decideBootstrap({
  unit,
  isLeader,
  claimedBy,
  units,
  joined,
}: BootstrapFacts): BootstrapDecision {
  const holderIsThere = claimedBy !== undefined && units.includes(claimedBy);
  if (holderIsThere && claimedBy !== unit) return { kind: "wait", claimedBy };
  if (joined.length > 0) return { kind: "orphans", units: joined };
  if (holderIsThere) return { kind: "bootstrap" };
  return isLeader ? { kind: "claim" } : { kind: "wait", claimedBy };
}

/** The claim and the departed nodes in the bag of the peer relation. */
export class BootstrapClaim {
  readonly #peers: RelationBags;
  readonly #app: string;

  constructor(peers: RelationBags, app: string) {
    this.#peers = peers;
    this.#app = app;
  }

  async claimedBy(): Promise<string | undefined> {
    return (await this.#bag()).bootstrapClaim;
  }

  /** For the leader. */
  async claim(unit: string): Promise<void> {
    await this.#peers.set("app", { "bootstrap-claim": unit });
  }

  async departedNodes(): Promise<readonly DepartedNode[]> {
    return (await this.#bag()).departedNodes;
  }

  /** For the leader. */
  async setDepartedNodes(nodes: readonly DepartedNode[]): Promise<void> {
    await this.#peers.set("app", { "departed-nodes": formatDepartedNodes(nodes) });
  }

  /** Units of this relation, `self` included, whose bag says that they joined. */
  static async joinedOn(relation: RelationBags, self?: string): Promise<string[]> {
    const units = [...(await relation.units()), ...(self ? [self] : [])];
    const joined = await Promise.all(
      units.map(async (unit) => (parseUnitBag(await relation.data(unit)).joined ? unit : undefined)),
    );
    return joined.filter((unit) => unit !== undefined);
  }

  async #bag() {
    return parseAppBag(await this.#peers.data(this.#app), this.#app);
  }
}

/** The side that joins: asks for a token by naming its node, takes the offer, and reports what came of it. */
import { PermissionDenied, SecretNotFound } from "@cantrip/lib";
import {
  formatTokenFailure,
  parseAppBag,
  parseUnitBag,
  secretId,
  type NodeKind,
  type UnitBag,
} from "./bags.ts";
import { consensus } from "./cluster-name.ts";
import type { RelationBags, SecretStore } from "./ports.ts";

/** What the control plane offers at this moment. */
export type Offer =
  | { kind: "none" }
  | { kind: "other kind"; nodeKind: NodeKind }
  /** This revision failed before; the control plane has been told. */
  | { kind: "failed"; revision: number; error: string }
  | { kind: "token"; revision: number; token: string };

export class TokenClaimant<R extends RelationBags = RelationBags> {
  readonly #relation: R;
  readonly #secrets: SecretStore<R>;
  readonly #unit: string;

  constructor(relation: R, secrets: SecretStore<R>, unit: string) {
    this.#relation = relation;
    this.#secrets = secrets;
    this.#unit = unit;
  }

  async own(): Promise<UnitBag> {
    return parseUnitBag(await this.#relation.data(this.#unit));
  }

  /** Asks for a token. Asking again with the same facts changes nothing. */
  async request(facts: { node: string; version: string; nodeKind: NodeKind }): Promise<void> {
    const { node, version, nodeKind } = facts;
    await this.#relation.set("unit", { "node-name": node, version, "node-kind": nodeKind });
  }

  async offer(nodeKind: NodeKind): Promise<Offer> {
    const ids = await this.#secretIds();
    const [id] = ids;
    if (!id || ids.length > 1) return { kind: "none" };
    const remote = parseAppBag(await this.#relation.data(this.#relation.app ?? ""), "");
    if (remote.nodeKind !== nodeKind) return { kind: "other kind", nodeKind: remote.nodeKind };
    const token = await this.#read(id);
    if (!token) return { kind: "none" };
    const failure = (await this.own()).tokenFailure;
    return failure?.revision === token.revision
      ? { kind: "failed", ...failure }
      : { kind: "token", ...token };
  }

  /** @throws when the control planes name several clusters */
  async clusterName(): Promise<string | undefined> {
    return consensus(this.#relation);
  }

  async joined(clusterName: string): Promise<void> {
    await this.#relation.set("unit", { joined: clusterName, "token-failure": "" });
  }

  /** Says that the node is no longer what this bag claimed, so that a new token comes. */
  async lost(): Promise<void> {
    await this.#relation.set("unit", { joined: "", "token-failure": "" });
  }

  async failed(revision: number, error: string): Promise<void> {
    await this.#relation.set("unit", { "token-failure": formatTokenFailure({ revision, error }) });
  }

  /** Older releases of Canonical's charm put the id into a unit bag. */
  async #secretIds(): Promise<string[]> {
    if (this.#relation.app === undefined) return [];
    const entities = [this.#relation.app, ...(await this.#relation.units())];
    const bags = await Promise.all(entities.map((entity) => this.#relation.data(entity)));
    const ids = bags.flatMap((bag) => secretId(bag[`${this.#unit}-secret-id`] ?? "") ?? []);
    return [...new Set(ids)];
  }

  async #read(id: string): Promise<{ revision: number; token: string } | undefined> {
    try {
      const content = await (await this.#secrets.secret(id)).content({ refresh: true });
      const { revision = "", token = "" } = content;
      return /^\d{1,9}$/u.test(revision) && token ? { revision: Number(revision), token } : undefined;
    } catch (error) {
      // Removed or not granted yet: both are the control plane's to put right.
      if (error instanceof SecretNotFound || error instanceof PermissionDenied) return undefined;
      throw error;
    }
  }
}

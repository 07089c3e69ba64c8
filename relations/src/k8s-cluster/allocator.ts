/** The control plane's side: who asked for a token, what became of it, and who has left. For the leader only. */
import { PermissionDenied, SecretNotFound } from "@cantrip/lib";
import {
  formatState,
  parseAppBag,
  parseUnitBag,
  type AppBag,
  type ClaimantState,
  type NodeKind,
  type UnitBag,
} from "./bags.ts";
import { decideClaim, type ClaimDecision } from "./decide.ts";
import type { RelationBags, SecretHandle, SecretStore } from "./ports.ts";

/** One unit that is on the relation, and what is to be done about it. */
export interface Claim {
  readonly unit: string;
  readonly bag: UnitBag;
  readonly decision: ClaimDecision;
}

export interface NodeToken {
  readonly unit: string;
  readonly node: string;
  readonly token: string;
}

export class TokenAllocator<R extends RelationBags = RelationBags> {
  readonly #relation: R;
  readonly #secrets: SecretStore<R>;
  readonly #self: { app: string; unit: string };

  constructor(relation: R, secrets: SecretStore<R>, self: { app: string; unit: string }) {
    this.#relation = relation;
    this.#secrets = secrets;
    this.#self = self;
  }

  get relation(): R {
    return this.#relation;
  }

  async appBag(): Promise<AppBag> {
    return parseAppBag(await this.#relation.data(this.#self.app), this.#relation.app ?? "");
  }

  /** Tells claimants which cluster this is and what runs its nodes. */
  async announce(facts: { node: string; clusterName: string; nodeKind: NodeKind; version: string }) {
    const { node, clusterName, nodeKind, version } = facts;
    await this.#relation.set("unit", { "node-name": node, "cluster-name": clusterName, joined: clusterName });
    const written = (await this.appBag()).bootstrapCertificates;
    await this.#relation.set("app", {
      version,
      "node-kind": nodeKind,
      // Write-once by protocol.
      ...(written ? {} : { "bootstrap-certificates": "snap-managed" }),
    });
  }

  /** Every unit on the relation but the own one, with what is to be done about it. */
  async claims(facts: { clusterName: string; nodeKind: NodeKind }): Promise<Claim[]> {
    const app = await this.appBag();
    const units = (await this.#relation.units()).filter((unit) => unit !== this.#self.unit);
    return Promise.all(
      units.map(async (unit) => {
        const bag = parseUnitBag(await this.#relation.data(unit));
        const secret = await this.#secret(app.secretIds.get(unit));
        return {
          unit,
          bag,
          decision: decideClaim({
            bag,
            state: app.states.get(unit),
            secretRevision: secret?.revision,
            ...facts,
          }),
        };
      }),
    );
  }

  /** Hands a token to one unit by a secret that only it can read. */
  async issue({ unit, node, token }: NodeToken, revision = 0): Promise<void> {
    const content = { revision: String(revision), token };
    const id = (await this.appBag()).secretIds.get(unit);
    const known = await this.#secret(id);
    const secret = known?.handle ?? (await this.#secrets.addSecret(content, secretOptions(node)));
    if (known) await known.handle.setContent(content);
    await secret.grant(this.#relation, unit);
    await this.#record(unit, { phase: "pending", node }, known ? id : secret.id);
  }

  /** The unit has joined: the state says so and its secret goes. */
  async settle(unit: string, node: string): Promise<void> {
    await this.#removeSecret(unit);
    await this.#record(unit, { phase: "joined", node });
  }

  /** Nothing of the unit stays: state, secret and its id. */
  async forget(unit: string): Promise<void> {
    await this.#removeSecret(unit);
    await this.#relation.set("app", { [unit]: "", [`${unit}-secret-id`]: "" });
  }

  /** The relation ends and its bag with it: only the secret is left to be removed. */
  async release(unit: string): Promise<void> {
    await this.#removeSecret(unit);
  }

  async #record(unit: string, state: ClaimantState, secretId = ""): Promise<void> {
    await this.#relation.set("app", { [unit]: formatState(state), [`${unit}-secret-id`]: secretId });
  }

  async #removeSecret(unit: string): Promise<void> {
    const secret = await this.#secret((await this.appBag()).secretIds.get(unit));
    await secret?.handle.remove();
  }

  /** Undefined where the secret is gone or its content is none of ours: then a new one is made. */
  async #secret(id: string | undefined): Promise<{ handle: SecretHandle<R>; revision: number } | undefined> {
    if (!id) return undefined;
    try {
      const handle = await this.#secrets.secret(id);
      const { revision = "" } = await handle.content();
      return /^\d{1,9}$/u.test(revision) ? { handle, revision: Number(revision) } : undefined;
    } catch (error) {
      if (error instanceof SecretNotFound || error instanceof PermissionDenied) return undefined;
      throw error;
    }
  }
}

const secretOptions = (node: string) =>
  ({ owner: "application", description: `join token of node ${node}` }) as const;

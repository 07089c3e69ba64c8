import { randomBytes } from "node:crypto";
import {
  type Charm,
  Endpoint,
  type Outcome,
  type Relation,
  type RelationEvents,
  type Secret,
  type SecretEvent,
  SecretNotFound,
} from "@cantrip/lib";
import { provider, requirer } from "./schema.ts";
import type { Place } from "./share.ts";

/** What an application asked for. */
export interface ShareRequest {
  readonly client: string;
  readonly access: "read" | "write";
  readonly relation: Relation;
}

const newPassword = (): string => randomBytes(18).toString("base64url");

/** The side that has the files. */
export class ShareProvider {
  readonly on: RelationEvents;
  readonly #charm: Charm;
  readonly #endpoint: Endpoint<typeof provider, typeof requirer>;

  constructor(charm: Charm, name: string) {
    this.#charm = charm;
    this.#endpoint = new Endpoint(charm, name, { ours: provider, theirs: requirer });
    this.on = this.#endpoint.on;
    charm.framework.observe(charm.on.secretRotate, (event) => this.#rotate(event));
    charm.framework.observe(charm.on.secretRemove, (event) => this.#removeOld(event));
    charm.framework.observe(this.on.broken, ({ relation }) => this.#forget(relation));
  }

  /** The requests that can be served, one for each application. */
  async requests(): Promise<readonly ShareRequest[]> {
    const requests: ShareRequest[] = [];
    for (const relation of await this.#endpoint.relations()) {
      const asked = await this.#endpoint.app(relation);
      if (asked.kind === "fits" && relation.app !== undefined)
        requests.push({ client: relation.app, access: asked.value.access, relation });
    }
    return requests;
  }

  /** As a step's outcome: whether every application made a request, in words that we know. */
  understood(): Promise<Outcome> {
    return this.#endpoint.fits();
  }

  async offer({ relation }: ShareRequest, place: Place): Promise<void> {
    await this.#endpoint.write(relation, "unit", place);
  }

  /** The password of a client. The leader makes one where there is none; until then it is undefined. */
  async password({ relation }: ShareRequest): Promise<string | undefined> {
    const secret = (await this.#found(relation)) ?? (await this.#made(relation));
    // Its owner wants the newest revision, also one that this hook made.
    return (await secret?.content({ refresh: true }))?.["password"];
  }

  async #found(relation: Relation): Promise<Secret | undefined> {
    try {
      return await this.#charm.model.secret({ label: this.#label(relation) });
    } catch (error) {
      if (error instanceof SecretNotFound) return undefined;
      throw error;
    }
  }

  async #made(relation: Relation): Promise<Secret | undefined> {
    const { model } = this.#charm;
    if (!(await model.unit.isLeader())) return undefined;
    const options = { label: this.#label(relation), rotate: "monthly" } as const;
    const secret = await model.addSecret({ password: newPassword() }, options);
    await secret.grant(relation);
    await this.#endpoint.write(relation, "app", { "secret-id": await secret.findId() });
    return secret;
  }

  async #rotate({ secret }: SecretEvent): Promise<void> {
    if (this.#isOurs(secret)) await secret.setContent({ password: newPassword() });
  }

  /** Every reader has gone on to a newer one. */
  async #removeOld({ secret, revision }: SecretEvent): Promise<void> {
    if (this.#isOurs(secret) && revision !== undefined) await secret.removeRevision(revision);
  }

  /** Nobody is left to read it. */
  async #forget(relation: Relation): Promise<void> {
    if (await this.#charm.model.unit.isLeader()) await (await this.#found(relation))?.remove();
  }

  #isOurs({ label }: Secret): boolean {
    return label?.startsWith(`${this.#endpoint.name}.`) === true;
  }

  #label({ id }: Relation): string {
    return `${this.#endpoint.name}.${id}`;
  }
}

import { type Charm, Endpoint, type Outcome, type Relation, type RelationEvents } from "@cantrip/lib";
import { provider, requirer } from "./schema.ts";
import type { Share } from "./share.ts";

/** What an application asked for. */
export interface ShareRequest {
  readonly client: string;
  readonly access: "read" | "write";
  readonly relation: Relation;
}

/** The side that has the files. */
export class ShareProvider {
  readonly on: RelationEvents;
  readonly #endpoint: Endpoint<typeof provider, typeof requirer>;

  constructor(charm: Charm, name: string) {
    this.#endpoint = new Endpoint(charm, name, { ours: provider, theirs: requirer });
    this.on = this.#endpoint.on;
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

  async offer({ relation }: ShareRequest, share: Share): Promise<void> {
    await this.#endpoint.write(relation, "unit", share);
  }
}

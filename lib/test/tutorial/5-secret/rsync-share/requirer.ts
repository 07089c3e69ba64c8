import {
  type Charm,
  Endpoint,
  EventSource,
  type Outcome,
  type Relation,
  type SecretEvent,
  blocked,
  done,
  wait,
} from "@cantrip/lib";
import { provider, requirer } from "./schema.ts";
import type { Share } from "./share.ts";

/** The side that wants the files. Declare its endpoint with `limit: 1`. */
export class ShareRequirer {
  readonly on: { readonly ready: EventSource<Share>; readonly gone: EventSource<void> };
  readonly #charm: Charm;
  readonly #endpoint: Endpoint<typeof requirer, typeof provider>;

  constructor(charm: Charm, name: string) {
    this.#charm = charm;
    this.#endpoint = new Endpoint(charm, name, { ours: requirer, theirs: provider });
    this.on = { ready: new EventSource(`${name}.ready`), gone: new EventSource(`${name}.gone`) };
    charm.framework.observe(this.#endpoint.on.changed, () => this.#changed());
    charm.framework.observe(charm.on.secretChanged, (event) => this.#newPassword(event));
    charm.framework.observe(this.#endpoint.on.broken, () => charm.framework.emit(this.on.gone, undefined));
  }

  /** Asks for the share. Only the leader can: the request is its application's. */
  async request(access: "read" | "write"): Promise<void> {
    const relation = await this.#relation();
    if (relation === undefined || !(await this.#charm.model.unit.isLeader())) return;
    await this.#endpoint.write(relation, "app", { access });
  }

  /** The share; undefined while there is none. */
  async share(): Promise<Share | undefined> {
    const relation = await this.#relation();
    const [unit] = (await relation?.units()) ?? [];
    if (relation === undefined || unit === undefined) return undefined;
    const place = await this.#endpoint.unit(relation, unit);
    const key = await this.#endpoint.app(relation);
    if (place.kind !== "fits" || key.kind !== "fits") return undefined;
    const secret = await this.#charm.model.secret({ id: key.value["secret-id"], label: this.#endpoint.name });
    const { password = "" } = await secret.content();
    return { ...place.value, password };
  }

  /** As a step's outcome: whether there is a share, and if not, who has to move. */
  async available(): Promise<Outcome> {
    const relation = await this.#relation();
    if (relation === undefined) return blocked(`integrate "${this.#endpoint.name}" with an application`);
    const fits = await this.#endpoint.fits();
    if (fits.kind !== "done") return fits;
    return (await this.share()) === undefined ? wait(`a share from ${relation.app}`) : done;
  }

  async #changed(): Promise<void> {
    const share = await this.share();
    if (share !== undefined) await this.#charm.framework.emit(this.on.ready, share);
  }

  /** A reader goes on to see the old revision until it asks for the new one. */
  async #newPassword({ secret }: SecretEvent): Promise<void> {
    if (secret.label !== this.#endpoint.name) return;
    await secret.content({ refresh: true });
    await this.#changed();
  }

  async #relation(): Promise<Relation | undefined> {
    const [relation] = await this.#endpoint.relations();
    return relation;
  }
}

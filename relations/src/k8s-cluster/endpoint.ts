/** What happens on an endpoint, as facts: `moved` (read how things stand), `leaving` (this unit goes), `gone` (the relation ends). */
import { EventSource, type Charm, type Framework, type Relation, type RelationEvent } from "@cantrip/lib";
import { TokenAllocator } from "./allocator.ts";
import { TokenClaimant } from "./claimant.ts";

export interface ClusterEvents {
  /** A unit or a bag came, changed or went. */
  readonly moved: EventSource<ClusterEvent>;
  /** This unit, or its application, is being removed: what the relation no longer lists has not left. */
  readonly leaving: EventSource<ClusterEvent>;
  /** The relation ends, for whatever reason. Never on a peer relation. */
  readonly gone: EventSource<ClusterEvent>;
}

export interface ClusterEvent {
  readonly relation: Relation;
}

/** Common to both sides: turns Juju's relation events into the three facts. */
abstract class ClusterEndpoint {
  readonly on: ClusterEvents;
  protected readonly charm: Charm;
  protected readonly endpoint: string;
  readonly #framework: Framework;

  constructor(charm: Charm, endpoint: string) {
    this.charm = charm;
    this.endpoint = endpoint;
    this.#framework = charm.framework;
    const source = (fact: string) => new EventSource<ClusterEvent>(`${endpoint}.${fact}`);
    this.on = { moved: source("moved"), leaving: source("leaving"), gone: source("gone") };
    const { created, joined, changed, departed, broken } = charm.on.relation(endpoint);
    for (const event of [created, joined, changed, departed])
      this.#framework.observe(event, (e) => this.#moved(e), { as: `${endpoint}.moved` });
    this.#framework.observe(broken, (e) => this.#emit(this.on.gone, e), { as: `${endpoint}.gone` });
  }

  #moved(event: RelationEvent): Promise<void> {
    const isOwnDeparture = event.departingUnit === this.charm.model.unit.name;
    return this.#emit(isOwnDeparture ? this.on.leaving : this.on.moved, event);
  }

  #emit(source: EventSource<ClusterEvent>, { relation }: RelationEvent): Promise<void> {
    return this.#framework.emit(source, { relation });
  }
}

/** The control plane's side, also of its peer relation. */
export class ClusterProvider extends ClusterEndpoint {
  /** One for each relation of the endpoint. */
  async allocators(): Promise<readonly TokenAllocator<Relation>[]> {
    const relations = await this.charm.model.relations(this.endpoint);
    return relations.map((relation) => this.allocator(relation));
  }

  allocator(relation: Relation): TokenAllocator<Relation> {
    const { app, unit } = this.charm.model;
    return new TokenAllocator(relation, this.charm.model, { app: app.name, unit: unit.name });
  }
}

/** The side of a unit that joins a cluster. */
export class ClusterRequirer extends ClusterEndpoint {
  /** Undefined while no control plane is integrated. */
  async claimant(): Promise<TokenClaimant<Relation> | undefined> {
    const [relation] = await this.charm.model.relations(this.endpoint);
    return relation && new TokenClaimant(relation, this.charm.model, this.charm.model.unit.name);
  }
}

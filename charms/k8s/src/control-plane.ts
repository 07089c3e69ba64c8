/** One unit of the control plane in one dispatch: the observed state that every step reads. */
import type { Relation } from "@cantrip/lib";
import { OwnNode, type Label, type NodePorts, type NodeUnit } from "@cantrip/charm-node";
import type { GetClusterConfigResponse } from "@cantrip/metadata/k8sd";
import { BootstrapClaim, clusterNameFor, type TokenAllocator } from "@cantrip/relations/k8s-cluster";
import type { K8sCharm } from "./charm.ts";
import { parseOptions, type ParsedOptions } from "./options.ts";

/** Both sides of a cluster run the same kind of node. */
export const NODE_KIND = "package";

export interface ControlPlaneFacts {
  readonly options: ParsedOptions;
  readonly isLeader: boolean;
  /** Undefined before the peer relation begins, as in the install hook. */
  readonly peers: TokenAllocator<Relation> | undefined;
  readonly workers: readonly TokenAllocator<Relation>[];
  /** A relation with workers that ends in this very hook. */
  readonly ending: TokenAllocator<Relation> | undefined;
}

export class ControlPlane implements NodeUnit {
  readonly own: OwnNode;
  readonly facts: ControlPlaneFacts;
  readonly clusterName: string;
  #stored: Promise<GetClusterConfigResponse> | undefined;

  constructor(charm: K8sCharm, ports: NodePorts, facts: ControlPlaneFacts) {
    this.own = new OwnNode(charm, ports);
    this.facts = facts;
    this.clusterName = clusterNameFor(charm.model.app.name, charm.model.uuid);
  }

  static async observe(charm: K8sCharm, ports: NodePorts, ending?: Relation): Promise<ControlPlane> {
    const [peers] = await charm.peers.allocators();
    return new ControlPlane(charm, ports, {
      options: parseOptions(await charm.model.config()),
      isLeader: await charm.model.unit.isLeader(),
      peers,
      workers: await charm.workers.allocators(),
      ending: ending && charm.workers.allocator(ending),
    });
  }

  get unit(): string {
    return this.own.charm.model.unit.name;
  }

  get labels(): readonly Label[] | undefined {
    return this.facts.options.ok ? this.facts.options.options.labels : undefined;
  }

  /** The bootstrap claim and the departed nodes, in the bag of the peer relation. */
  get shared(): BootstrapClaim | undefined {
    const { peers } = this.facts;
    return peers && new BootstrapClaim(peers.relation, this.own.charm.model.app.name);
  }

  get allocators(): readonly TokenAllocator<Relation>[] {
    const { peers, workers } = this.facts;
    return peers ? [peers, ...workers] : workers;
  }

  /** Whether this unit acts for the cluster: it leads, and its node is part of it. */
  async speaksForCluster(): Promise<boolean> {
    const { isLeader, peers } = this.facts;
    return isLeader && peers !== undefined && (await this.own.isMember());
  }

  /** What the cluster was made with and runs with. */
  storedConfig(): Promise<GetClusterConfigResponse> {
    this.#stored ??= this.own.ports.service.config();
    return this.#stored;
  }
}

/** One worker in one dispatch: the observed state that every step reads. */
import type { Relation } from "@cantrip/lib";
import {
  OwnNode,
  parseLabels,
  parseTaints,
  type Label,
  type NodePorts,
  type NodeUnit,
} from "@cantrip/charm-node";
import type { TokenClaimant } from "@cantrip/relations/k8s-cluster";
import type { K8sWorkerCharm } from "./charm.ts";

/** Both sides of a cluster run the same kind of node. */
export const NODE_KIND = "package";

export type ParsedOptions =
  { ok: true; labels: readonly Label[]; taints: readonly string[] } | { ok: false; problem: string };

export class Worker implements NodeUnit {
  readonly own: OwnNode;
  readonly options: ParsedOptions;
  /** Undefined while no control plane is integrated. */
  readonly cluster: TokenClaimant<Relation> | undefined;

  constructor(own: OwnNode, facts: { options: ParsedOptions; cluster: TokenClaimant<Relation> | undefined }) {
    this.own = own;
    this.options = facts.options;
    this.cluster = facts.cluster;
  }

  static async observe(charm: K8sWorkerCharm, ports: NodePorts): Promise<Worker> {
    const config = await charm.model.config();
    return new Worker(new OwnNode(charm, ports), {
      options: parseOptions({
        labels: config["node-labels"],
        taints: config["bootstrap-node-taints"],
      }),
      cluster: await charm.cluster.claimant(),
    });
  }

  get labels(): readonly Label[] | undefined {
    return this.options.ok ? this.options.labels : undefined;
  }
}

export function parseOptions(given: { labels: string; taints: string }): ParsedOptions {
  const labels = parseLabels(given.labels);
  const taints = parseTaints(given.taints);
  if (!labels.ok) return invalid("node-labels", "key=value", labels.token);
  if (!taints.ok) return invalid("bootstrap-node-taints", "key[=value]:Effect", taints.token);
  return { ok: true, labels: labels.labels, taints: taints.taints };
}

const invalid = (option: string, expected: string, token: string): ParsedOptions => ({
  ok: false,
  problem: `Invalid config on ${option}: expected ${expected}, got "${token}"`,
});

/** What a node's network must look like, from the Nodes of the cluster. Pure. */
import type { NodeObject } from "../kube/client.ts";

export interface NetworkPlan {
  /** This node's range of pod addresses, once the controller-manager has given it one. */
  readonly podCidr: string | undefined;
  /** Pod ranges of the other nodes and the addresses to send them to, sorted. */
  readonly routes: readonly Route[];
  /** Addresses of all nodes: pods reach them with their own addresses. */
  readonly nodes: readonly string[];
}
export interface Route {
  readonly cidr: string;
  readonly via: string;
}

export const addressOf = (node: NodeObject): string | undefined =>
  node.status?.addresses?.find(({ type, address }) => type === "InternalIP" && !address.includes(":"))
    ?.address;

export function planFor(name: string, nodes: readonly NodeObject[]): NetworkPlan {
  const own = nodes.find((node) => node.metadata.name === name);
  const routes = nodes.flatMap((node) => {
    const [cidr, via] = [node.spec.podCIDR, addressOf(node)];
    return node === own || !cidr || !via ? [] : [{ cidr, via }];
  });
  return {
    podCidr: own?.spec.podCIDR,
    routes: routes.sort((a, b) => (a.cidr < b.cidr ? -1 : 1)),
    nodes: nodes.flatMap((node) => addressOf(node) ?? []).sort(),
  };
}

/** The range that the controller-manager gives to the first node that it sees: the first /24. */
export const firstNodeRange = (podCidr: string): string => `${podCidr.split("/")[0]}/24`;

export const TABLE = "cantrip-k8s";

/** One rule: what leaves the cluster from a pod takes the node's address. The whole table is replaced at once. */
export function masqueradeRules(podCidr: string, nodes: readonly string[]): string {
  const elements = nodes.length > 0 ? ` elements = { ${nodes.join(", ")} };` : "";
  return `table ip ${TABLE}
delete table ip ${TABLE}
table ip ${TABLE} {
  set nodes { type ipv4_addr;${elements} }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${podCidr} ip daddr != ${podCidr} ip daddr != @nodes ip daddr != 224.0.0.0/4 masquerade
  }
}
`;
}

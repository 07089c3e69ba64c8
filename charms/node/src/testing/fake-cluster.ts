/** What a cluster is, as far as charms see it: nodes, tokens, configuration. */
import type {
  BootstrapConfig,
  ClusterStatus,
  GetClusterConfigResponse,
  UserFacingClusterConfig,
} from "@cantrip/metadata/k8sd";
import { ApiUnavailable, type KubernetesNode, type NodePatch } from "../kubernetes/api.ts";
import { NodeRefused } from "../service.ts";
import { FakeMachine } from "./fake-machine.ts";

export interface FakeNodeRecord {
  readonly role: "control-plane" | "worker";
  readonly address: string;
  node: KubernetesNode;
}

export class FakeCluster {
  readonly nodes = new Map<string, FakeNodeRecord>();
  readonly tokens = new Map<string, string>();
  bootstraps: { name: string; config: BootstrapConfig }[] = [];
  isApiUp = true;
  /** Features that k8sd reports as not deployed. */
  undeployed = new Set<string>();
  #config: GetClusterConfigResponse | undefined;
  #issued = 0;

  machine(name: string): FakeMachine {
    return new FakeMachine(this, name);
  }

  bootstrap(name: string, address: string, config: BootstrapConfig): void {
    this.bootstraps.push({ name, config });
    this.#config = {
      status: structuredClone(config["cluster-config"] ?? {}),
      datastore: { type: "etcd" },
      "pod-cidr": config["pod-cidr"] ?? "10.1.0.0/16",
      "service-cidr": config["service-cidr"] ?? "10.152.183.0/24",
    };
    this.register(name, "control-plane", address);
  }

  register(name: string, role: FakeNodeRecord["role"], address: string): void {
    const node = {
      ready: false,
      message: "starting",
      kubeletVersion: "v1.36.3",
      labels: {},
      annotations: {},
    };
    this.nodes.set(name, { role, address, node });
  }

  setReady(name: string, more: Partial<KubernetesNode> = {}): void {
    const record = this.nodes.get(name);
    if (record) record.node = { ...record.node, ready: true, message: "", ...more };
  }

  issueToken(name: string): string {
    if (this.nodes.has(name))
      throw new NodeRefused(
        `create a join token for ${name}`,
        500,
        `a node with this name is already part of the cluster: "${name}"`,
      );
    const token = `token-${++this.#issued}-for-${name}`;
    this.tokens.set(token, name);
    return token;
  }

  useToken(token: string, name: string): void {
    if (this.tokens.get(token) !== name)
      throw new NodeRefused(`join the cluster as ${name}`, 500, "invalid token");
    this.tokens.delete(token);
  }

  removeNode(name: string): void {
    this.nodes.delete(name);
    for (const [token, owner] of this.tokens) if (owner === name) this.tokens.delete(token);
  }

  get config(): GetClusterConfigResponse {
    if (!this.#config)
      throw new NodeRefused("read the configuration of the cluster", 503, "daemon not yet initialized");
    return structuredClone(this.#config);
  }

  change(change: UserFacingClusterConfig): void {
    const config = this.config;
    for (const [section, keys] of Object.entries(change))
      Object.assign(((config.status as Record<string, object>)[section] ??= {}), keys);
    this.#config = config;
  }

  status(): ClusterStatus {
    const { status: config } = this.config;
    const feature = (name: string, enabled = false) => ({ enabled: enabled && !this.undeployed.has(name) });
    const members = [...this.nodes].filter(([, { role }]) => role === "control-plane");
    return {
      ready: [...this.nodes.values()].some(({ node }) => node.ready),
      members: members.map(([name, { address }]) => ({ name, address, "cluster-role": "control-plane" })),
      config,
      datastore: { type: "etcd" },
      network: feature("network", config.network?.enabled),
      dns: feature("dns", config.dns?.enabled),
      ingress: {},
      "load-balancer": {},
      "local-storage": {},
      gateway: {},
      "metrics-server": {},
    };
  }

  node(name: string): KubernetesNode | undefined {
    if (!this.isApiUp) throw new ApiUnavailable(`Cannot read node ${name}: connect ECONNREFUSED`);
    return this.nodes.get(name)?.node;
  }

  patchNode(name: string, patch: NodePatch): void {
    const record = this.nodes.get(name);
    if (!record) return;
    const { labels, annotations } = record.node;
    record.node = {
      ...record.node,
      labels: merged(labels, patch.labels),
      annotations: merged(annotations, patch.annotations),
    };
  }
}

function merged(base: Readonly<Record<string, string>>, patch: Readonly<Record<string, string | null>>) {
  const entries = Object.entries({ ...base, ...patch });
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => entry[1] !== null));
}

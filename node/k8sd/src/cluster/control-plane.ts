/** A running control plane: its clients, its view of the Nodes, its controllers. Lives from bootstrap to leave. */
import type { UserFacingClusterConfig } from "@cantrip/metadata/k8sd";
import type { Identity } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { etcdClient, type EtcdClient } from "../etcd/client.ts";
import { nodeRights, revocationList, revocationPolicy } from "../features/access.ts";
import { FeatureController, type Pass } from "../features/controller.ts";
import type { FeatureContext } from "../features/feature.ts";
import { allFeatures } from "../features/registry.ts";
import { isReady, kubeClient, type KubeClient, type KubeObject, type NodeObject } from "../kube/client.ts";
import { NodeWatcher } from "../kube/nodes.ts";
import { messageOf } from "../base/errors.ts";
import { log } from "../base/log.ts";
import { firstNodeRange } from "../network/plan.ts";
import { NetworkAgent } from "../network/agent.ts";
import { readArguments } from "../node/arguments.ts";
import { readManifest } from "../node/package.ts";
import { releaseStaleLeases } from "./leases.ts";
import { resolveClusterConfig } from "./settings.ts";
import { Store } from "./store.ts";

export class ControlPlane {
  readonly paths: Paths;
  readonly identity: Identity;
  readonly kube: KubeClient;
  readonly etcd: EtcdClient;
  readonly store: Store;
  readonly features: FeatureController;
  readonly #network: NetworkAgent | undefined;
  readonly #watcher: NodeWatcher;
  readonly #ending = new AbortController();
  #nodes: readonly NodeObject[] = [];
  #nodeNames = "";
  #lastConfig: UserFacingClusterConfig = {};

  private constructor(paths: Paths, identity: Identity, clients: { kube: KubeClient; etcd: EtcdClient }) {
    this.paths = paths;
    this.identity = identity;
    this.kube = clients.kube;
    this.etcd = clients.etcd;
    this.store = new Store(clients.etcd, identity.clusterId);
    this.features = new FeatureController(this.#passes());
    this.#network = identity.settings.networkEnabled ? new NetworkAgent(paths, identity) : undefined;
    this.#watcher = new NodeWatcher(this.kube, (nodes) => this.#nodesChanged(nodes));
  }

  static async start(paths: Paths, identity: Identity): Promise<ControlPlane> {
    const { securePort, etcdPort } = identity.settings;
    const [kube, etcd] = await Promise.all([
      kubeClient(paths, securePort, "k8sd-client"),
      etcdClient(paths, etcdPort),
    ]);
    const plane = new ControlPlane(paths, identity, { kube, etcd });
    plane.features.wake();
    void plane.#watcher.run();
    void releaseStaleLeases(kube, identity.name, plane.#ending.signal);
    return plane;
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    this.#watcher.stop();
    await Promise.all([this.features.stop(), this.#network?.stop()]);
    this.kube.close();
    this.etcd.close();
  }

  /** The cluster's configuration; the last one known while etcd does not answer. */
  async config(): Promise<UserFacingClusterConfig> {
    try {
      this.#lastConfig = await this.store.config();
    } catch {
      // Status has to answer without etcd too; who changes the configuration reads it from the store.
    }
    return this.#lastConfig;
  }

  async featureContext(
    config: UserFacingClusterConfig,
    nodes: readonly NodeObject[],
  ): Promise<FeatureContext> {
    const manifest = await readManifest(this.paths.package);
    return {
      kube: this.kube,
      identity: this.identity,
      config,
      manifest,
      nodes,
      networkProblems: this.#network?.problems ?? [],
    };
  }

  /** True if the kubelet of this node was told the address that the DNS service really has. */
  async dnsAddressMatches(): Promise<boolean> {
    const { "--cluster-dns": told } = await readArguments(this.paths.args, "kubelet");
    const service = await this.kube
      .find<KubeObject & { spec: { clusterIP: string } }>("/api/v1/namespaces/kube-system/services/coredns")
      .catch(() => undefined);
    return service?.spec.clusterIP === told;
  }

  #nodesChanged(nodes: readonly NodeObject[]) {
    this.#nodes = nodes;
    this.#network?.update(nodes);
    void this.#rangeForFirstNode(nodes);
    const names = nodes
      .map((node) => `${node.metadata.name} ${isReady(node)}`)
      .sort()
      .join();
    if (names !== this.#nodeNames) this.features.wake();
    this.#nodeNames = names;
  }

  /**
   * Gives a lone node its range at once, the same that the controller-manager would give it seconds later. If that was
   * quicker, the API server refuses this, which is right.
   */
  async #rangeForFirstNode([node, ...others]: readonly NodeObject[]) {
    const { podCidr, networkEnabled } = this.identity.settings;
    if (!node || others.length > 0 || node.spec.podCIDR || !networkEnabled) return;
    const range = firstNodeRange(podCidr);
    const spec = { podCIDR: range, podCIDRs: [range] };
    await this.kube.mergePatch(`/api/v1/nodes/${node.metadata.name}`, { spec }).catch((error: unknown) => {
      log.info(`the range of ${node.metadata.name} is left to the controller-manager: ${messageOf(error)}`);
    });
  }

  #passes(): Pass[] {
    const features = allFeatures().map((feature): Pass => ({
      name: feature.name,
      run: async () => feature.converge(await this.#context()),
    }));
    return [
      ...features,
      { name: "access", run: () => this.#grantAccess() },
      { name: "labels", run: () => this.#labelNodes() },
    ];
  }

  async #context(): Promise<FeatureContext> {
    const config = resolveClusterConfig(await this.store.config(), this.identity.settings);
    return this.featureContext(config, this.#nodes);
  }

  async #grantAccess() {
    const objects = [revocationList(await this.store.revoked()), ...nodeRights(), ...revocationPolicy()];
    await Promise.all(objects.map((object) => this.kube.apply(object)));
  }

  /** Labels that a kubelet may not give itself. What a node is, our record says, not the node. */
  async #labelNodes() {
    const rows = await this.store.nodes();
    for (const { name, role } of rows) {
      const node = this.#nodes.find(({ metadata }) => metadata.name === name);
      const wanted = {
        "node-role.kubernetes.io/worker": "",
        ...(role === "control-plane" && { "node-role.kubernetes.io/control-plane": "" }),
        "k8sd.io/role": role,
      };
      const labels = node?.metadata.labels ?? {};
      const differs = Object.entries(wanted).some(([key, value]) => labels[key] !== value);
      if (node && differs)
        await this.kube.mergePatch(`/api/v1/nodes/${name}`, { metadata: { labels: wanted } });
    }
  }
}

/** A running control plane: its clients, its view of the Nodes, its controllers. Lives from bootstrap to leave. */
import { setTimeout as sleep } from "node:timers/promises";
import type { UserFacingClusterConfig } from "@cantrip/metadata/k8sd";
import type { ClusterSettings, Identity } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { endpointsFor, etcdClient, etcdTls, type EtcdClient } from "../etcd/client.ts";
import { adminRights, nodeRights, revocationList, revocationPolicy } from "../features/access.ts";
import { FeatureController, type Pass } from "../features/controller.ts";
import type { FeatureContext } from "../features/feature.ts";
import { allFeatures } from "../features/registry.ts";
import { isReady, kubeClient, type KubeClient, type KubeObject, type NodeObject } from "../kube/client.ts";
import { NodeWatcher } from "../kube/nodes.ts";
import { Coalesced, Turns } from "../base/coalesce.ts";
import { ApiError, messageOf } from "../base/errors.ts";
import { log } from "../base/log.ts";
import { firstNodeRange } from "../network/plan.ts";
import { NodeNetwork } from "../network/agent.ts";
import { changeArguments, readArguments } from "../node/arguments.ts";
import { datastoreArguments } from "../node/components.ts";
import { readManifest } from "../node/package.ts";
import { restart } from "../node/services.ts";
import { adminGenerationOf, adminGroup, FIRST_ADMINS } from "../pki/admins.ts";
import { refreshControlPlane, renewable, type Selection } from "../pki/refresh.ts";
import { leavesOf } from "../pki/status.ts";
import { suppliedAmong, writeSuppliedLeaves, type Supplied } from "../pki/supplied.ts";
import { forgetStrayJoins } from "./admit.ts";
import { tlsOf, writeConnection, type Connection } from "./datastore.ts";
import { Maintenance } from "./maintenance.ts";
import { Leadership } from "./leadership.ts";
import { releaseStaleLeases } from "./leases.ts";
import { resolveClusterConfig, withClusterConfig } from "./settings.ts";
import { Reporter, Reports } from "./reports.ts";
import { Standing } from "./standing.ts";
import { Store, type AdminRow } from "./store.ts";
import type { Upwards } from "./upwards.ts";

/** The administrator's certificate, as certs-status calls it. */
const ADMIN = "admin.conf";
/** The API server's, which names it within the cluster's domain. */
const API_SERVER = "apiserver";

export class ControlPlane {
  readonly paths: Paths;
  readonly kube: KubeClient;
  readonly etcd: EtcdClient;
  readonly store: Store;
  readonly features: FeatureController;
  readonly #network: NodeNetwork;
  readonly #watcher: NodeWatcher;
  readonly #leadership: Leadership;
  /** Others look after an external datastore. */
  readonly #maintenance: Maintenance | undefined;
  readonly #standing: Standing;
  readonly #reporter: Reporter;
  readonly reports = new Reports();
  readonly #upwards: Upwards;
  /** Two refreshes at once would leave keys of one beside certificates of the other. */
  readonly #refreshes = new Turns();
  readonly #changes = new Coalesced(() => this.#storeChanged());
  readonly #ending = new AbortController();
  #nodes: readonly NodeObject[] = [];
  #nodeNames = "";
  #lastConfig: UserFacingClusterConfig = {};

  private constructor(
    paths: Paths,
    identity: Identity,
    upwards: Upwards,
    clients: { kube: KubeClient; etcd: EtcdClient },
  ) {
    this.paths = paths;
    this.#upwards = upwards;
    this.kube = clients.kube;
    this.etcd = clients.etcd;
    this.store = new Store(clients.etcd, identity.clusterId);
    this.features = new FeatureController(this.#passes());
    this.#network = new NodeNetwork(paths, () => upwards.identity());
    this.#watcher = new NodeWatcher(this.kube, (nodes) => this.#nodesChanged(nodes));
    this.#leadership = new Leadership({
      etcd: this.etcd,
      store: this.store,
      name: identity.name,
      onGained: () => this.features.lead(),
      onLost: () => this.features.resign(),
    });
    const isManaged = identity.datastore.type === "etcd";
    this.#maintenance = isManaged ? new Maintenance(this.etcd, endpointsFor(identity)[0]!) : undefined;
    this.#reporter = new Reporter(
      paths,
      () => upwards.identity(),
      () => this.#network.problems,
    );
    this.#standing = new Standing({
      paths,
      identity: () => upwards.identity(),
      isInDoubt: async () => !(await this.#isPartOfQuorum()),
      onRemoved: () => upwards.onRemoved(),
      onSuperseded: (generation, address) => upwards.onSuperseded(generation, address),
      onSettings: () => undefined,
    });
  }

  static async start(paths: Paths, identity: Identity, upwards: Upwards): Promise<ControlPlane> {
    const [kube, etcd] = await Promise.all([
      kubeClient(paths, identity.settings.securePort, "k8sd-client"),
      etcdClient(paths, identity),
    ]);
    const plane = new ControlPlane(paths, identity, upwards, { kube, etcd });
    plane.#leadership.start();
    plane.#maintenance?.start();
    void plane.#followStore();
    void plane.#watcher.run();
    void releaseStaleLeases(kube, identity.name, plane.#ending.signal);
    return plane;
  }

  get identity(): Identity {
    return this.#upwards.identity();
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    this.#standing.stop();
    this.#reporter.stop();
    this.#watcher.stop();
    await Promise.all([
      this.#leadership.stop(),
      this.#maintenance?.stop(),
      this.#changes.stop(),
      this.#refreshes.stop(),
      this.features.stop(),
      this.#network.stop(),
    ]);
    this.kube.close();
    this.etcd.close();
  }

  /** Uses another connection to the external datastore: k8sd at once, the API server after a restart if it changed. */
  async takeConnection(connection: Connection): Promise<void> {
    await writeConnection(this.paths, connection);
    await this.#upwards.onServers(connection.servers);
    const changes = datastoreArguments(this.paths, this.identity);
    await changeArguments(this.paths.args, "kube-apiserver", changes);
    this.etcd.reconnect(connection.servers, tlsOf(connection));
    log.info(`the datastore is at ${connection.servers.join(", ")} now`);
    await restart("kube-apiserver");
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
      networkProblems: [
        ...this.#network.problems.map((problem) => `${this.identity.name}: ${problem}`),
        ...this.reports.problems(),
      ],
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

  /** Woken by every change of what the cluster shares: its configuration, its nodes, what was revoked. */
  async #followStore() {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        await this.store.watch(() => this.#changes.request(), signal);
      } catch (error) {
        if (!signal.aborted) log.debug(`cannot follow the cluster's store: ${messageOf(error)}`);
      }
      await sleep(1_000, undefined, { signal }).catch(() => undefined);
    }
  }

  async #storeChanged() {
    this.features.wake();
    const rows = await this.store.nodes().catch(() => []);
    const planes = rows.filter(({ role, state }) => role === "control-plane" && state === "joined");
    await this.#upwards.onPeers(planes.map(({ address }) => `${address}:6400`).sort());
    this.etcd.use(endpointsFor(this.identity));
    const config = await this.store.config().catch(() => undefined);
    if (config) this.#upwards.onSettings(withClusterConfig(this.identity.settings, config));
    await this.#followAdmins().catch((error: unknown) => log.warning(`admin.conf: ${messageOf(error)}`));
  }

  /** Does what follows from settings beyond arguments and services. */
  async takeSettings(from: readonly ClusterSettings[]): Promise<void> {
    await this.#network.takeSettings();
    const { supplied, externalAuthorities, settings } = this.identity;
    const isOurs = !supplied.includes(API_SERVER) && !externalAuthorities.includes("kubernetes");
    if (isOurs && from.some(({ clusterDomain }) => clusterDomain !== settings.clusterDomain))
      await this.refreshCertificates({ names: [API_SERVER] });
    this.features.wake();
  }

  /** New keys and certificates, and their use by this daemon; the components read theirs by themselves. */
  refreshCertificates(selection: Selection): Promise<void> {
    return this.#refreshes.inTurn(async () => {
      const group = adminGroup(await this.store.adminGeneration());
      await refreshControlPlane(this.paths, this.identity, selection, group);
      await this.#useCertificates();
    });
  }

  async #useCertificates() {
    await this.kube.renew(this.paths, "k8sd-client");
    this.etcd.renew(await etcdTls(this.paths, this.identity));
    await this.#upwards.onCertificates();
  }

  /** Certificates that an operator brings, checked; the others are made anew, as far as they can be. */
  takeCertificates(config: Supplied): Promise<void> {
    return this.#refreshes.inTurn(async () => {
      const { paths, identity } = this;
      const leaves = leavesOf(identity);
      await writeSuppliedLeaves(paths, config, leaves);
      const supplied = [...identity.supplied, ...suppliedAmong(config, leaves)];
      const names = renewable({ ...identity, supplied }, []);
      const group = adminGroup(await this.store.adminGeneration());
      await refreshControlPlane(paths, identity, { names }, group);
      await this.#useCertificates();
    });
  }

  /** Takes every right from all copies of the administrator's credential; this node's is made anew at once. */
  async revokeAdmins(): Promise<number> {
    if (this.identity.settings.disableRbac)
      throw new ApiError(
        400,
        "Cannot revoke administrators: this cluster was made with disable-rbac, where everyone may do everything",
      );
    if (this.identity.supplied.includes(ADMIN))
      throw new ApiError(
        400,
        "Cannot revoke administrators: the administrator's certificate was brought from outside; take its rights where it was made",
      );
    const row = await this.store.update<AdminRow>("admin", (current) => ({
      generation: (current?.generation ?? FIRST_ADMINS) + 1,
    }));
    const { generation } = row!;
    await Promise.all(adminRights(generation).map((object) => this.kube.apply(object)));
    log.info(`administrators of generation ${generation} count from now on`);
    await this.#followAdmins();
    return generation;
  }

  #followAdmins(): Promise<void> {
    return this.#refreshes.inTurn(async () => {
      if (this.identity.supplied.includes(ADMIN)) return;
      const wanted = await this.store.adminGeneration();
      if ((await adminGenerationOf(this.paths)) === wanted) return;
      await refreshControlPlane(this.paths, this.identity, { names: [ADMIN] }, adminGroup(wanted));
    });
  }

  async #isPartOfQuorum(): Promise<boolean> {
    const own = this.etcd.only(endpointsFor(this.identity)[0]!);
    try {
      return await own.isHealthy();
    } catch {
      return false;
    } finally {
      own.close();
    }
  }

  #nodesChanged(nodes: readonly NodeObject[]) {
    this.#nodes = nodes;
    this.#network.update(nodes);
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
      { name: "joins", run: () => forgetStrayJoins(this) },
    ];
  }

  async #context(): Promise<FeatureContext> {
    const config = resolveClusterConfig(await this.store.config(), this.identity.settings);
    return this.featureContext(config, this.#nodes);
  }

  async #grantAccess() {
    const objects = [
      revocationList(await this.store.revoked()),
      ...adminRights(await this.store.adminGeneration()),
      ...nodeRights(),
      ...revocationPolicy(),
    ];
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

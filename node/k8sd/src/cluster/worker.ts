/**
 * A running worker: it follows the Nodes with its own credential, keeps its part of the pod network and the addresses of
 * the control planes, and finds out if it was removed while it was away.
 */
import { Turns } from "../base/coalesce.ts";
import type { Identity } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { kubeClient, type KubeClient, type NodeObject } from "../kube/client.ts";
import { NodeWatcher } from "../kube/nodes.ts";
import { NodeNetwork } from "../network/agent.ts";
import { addressOf } from "../network/plan.ts";
import { refreshWorker, type Selection } from "../pki/refresh.ts";
import { leavesOf } from "../pki/status.ts";
import { writeSuppliedLeaves, type Supplied } from "../pki/supplied.ts";
import { RENEW_PATH, type RenewReply } from "./joining.ts";
import { callPeer, ownTls } from "./peer.ts";
import { Reporter } from "./reports.ts";
import { Standing } from "./standing.ts";
import type { Upwards } from "./upwards.ts";

export class Worker {
  readonly #paths: Paths;
  readonly #kube: KubeClient;
  readonly #network: NodeNetwork;
  readonly #watcher: NodeWatcher;
  readonly #standing: Standing;
  readonly #reporter: Reporter;
  readonly #refreshes = new Turns();
  readonly #upwards: Upwards;
  #isListed = false;

  private constructor(paths: Paths, identity: Identity, kube: KubeClient, upwards: Upwards) {
    this.#paths = paths;
    this.#kube = kube;
    this.#upwards = upwards;
    this.#network = new NodeNetwork(paths, () => upwards.identity());
    this.#watcher = new NodeWatcher(kube, (nodes) => this.#nodesChanged(nodes));
    this.#reporter = new Reporter(
      paths,
      () => upwards.identity(),
      () => this.#network.problems,
    );
    this.#standing = new Standing({
      paths,
      identity: () => upwards.identity(),
      // A Node that is not there may be one that was removed.
      isInDoubt: () => Promise.resolve(!this.#isListed),
      onRemoved: () => upwards.onRemoved(),
      onSuperseded: (generation, address) => upwards.onSuperseded(generation, address),
      onSettings: (settings) => upwards.onSettings(settings),
    });
  }

  static async start(paths: Paths, identity: Identity, upwards: Upwards): Promise<Worker> {
    const kube = await kubeClient(paths, identity.settings.securePort, "k8sd-node-client");
    const worker = new Worker(paths, identity, kube, upwards);
    void worker.#watcher.run();
    return worker;
  }

  async stop(): Promise<void> {
    this.#standing.stop();
    this.#reporter.stop();
    await this.#refreshes.stop();
    this.#watcher.stop();
    await this.#network.stop();
    this.#kube.close();
  }

  /** Does what follows from settings beyond arguments and services. */
  takeSettings = (): Promise<void> => this.#network.takeSettings();

  /** Asks a control plane how the cluster is, now. */
  askAgain(): void {
    this.#standing.askAgain();
  }

  /** New keys, signed by a control plane because of the certificate that this node has now. */
  refreshCertificates(selection: Selection): Promise<void> {
    return this.#refreshes.inTurn(async () => {
      await refreshWorker(this.#paths, this.#upwards.identity(), selection, (requests, lifetimeMs) =>
        this.#sign(requests, lifetimeMs),
      );
      await this.#kube.renew(this.#paths, "k8sd-node-client");
      await this.#upwards.onCertificates();
    });
  }

  /** Certificates that an operator brings, checked; the daemon's own stay as they are. */
  takeCertificates(config: Supplied): Promise<void> {
    return this.#refreshes.inTurn(() =>
      writeSuppliedLeaves(this.#paths, config, leavesOf(this.#upwards.identity())),
    );
  }

  async #sign(requests: Readonly<Record<string, string>>, lifetimeMs: number) {
    const tls = await ownTls(this.#paths);
    const body = { requests, seconds: Math.round(lifetimeMs / 1000) };
    let last: unknown = new Error("no control plane is known");
    for (const address of this.#upwards.identity().peers)
      try {
        const call = { address, tls, path: RENEW_PATH, body, timeoutMs: 20_000 };
        return (await callPeer<RenewReply>(call)).certificates;
      } catch (error) {
        last = error;
      }
    throw last;
  }

  #nodesChanged(nodes: readonly NodeObject[]) {
    this.#isListed = nodes.some(({ metadata }) => metadata.name === this.#upwards.identity().name);
    this.#network.update(nodes);
    const planes = nodes.filter(({ metadata }) => metadata.labels?.["k8sd.io/role"] === "control-plane");
    void this.#upwards.onPeers(planes.flatMap((node) => addressOf(node) ?? []).map((ip) => `${ip}:6400`));
  }
}

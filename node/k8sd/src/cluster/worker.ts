/** A running worker: it follows the Nodes with its own credential and keeps its part of the pod network. */
import type { Identity } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { kubeClient, type KubeClient } from "../kube/client.ts";
import { NodeWatcher } from "../kube/nodes.ts";
import { NetworkAgent } from "../network/agent.ts";

export class Worker {
  readonly identity: Identity;
  readonly #kube: KubeClient;
  readonly #network: NetworkAgent | undefined;
  readonly #watcher: NodeWatcher;

  private constructor(paths: Paths, identity: Identity, kube: KubeClient) {
    this.identity = identity;
    this.#kube = kube;
    this.#network = identity.settings.networkEnabled ? new NetworkAgent(paths, identity) : undefined;
    this.#watcher = new NodeWatcher(kube, (nodes) => this.#network?.update(nodes));
  }

  static async start(paths: Paths, identity: Identity): Promise<Worker> {
    const kube = await kubeClient(paths, identity.settings.securePort, "k8sd-node-client");
    const worker = new Worker(paths, identity, kube);
    void worker.#watcher.run();
    return worker;
  }

  async stop(): Promise<void> {
    this.#watcher.stop();
    await this.#network?.stop();
    this.#kube.close();
  }
}

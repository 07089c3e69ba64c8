/**
 * A running worker: it follows the Nodes with its own credential, keeps its part of the pod network, and finds out if it
 * was removed while it was away.
 */
import { messageOf } from "../base/errors.ts";
import type { Identity } from "../base/identity.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";
import { kubeClient, type KubeClient, type NodeObject } from "../kube/client.ts";
import { NodeWatcher } from "../kube/nodes.ts";
import { NetworkAgent } from "../network/agent.ts";
import { MEMBER_PATH } from "./joining.ts";
import { callPeer, ownTls } from "./peer.ts";

const ASK_EVERY_MS = 15_000;

export class Worker {
  readonly identity: Identity;
  readonly #paths: Paths;
  readonly #kube: KubeClient;
  readonly #network: NetworkAgent | undefined;
  readonly #watcher: NodeWatcher;
  readonly #onRemoved: () => void;
  readonly #timer: NodeJS.Timeout;
  #isListed = false;

  private constructor(paths: Paths, identity: Identity, kube: KubeClient, onRemoved: () => void) {
    this.#paths = paths;
    this.identity = identity;
    this.#kube = kube;
    this.#onRemoved = onRemoved;
    this.#network = identity.settings.networkEnabled ? new NetworkAgent(paths, identity) : undefined;
    this.#watcher = new NodeWatcher(kube, (nodes) => this.#nodesChanged(nodes));
    this.#timer = setInterval(() => void this.#askIfUnlisted(), ASK_EVERY_MS).unref();
  }

  /** `onRemoved` is called when a control plane says that this node was removed from the cluster. */
  static async start(paths: Paths, identity: Identity, onRemoved: () => void): Promise<Worker> {
    const kube = await kubeClient(paths, identity.settings.securePort, "k8sd-node-client");
    const worker = new Worker(paths, identity, kube, onRemoved);
    void worker.#watcher.run();
    return worker;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#watcher.stop();
    await this.#network?.stop();
    this.#kube.close();
  }

  #nodesChanged(nodes: readonly NodeObject[]) {
    this.#isListed = nodes.some(({ metadata }) => metadata.name === this.identity.name);
    this.#network?.update(nodes);
  }

  /** A Node that is not there may be one that was removed: only a control plane's plain word counts as that. */
  async #askIfUnlisted() {
    if (this.#isListed || this.identity.journal) return;
    const { peers, credential } = this.identity;
    for (const address of peers) {
      try {
        const call = {
          address,
          tls: await ownTls(this.#paths),
          path: MEMBER_PATH,
          body: { credential },
          timeoutMs: 5_000,
        };
        const { member } = await callPeer<{ member: boolean }>(call);
        if (!member) this.#onRemoved();
        return;
      } catch (error) {
        log.info(`cannot ask ${address} about this node's membership: ${messageOf(error)}`);
      }
    }
  }
}

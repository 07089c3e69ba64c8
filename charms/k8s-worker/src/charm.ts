/** A worker. The constructor is the table of contents; nearly every event leads to `#converge`. */
import { Charm, blocked, done, reconcile, type Framework, type Track } from "@cantrip/lib";
import {
  KUBELET_KUBECONFIG,
  OwnNode,
  awaitDaemon,
  awaitRemoval,
  checkNode,
  findNode,
  installPackage,
  labelNode,
  leave,
  realPorts,
  tolerantly,
  watchNode,
  type NodePorts,
} from "@cantrip/charm-node";
import { ClusterRequirer } from "@cantrip/relations/k8s-cluster";
import type { Declared } from "./generated/charm-types.ts";
import { confirmJoin, joinCluster, requestToken, requireCluster } from "./join.ts";
import { Worker } from "./worker.ts";

const TRACKS: readonly Track<Worker>[] = [
  {
    name: "options",
    steps: [{ name: "check options", run: ({ options }) => (options.ok ? done : blocked(options.problem)) }],
  },
  {
    name: "own node",
    steps: tolerantly<Worker>(
      installPackage,
      requireCluster,
      requestToken,
      awaitDaemon,
      joinCluster,
      confirmJoin,
      watchNode,
      findNode,
      labelNode,
      checkNode,
    ),
  },
];

/** Facts that Juju shows in one hook only, so they are kept: this unit is on its way out; its relation has ended. */
const LEAVING = "leaving";
const LEFT = "left-cluster";
/** The control plane hears of the end of the relation after the hook of it. */
const AFTER_BROKEN_SECONDS = 2;

export class K8sWorkerCharm extends Charm<Declared> {
  readonly cluster = new ClusterRequirer(this, "cluster");
  readonly #ports: NodePorts;

  constructor(framework: Framework, ports?: NodePorts) {
    super(framework);
    this.#ports = ports ?? realPorts(this.model.unit.name, KUBELET_KUBECONFIG);
    const converge = () => this.#converge();
    for (const event of [
      this.on.install,
      this.on.start,
      this.on.configChanged,
      this.on.upgradeCharm,
      this.on.updateStatus,
      this.on.secretChanged,
    ])
      framework.observe(event, converge);
    framework.observe(this.cluster.on.moved, converge);
    framework.observe(this.cluster.on.gone, () => this.#left());
    framework.observe(this.cluster.on.leaving, () => this.stored.set(LEAVING, true));
    framework.observe(this.on.stop, () => this.#stop());
    framework.observe(this.on.remove, () => this.#remove());
  }

  async #converge(): Promise<void> {
    if (this.stored.get(LEAVING)) return;
    if (this.stored.get(LEFT) && !(await this.#leaveCluster())) return;
    const worker = await Worker.observe(this, this.#ports);
    const setStatus = this.model.unit.setStatus.bind(this.model.unit);
    try {
      const { status } = await reconcile(TRACKS, worker, {
        onStep: ({ name }) => setStatus({ status: "maintenance", message: name }),
      });
      await setStatus(status.status === "active" ? { ...status, message: "Ready" } : status);
    } finally {
      await worker.own.armWake();
    }
  }

  /** Its relation has ended, so it belongs to no cluster; but taking it out is for the control plane, which hears of it now. */
  async #left(): Promise<void> {
    if (this.stored.get(LEAVING)) return;
    this.stored.set(LEFT, true);
    await this.#ports.waker.wakeAfter(AFTER_BROKEN_SECONDS);
    await this.model.unit.setStatus({
      status: "waiting",
      message: "The control plane to take this node out",
    });
  }

  /** The next relation finds the node as new; until all of the old one is gone there is none. */
  async #leaveCluster(): Promise<boolean> {
    const own = new OwnNode(this, this.#ports);
    await this.model.unit.setStatus({ status: "maintenance", message: "leave cluster" });
    await awaitRemoval(own);
    const isClean = await leave(own);
    if (isClean) this.stored.delete(LEFT);
    else
      await this.model.unit.setStatus({
        status: "blocked",
        message: "The node could not be removed: see the log",
      });
    return isClean;
  }

  async #stop(): Promise<void> {
    this.stored.set(LEAVING, true);
    const own = new OwnNode(this, this.#ports);
    await awaitRemoval(own);
    await leave(own);
  }

  /** Again, in case that stopping was cut off. */
  async #remove(): Promise<void> {
    this.stored.set(LEAVING, true);
    await leave(new OwnNode(this, this.#ports));
  }
}

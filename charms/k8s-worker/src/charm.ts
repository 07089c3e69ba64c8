/** A worker. The constructor is the table of contents; nearly every event leads to `#converge`. */
import { Charm, blocked, done, reconcile, type Framework, type Track } from "@cantrip/lib";
import {
  KUBELET_KUBECONFIG,
  OwnNode,
  awaitDaemon,
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

/** Set when this unit is on its way out. Juju shows it in one hook only, so it is kept. */
const LEAVING = "leaving";

export class K8sWorkerCharm extends Charm {
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
    framework.observe(this.cluster.on.gone, () => this.#leaveCluster());
    framework.observe(this.cluster.on.leaving, () => this.#leaveForGood());
    framework.observe(this.on.stop, () => this.#leaveForGood());
    framework.observe(this.on.remove, () => this.#leaveForGood());
  }

  async #converge(): Promise<void> {
    if (this.stored.get(LEAVING)) return;
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

  /** Without its relation a worker belongs to no cluster; the next one finds it as new. */
  async #leaveCluster(): Promise<void> {
    const isClean = await leave(new OwnNode(this, this.#ports));
    if (this.stored.get(LEAVING)) return;
    await this.model.unit.setStatus(
      isClean
        ? {
            status: "blocked",
            message: "Missing cluster integration: integrate with a control plane (cluster)",
          }
        : { status: "blocked", message: "The node could not be removed: see the log, then remove this unit" },
    );
  }

  async #leaveForGood(): Promise<void> {
    this.stored.set(LEAVING, true);
    await leave(new OwnNode(this, this.#ports));
  }
}

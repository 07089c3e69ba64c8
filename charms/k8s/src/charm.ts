/** The control plane. The constructor is the table of contents; nearly every event leads to `#converge`. */
import { Charm, reconcile, type Framework, type Relation, type Track } from "@cantrip/lib";
import { ADMIN_KUBECONFIG, OwnNode, leave, realPorts, type NodePorts } from "@cantrip/charm-node";
import { ClusterProvider, type ClusterEvent } from "@cantrip/relations/k8s-cluster";
import { getKubeconfig } from "./action-get-kubeconfig.ts";
import { ControlPlane } from "./control-plane.ts";
import { configurationTrack } from "./features.ts";
import type { Declared } from "./generated/charm-types.ts";
import { leaveCluster } from "./leave-cluster.ts";
import { departuresTrack } from "./track-departures.ts";
import { bootstrapOptionsTrack, optionsTrack } from "./track-options.ts";
import { ownNodeTrack } from "./track-own-node.ts";
import { tokensTrack } from "./track-tokens.ts";

const TRACKS: readonly Track<ControlPlane>[] = [
  optionsTrack,
  ownNodeTrack,
  bootstrapOptionsTrack,
  departuresTrack,
  configurationTrack,
  tokensTrack,
];

/** Set when this unit is on its way out. Juju shows it in one hook only, so it is kept. */
const LEAVING = "leaving";

export class K8sCharm extends Charm<Declared> {
  readonly peers = new ClusterProvider(this, "cluster");
  readonly workers = new ClusterProvider(this, "k8s-cluster");
  readonly #ports: NodePorts;

  constructor(framework: Framework, ports?: NodePorts) {
    super(framework);
    this.#ports = ports ?? realPorts(this.model.unit.name, ADMIN_KUBECONFIG);
    const converge = () => this.#converge();
    for (const event of [
      this.on.install,
      this.on.start,
      this.on.configChanged,
      this.on.leaderElected,
      this.on.upgradeCharm,
      this.on.updateStatus,
    ])
      framework.observe(event, converge);
    for (const { on } of [this.peers, this.workers]) {
      framework.observe(on.moved, converge);
      framework.observe(on.leaving, () => this.stored.set(LEAVING, true));
    }
    framework.observe(this.workers.on.gone, ({ relation }: ClusterEvent) => this.#converge(relation));
    framework.observe(this.on.stop, () => this.#leave(leaveCluster));
    // Again, in case that stopping was cut off.
    framework.observe(this.on.remove, () => this.#leave(leave));
    framework.observe(this.on.action("get-kubeconfig"), (event) => getKubeconfig(this, this.#ports, event));
  }

  async #converge(ending?: Relation): Promise<void> {
    if (this.stored.get(LEAVING)) return;
    const unit = await ControlPlane.observe(this, this.#ports, ending);
    const setStatus = this.model.unit.setStatus.bind(this.model.unit);
    try {
      const { status } = await reconcile(TRACKS, unit, {
        onStep: ({ name }) => setStatus({ status: "maintenance", message: name }),
      });
      await setStatus(status.status === "active" ? { ...status, message: "Ready" } : status);
    } finally {
      await unit.own.armWake();
    }
  }

  async #leave(by: (own: OwnNode) => Promise<unknown>): Promise<void> {
    this.stored.set(LEAVING, true);
    await by(new OwnNode(this, this.#ports));
  }
}

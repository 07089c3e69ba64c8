/** Steps that control planes and workers share: from the package to a Node that is Ready. */
import { blocked, done, wait, type Outcome, type Step } from "@cantrip/lib";
import { labelPatch } from "./labels.ts";
import type { Label } from "./options/pairs.ts";
import type { OwnNode } from "./own-node.ts";
import { UnusablePackage } from "./package/manifest.ts";
import { KUBELET_KUBECONFIG } from "./ports.ts";
import { NodeUnavailable } from "./service.ts";
import { until } from "./until.ts";

export interface NodeUnit {
  readonly own: OwnNode;
  /** Undefined while the options are not valid: then labels stay as they are. */
  readonly labels: readonly Label[] | undefined;
}

/** A daemon that was only just installed is due in moments; one that is down for longer is for the next hook. */
const DAEMON_START_MS = 8_000;

export const installPackage: Step<NodeUnit> = {
  name: "install node package",
  async run({ own }) {
    try {
      // While k8sd does not answer, the node may well be part of a cluster: then nothing is replaced.
      const joined = await own.isMember().catch(() => true);
      const resource = await own.charm.model.resource("node-package");
      const { manifest, fresh } = await own.ports.nodePackage.ensure(resource, joined);
      own.manifest = manifest;
      if (fresh) own.forgetIdentity();
      await own.charm.model.unit.setWorkloadVersion(manifest.kubernetesVersion);
      return done;
    } catch (error) {
      if (error instanceof UnusablePackage) return blocked(error.message);
      throw error;
    }
  },
};

export const awaitDaemon: Step<NodeUnit> = {
  name: "await k8sd",
  async run({ own }) {
    const answers = () =>
      own.identity().then(
        () => true,
        (error: unknown) => {
          if (error instanceof NodeUnavailable && error.effect === "none") return false;
          throw error;
        },
      );
    await until("k8sd answers", answers, { timeoutMs: DAEMON_START_MS });
    return done;
  },
};

export const watchNode: Step<NodeUnit> = {
  name: "watch node",
  async run({ own }) {
    await own.ports.waker.watchNode({ node: own.name, kubeconfig: KUBELET_KUBECONFIG });
    return done;
  },
};

export const findNode: Step<NodeUnit> = {
  name: "find node in the API",
  async run({ own }) {
    own.kubernetesNode = await own.ports.api.node(own.name);
    return own.kubernetesNode ? done : wait(`Node ${own.name} is not registered yet`);
  },
};

export const labelNode: Step<NodeUnit> = {
  name: "label node",
  when: ({ labels }) => labels !== undefined,
  async run({ own, labels }) {
    const { model, metadata } = own.charm;
    const always = { "juju-application": model.app.name, "juju-charm": metadata.name };
    const patch = labelPatch(own.kubernetesNode!, labels ?? [], always);
    if (patch) await own.ports.api.patchNode(own.name, patch);
    return done;
  },
};

/** The measure of "active": Ready, and at the version that this unit says it runs. */
export const checkNode: Step<NodeUnit> = {
  name: "check node",
  run: ({ own }) => healthOf(own),
};

function healthOf({ name, kubernetesNode: node, manifest }: OwnNode): Outcome {
  if (!node?.ready) return wait(`Node ${name} is not ready`);
  const version = node.kubeletVersion.replace(/^v/u, "");
  return version === manifest?.kubernetesVersion
    ? done
    : wait(
        `Node ${name} runs ${version || "an unknown version"}, its package is ${manifest?.kubernetesVersion}`,
      );
}

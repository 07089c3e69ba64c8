/** From a request in the databag to a node of the cluster. Each step may find that an earlier hook has done it. */
import { blocked, done, wait, type Outcome, type Step } from "@cantrip/lib";
import { NodeRefused, endpoint, nodeAddress } from "@cantrip/charm-node";
import { K8SD_PORT, type WorkerJoinConfig } from "@cantrip/metadata/k8sd";
import { NODE_KIND, type Worker } from "./worker.ts";

const UNFINISHED_SECONDS = 2;

export const requireCluster: Step<Worker> = {
  name: "find control plane",
  run: ({ cluster }) =>
    cluster ? done : blocked("Missing cluster integration: integrate with a control plane (cluster)"),
};

/** Naming the node is asking for a token. */
export const requestToken: Step<Worker> = {
  name: "request join token",
  async run({ own, cluster }) {
    await cluster!.request({ node: own.name, version: own.manifest!.kubernetesVersion, nodeKind: NODE_KIND });
    return done;
  },
};

export const joinCluster: Step<Worker> = {
  name: "join cluster",
  async run(worker) {
    const identity = await worker.own.identity();
    if (identity.kind === "none") return claim(worker);
    if (identity.role !== "unknown") return done;
    worker.own.wakeAfter(UNFINISHED_SECONDS);
    return wait(`k8sd to finish what it is doing with node ${worker.own.name}`);
  },
};

/** Known once the control plane leads a cluster; it is what tells its leader that the token has been used. */
export const confirmJoin: Step<Worker> = {
  name: "confirm join",
  async run({ cluster }) {
    const name = (await cluster!.own()).joined ?? (await cluster!.clusterName());
    if (!name) return wait("the name of the cluster");
    await cluster!.joined(name);
    return done;
  },
};

async function claim(worker: Worker): Promise<Outcome> {
  const cluster = worker.cluster!;
  // The bag of a machine that was made anew: without this the control plane would take the node for joined.
  if ((await cluster.own()).joined) await cluster.lost();
  const offer = await cluster.offer(NODE_KIND);
  switch (offer.kind) {
    case "none":
      return wait("Waiting for Cluster token");
    case "other kind":
      return blocked(
        `The control plane runs node kind "${offer.nodeKind}", this unit "${NODE_KIND}": integrate with another`,
      );
    case "failed":
      return wait(`a new token, as joining failed: ${offer.error}`);
    case "token":
      return join(worker, offer);
    default:
      return offer satisfies never;
  }
}

async function join(
  worker: Worker,
  { token, revision }: { token: string; revision: number },
): Promise<Outcome> {
  const { own, options, cluster } = worker;
  if (!options.ok) return wait("valid options, to join the cluster");
  const address = nodeAddress(await own.charm.model.binding("cluster"));
  if (!address) return wait("an address on the binding of cluster");
  const order = { name: own.name, address: endpoint(address, K8SD_PORT), token };
  own.forgetIdentity();
  try {
    await own.ports.service.join({ ...order, config: joinConfig(address, options.taints) });
    return done;
  } catch (error) {
    if (!(error instanceof NodeRefused && isAboutToken(error))) throw error;
    const message = error.message.replaceAll(token, "(token)");
    own.charm.log.error(message);
    await cluster!.failed(revision, message);
    return wait(`a new token, as joining failed: ${message}`);
  }
}

/**
 * A new token cures only what is wrong with the token. After any other answer the same one is tried again: k8sd has left
 * nothing behind; and after silence the node may well have joined, which the next hook finds out.
 */
const isAboutToken = ({ code, reason }: NodeRefused) => code === 401 || /token/iu.test(reason);

function joinConfig(address: string, taints: readonly string[]): WorkerJoinConfig {
  const registered = taints.length > 0 ? { "--register-with-taints": taints.join(",") } : {};
  return { "extra-node-kubelet-args": { "--node-ip": address, ...registered } };
}

/**
 * What the charms that run a node share. Start at NodePorts (the outside world) and `steps.ts` (from the package to a Ready
 * Node); NodeService is the one port to k8sd. Never reads a databag, never decides who bootstraps or joins.
 */
export { endpoint, nodeAddress } from "./address.ts";
export { K8sdClient, type K8sdOptions } from "./k8sd/client.ts";
export {
  ApiRefused,
  ApiUnavailable,
  KubeconfigApi,
  type KubernetesNode,
  type NodeApi,
  type NodePatch,
} from "./kubernetes/api.ts";
export { labelPatch } from "./labels.ts";
export { awaitRemoval, leave } from "./leave.ts";
export { problemOfCidrs } from "./options/cidr.ts";
export { parseLabels, parseTaints, words, type Label } from "./options/pairs.ts";
export { OwnNode } from "./own-node.ts";
export { UnusablePackage, type PackageManifest } from "./package/manifest.ts";
export { TarNodePackage, type InstalledPackage, type NodePackage } from "./package/node-package.ts";
export { ADMIN_KUBECONFIG, KUBELET_KUBECONFIG, realPorts, type NodePorts } from "./ports.ts";
export { ProcessFailed, run, type Run } from "./run.ts";
export {
  NodeRefused,
  NodeUnavailable,
  type BootstrapOrder,
  type JoinOrder,
  type NodeIdentity,
  type NodeService,
} from "./service.ts";
export {
  awaitDaemon,
  checkNode,
  findNode,
  installPackage,
  labelNode,
  watchNode,
  type NodeUnit,
} from "./steps.ts";
export { tolerant, tolerantly } from "./tolerant.ts";
export { WaitedTooLong, until } from "./until.ts";
export { SystemdWaker, type Waker } from "./wake/waker.ts";

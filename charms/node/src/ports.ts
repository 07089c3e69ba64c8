/** The outside world of a charm that runs a node, behind small ports; each has its fake in `testing/`. */
import { hostname } from "node:os";
import { K8sdClient } from "./k8sd/client.ts";
import { KubeconfigApi, type NodeApi } from "./kubernetes/api.ts";
import { TarNodePackage, type NodePackage } from "./package/node-package.ts";
import type { NodeService } from "./service.ts";
import { SystemdWaker, type Waker } from "./wake/waker.ts";

export interface NodePorts {
  /** The node's name everywhere: in k8sd, in the Kubernetes API, in databags. */
  readonly nodeName: string;
  readonly service: NodeService;
  readonly nodePackage: NodePackage;
  readonly api: NodeApi;
  readonly waker: Waker;
}

export const ADMIN_KUBECONFIG = "/etc/kubernetes/admin.conf";
/** May read, watch and label the own Node, and no other. */
export const KUBELET_KUBECONFIG = "/etc/kubernetes/kubelet.conf";

export function realPorts(unit: string, kubeconfig: string): NodePorts {
  return {
    nodeName: hostname().toLowerCase(),
    service: new K8sdClient(),
    nodePackage: new TarNodePackage(),
    api: new KubeconfigApi(kubeconfig),
    waker: new SystemdWaker(unit),
  };
}

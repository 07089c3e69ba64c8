/** Moves the pods of a node away, within a bound. */
import { log } from "../base/log.ts";
import { until, WaitExpired } from "../base/until.ts";
import { isReady, KubeError, type KubeClient, type KubeObject, type NodeObject } from "../kube/client.ts";

interface Pod extends KubeObject {
  readonly status?: { readonly phase?: string };
}

/** Pods of DaemonSets and mirrors of static pods live and die with their node; finished ones need no place. */
const isMovable = ({ metadata, status }: Pod) =>
  !metadata.annotations?.["kubernetes.io/config.mirror"] &&
  !metadata.ownerReferences?.some(({ kind, controller }) => controller === true && kind === "DaemonSet") &&
  !["Succeeded", "Failed"].includes(status?.phase ?? "");

export async function cordon(kube: KubeClient, name: string): Promise<void> {
  await kube.mergePatch(`/api/v1/nodes/${name}`, { spec: { unschedulable: true } });
}

/**
 * Evicts every movable pod, as disruption budgets allow. From a node that is Ready it waits until they are gone; from
 * one that is not, nobody would end them, so being marked for deletion is enough. Returns the pods that remain.
 */
export async function drain(kube: KubeClient, node: NodeObject, timeoutMs: number): Promise<string[]> {
  const { name } = node.metadata;
  const alive = isReady(node);
  let left: Pod[] = [];
  const evictAll = async () => {
    const pods = await kube.list<Pod>(`/api/v1/pods?fieldSelector=spec.nodeName%3D${name}`);
    left = pods.filter((pod) => isMovable(pod) && (alive || !pod.metadata.deletionTimestamp));
    await Promise.all(
      left.filter(({ metadata }) => !metadata.deletionTimestamp).map((pod) => evict(kube, pod)),
    );
    return left.length === 0;
  };
  try {
    await until(`node ${name} is drained`, evictAll, { timeoutMs, intervalMs: 500 });
  } catch (error) {
    if (!(error instanceof WaitExpired)) throw error;
  }
  return left.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
}

async function evict(kube: KubeClient, { metadata: { name, namespace = "default" } }: Pod): Promise<void> {
  const body = { apiVersion: "policy/v1", kind: "Eviction", metadata: { name, namespace } };
  try {
    await kube.create(`/api/v1/namespaces/${namespace}/pods/${name}/eviction`, body);
  } catch (error) {
    // 404: gone already. 429: a disruption budget says not now.
    if (!(error instanceof KubeError) || ![404, 429].includes(error.code)) throw error;
    log.debug(`drain: ${namespace}/${name}: ${error.message}`);
  }
}

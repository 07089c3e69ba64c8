/**
 * One control plane goes on alone with a cluster's data: after a recovery, and after a restoration on a bare machine. What
 * the data says of the others is made untrue first, so that none of them remains as a ghost.
 */
import type { Identity } from "../base/identity.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";
import { until } from "../base/until.ts";
import { etcdClient, type EtcdClient } from "../etcd/client.ts";
import { revocationList } from "../features/access.ts";
import { kubeClient, type KubeClient } from "../kube/client.ts";
import { changeArguments } from "../node/arguments.ts";
import { LONE_MEMBER } from "../node/components.ts";
import { restart, start, wantedServices } from "../node/services.ts";
import type { Progress } from "./bootstrap.ts";
import { peerUrlOf } from "./membership.ts";
import { Store, type NodeRow, type RevokedRow } from "./store.ts";

/** How a lone member's etcd is started on data that has been made for it. */
export const beAlone = (paths: Paths, { name, address, settings }: Identity): Promise<boolean> =>
  changeArguments(paths.args, "etcd", {
    ...LONE_MEMBER,
    "--initial-cluster": `${name}=${peerUrlOf(address, settings.etcdPeerPort)}`,
    "--initial-cluster-state": "new",
  });

/** Starts everything on the data that lies there. `started` is called once there is an API. */
export async function succeed(
  paths: Paths,
  identity: Identity,
  started: (identity: Identity) => Promise<void>,
  progress: Progress,
): Promise<Identity> {
  const waiting = { timeoutMs: progress.timeoutMs, intervalMs: 50, signal: progress.signal };
  progress.step("starting etcd on what was kept");
  await start("etcd");
  const etcd = await etcdClient(paths, identity);
  const store = new Store(etcd, identity.clusterId);
  const kube = await kubeClient(paths, identity.settings.securePort, "k8sd-client");
  try {
    await until("etcd is healthy", () => etcd.isHealthy(), waiting);
    const [member] = await etcd.members();
    const heir: Identity = { ...identity, ...(member && { memberId: member.id }) };
    progress.step("forgetting the other control planes");
    const lost = await disinherit(etcd, store, heir);
    progress.step("starting the API server");
    await restart("kube-apiserver");
    await until("the API server is ready", () => kube.isReady(), waiting);
    await restart(...wantedServices(heir).filter((name) => !RUNNING.has(name)));
    await started(heir);
    await forgetNodes(store, kube, lost);
    return heir;
  } finally {
    etcd.close();
    kube.close();
  }
}

/** Not to be started a second time; containers outlive everything else. */
const RUNNING: ReadonlySet<string> = new Set(["etcd", "kube-apiserver", "containerd"]);

/** Rows of the other control planes, which are no part of the cluster any more; repeatable. */
async function disinherit(etcd: EtcdClient, store: Store, heir: Identity): Promise<NodeRow[]> {
  const rows = await store.nodes();
  const lost = rows.filter(
    ({ role, credential }) => role === "control-plane" && credential !== heir.credential,
  );
  for (const { name, credential } of lost) {
    const row: RevokedRow = { name, credential, at: new Date().toISOString() };
    await store.update<RevokedRow>(store.revokedKey(credential), (current) => (current ? undefined : row));
    if (name !== heir.name) await store.commit([{ key: store.nodeKey(name), value: undefined }]);
    log.info(`${name} is no control plane of this cluster any more`);
  }
  const { name, role, address, credential } = heir;
  const own: NodeRow = { name, role, address, credential, state: "joined" };
  await store.update<NodeRow>(store.nodeKey(name), () => own);
  await store.clear("locks/");
  await store.clear("tokens/");
  await etcd.deleteAll("/registry/masterleases/");
  return lost.filter((row) => row.name !== heir.name);
}

async function forgetNodes(store: Store, kube: KubeClient, lost: readonly NodeRow[]): Promise<void> {
  const revoked = await store.revoked();
  await kube.apply(revocationList(revoked));
  // A restart in the middle finds their rows gone, but not their credentials.
  const present = new Set((await store.nodes()).map(({ name }) => name));
  const names = new Set([...lost, ...revoked].map(({ name }) => name).filter((name) => !present.has(name)));
  for (const name of names) await kube.delete(`/api/v1/nodes/${name}`);
}

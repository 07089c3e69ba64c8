/**
 * Removal of a node: cordon, drain, its etcd member, its own leave, revocation, Node, record. Repeatable at every point;
 * a name that never joined only loses its token.
 */
import { ApiError, messageOf } from "../base/errors.ts";
import { log } from "../base/log.ts";
import { revocationList } from "../features/access.ts";
import type { NodeObject } from "../kube/client.ts";
import type { ControlPlane } from "./control-plane.ts";
import { cordon, drain } from "./drain.ts";
import { LEAVE_PATH } from "./joining.ts";
import { refuseLossOfQuorum, removeMemberOf } from "./membership.ts";
import { callPeer, ownTls } from "./peer.ts";
import type { NodeRow, RevokedRow } from "./store.ts";
import { Tokens } from "./tokens.ts";

const DEFAULT_TIMEOUT_MS = 90_000;
const LEAVE_TIMEOUT_MS = 60_000;

export interface Removal {
  readonly name: string;
  readonly force: boolean;
  readonly timeoutMs?: number;
}

export async function removeNode(
  plane: ControlPlane,
  { name, force, timeoutMs = DEFAULT_TIMEOUT_MS }: Removal,
): Promise<void> {
  const { store, kube } = plane;
  const row = (await store.read<NodeRow>(store.nodeKey(name)))?.value;
  // Before anything is changed: what is refused here leaves the node as it was.
  if (row?.role === "control-plane" && !force) await refuseLossOfQuorum(plane, row);
  await new Tokens(plane.paths, store).revoke(name);
  const node = await tolerating(force, () => kube.find<NodeObject>(`/api/v1/nodes/${name}`));
  if (row) await markLeaving(plane, row);
  if (node) await empty(plane, node, force, timeoutMs);
  if (row?.role === "control-plane") await removeMemberOf(plane, row, force);
  if (row) await askToLeave(plane, row);
  if (row) await forgetNode(plane, row, force);
  else await tolerating(force, () => kube.delete(`/api/v1/nodes/${name}`));
  log.info(`removed ${name}${row || node ? "" : " (it had never joined)"}`);
}

const markLeaving = ({ store }: ControlPlane, { name }: NodeRow) =>
  store.update<NodeRow>(store.nodeKey(name), (current) => current && { ...current, state: "leaving" });

/** Takes every trace of a node out of the cluster, its etcd member too; the machine itself is not asked. */
export async function forgetNode(plane: ControlPlane, row: NodeRow, force: boolean): Promise<void> {
  const { store, kube } = plane;
  if (row.role === "control-plane") {
    await removeMemberOf(plane, row, force);
    await plane.etcd.commit([{ key: apiserverLeaseOf(row), value: undefined }]);
  }
  await revoke(plane, row, force);
  await tolerating(force, () => kube.delete(`/api/v1/nodes/${row.name}`));
  // The name may have been given to another node meanwhile.
  const latest = await store.read<NodeRow>(store.nodeKey(row.name));
  if (latest?.value.credential === row.credential)
    await store.commit([{ key: store.nodeKey(row.name), value: undefined, expected: latest.revision }]);
}

/** By this key API servers keep each other in the Service `kubernetes`; a removed one can no longer take itself out. */
const apiserverLeaseOf = ({ address }: NodeRow) => `/registry/masterleases/${address}`;

/** With force, what the API server does not do is logged and left. */
async function tolerating<T>(force: boolean, act: () => Promise<T>): Promise<T | undefined> {
  try {
    return await act();
  } catch (error) {
    if (!force)
      throw new ApiError(500, `failed to remove node from Kubernetes: ${messageOf(error)}`, { cause: error });
    log.warning(`removal goes on by force: ${messageOf(error)}`);
    return undefined;
  }
}

async function empty(
  { kube }: ControlPlane,
  node: NodeObject,
  force: boolean,
  timeoutMs: number,
): Promise<void> {
  const { name } = node.metadata;
  const bound = Math.min(timeoutMs / 2, 60_000);
  const left = await tolerating(force, async () => {
    await cordon(kube, name);
    return drain(kube, node, bound);
  });
  if (!left || left.length === 0) return;
  const text = `node ${name} still runs ${left.join(", ")} ${Math.round(bound / 1000)} s after they were asked to move`;
  if (!force)
    throw new ApiError(500, `failed to drain: ${text}; the node stays cordoned; wait, or use force`);
  log.warning(text);
}

/** Best effort: a machine that is gone cannot clean itself up, and its credential is revoked in any case. */
async function askToLeave(plane: ControlPlane, { name, address }: NodeRow): Promise<void> {
  try {
    const tls = await ownTls(plane.paths);
    await callPeer({
      address: `${address}:6400`,
      tls,
      path: LEAVE_PATH,
      body: { name },
      timeoutMs: LEAVE_TIMEOUT_MS,
    });
  } catch (error) {
    log.warning(`${name} did not leave by itself: ${messageOf(error)}`);
  }
}

async function revoke(
  { store, kube }: ControlPlane,
  { name, credential }: NodeRow,
  force: boolean,
): Promise<void> {
  const row: RevokedRow = { name, credential, at: new Date().toISOString() };
  await store.update<RevokedRow>(store.revokedKey(credential), (current) => (current ? undefined : row));
  const list = revocationList(await store.revoked());
  await tolerating(force, () => kube.apply(list));
}

/**
 * A snapshot of a whole cluster: etcd's data, the authorities and keys, and what a control plane has to know to begin anew
 * with them on a bare machine.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../base/errors.ts";
import { isAlive, writeAtomically } from "../base/files.ts";
import { loadIdentity, type AuthorityName, type ClusterSettings, type Identity } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { endpointsFor, etcdClient } from "../etcd/client.ts";
import { restoreSnapshot, saveSnapshot } from "../etcd/tools.ts";
import { controlPlaneDefaults } from "../node/components.ts";
import { importImages } from "../node/containerd.ts";
import { start } from "../node/services.ts";
import { adminGenerationOf, adminGroup, FIRST_ADMINS } from "../pki/admins.ts";
import { ensureControlPlanePki } from "../pki/cluster.ts";
import { readSharedSecrets, writeSharedSecrets, type SharedSecrets } from "../pki/shared-files.ts";
import type { Progress } from "./bootstrap.ts";
import { peerUrlOf } from "./membership.ts";
import { prepareContainerd, prepareNode } from "./prepare.ts";
import { sealFile, unsealFile } from "./snapshot-file.ts";
import { beAlone, succeed } from "./succession.ts";

/** What goes with the data. */
export interface SnapshotDocument {
  readonly schema: 1;
  readonly createdAt: string;
  readonly clusterId: string;
  /** Name of the control plane that it was taken on. */
  readonly name: string;
  readonly generation: number;
  readonly adminGeneration: number;
  readonly settings: ClusterSettings;
  readonly extraSans: readonly string[];
  /** Absent in snapshots of an earlier version. */
  readonly externalAuthorities?: readonly AuthorityName[];
  readonly revision: number;
  readonly secrets: SharedSecrets;
}

const partsOf = ({ recovery }: Paths) => ({
  document: join(recovery, "document.json"),
  data: join(recovery, "snapshot.db"),
  restored: join(recovery, "restored"),
});

/** True for what a running process of that number in its name is writing into the recovery folder. */
export function isBeingSaved(name: string): boolean {
  const [, pid] = /^save-(\d+)\.db/.exec(name) ?? [];
  return pid !== undefined && isAlive(Number(pid));
}

/** @throws Error if this node is no control plane with a managed etcd */
export async function saveClusterSnapshot(paths: Paths, target: string, passphrase: string) {
  const identity = await loadIdentity(paths.identity);
  if (identity?.role !== "control-plane" || identity.journal || identity.superseded)
    throw new Error("Cannot take a snapshot: expected a control plane of a running cluster");
  if (identity.datastore.type === "external")
    throw new Error("Cannot take a snapshot: the datastore is external; its administrator saves it");
  await refuseWithoutQuorum(paths, identity);
  const making = join(paths.recovery, `save-${process.pid}.db`);
  await mkdir(paths.recovery, { recursive: true, mode: 0o700 });
  try {
    const { revision, totalSize } = await saveSnapshot(paths, endpointsFor(identity)[0]!, making);
    const document = await documentOf(paths, identity, revision);
    const digest = await sealFile(target, passphrase, document, making);
    return { revision, bytes: totalSize, digest };
  } finally {
    await rm(making, { force: true });
  }
}

/** What a member alone has may be old: only a quorum knows what the cluster's data is. */
async function refuseWithoutQuorum(paths: Paths, identity: Identity): Promise<void> {
  const etcd = await etcdClient(paths, identity);
  const own = etcd.only(endpointsFor(identity)[0]!);
  try {
    if (await own.isHealthy()) return;
  } catch (error) {
    throw new Error(`Cannot take a snapshot: etcd of this node does not answer (${messageOf(error)})`, {
      cause: error,
    });
  } finally {
    own.close();
    etcd.close();
  }
  throw new Error("Cannot take a snapshot: etcd of this node is in no working quorum (see k8s status)");
}

async function documentOf(paths: Paths, identity: Identity, revision: number): Promise<SnapshotDocument> {
  const { clusterId, name, generation, settings, extraSans, externalAuthorities } = identity;
  return {
    schema: 1,
    createdAt: new Date().toISOString(),
    clusterId,
    name,
    generation,
    adminGeneration: (await adminGenerationOf(paths)) ?? FIRST_ADMINS,
    settings,
    extraSans,
    externalAuthorities,
    revision,
    secrets: await readSharedSecrets(paths, identity),
  };
}

/** Opens a snapshot and lays its parts down for the daemon. Nothing is there unless all of it is genuine. */
export async function openClusterSnapshot(
  paths: Paths,
  file: string,
  passphrase: string,
): Promise<SnapshotDocument> {
  const { document, data } = partsOf(paths);
  await mkdir(paths.recovery, { recursive: true, mode: 0o700 });
  return (await unsealFile(file, passphrase, { document, data })) as SnapshotDocument;
}

/** @throws if no snapshot was opened */
export async function openedSnapshot(paths: Paths): Promise<SnapshotDocument> {
  return JSON.parse(await readFile(partsOf(paths).document, "utf8")) as SnapshotDocument;
}

/** A control plane on this machine, which goes on alone with the snapshot's cluster. Each step finds what an earlier run of it has left. */
export async function restoreCluster(
  paths: Paths,
  identity: Identity,
  started: (identity: Identity) => Promise<void>,
  progress: Progress,
): Promise<Identity> {
  const { secrets, adminGeneration } = await openedSnapshot(paths);
  const { name, address, settings } = identity;
  progress.step("writing authorities and keys");
  await writeSharedSecrets(paths, identity, secrets);
  const defaults = controlPlaneDefaults(paths, identity);
  progress.step("starting containerd");
  await prepareContainerd(paths, {}, defaults);
  await start("containerd");
  progress.step("making certificates");
  await ensureControlPlanePki(paths, { ...identity, adminGroup: adminGroup(adminGeneration) });
  await prepareNode(paths, identity, {}, defaults);
  await beAlone(paths, identity);
  progress.step("restoring the data");
  const { data: snapshot, restored } = partsOf(paths);
  // Once: etcd may run on it already, and may have taken writes.
  if (!existsSync(restored)) {
    const peerUrl = peerUrlOf(address, settings.etcdPeerPort);
    await rm(paths.etcdData, { recursive: true, force: true });
    await restoreSnapshot(paths, paths.etcdData, { snapshot, name, peerUrl });
    await writeAtomically(restored, "");
  }
  const images = importImages(paths, progress.signal);
  images.catch(() => undefined);
  const heir = await succeed(paths, identity, started, progress);
  progress.step("importing images");
  await images;
  return heir;
}

/**
 * Recovery of a lost quorum: one surviving control plane becomes a cluster of one member. It compares itself with everyone
 * who answers, copies the data before it touches it, and keeps every write that it knows to be committed.
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { DatastoreState, RecoverResponse, RecoveryPlanResponse } from "@cantrip/metadata/k8sd";
import { ApiError, messageOf } from "../base/errors.ts";
import { writeAtomically } from "../base/files.ts";
import type { Identity } from "../base/identity.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";
import { run } from "../base/run.ts";
import { until } from "../base/until.ts";
import { endpointsFor, etcdClient, type MemberStatus } from "../etcd/client.ts";
import { aloneOnLoopback, restoreSnapshot, saveSnapshot } from "../etcd/tools.ts";
import { kill, start, stop } from "../node/services.ts";
import { controlPlaneLeaves } from "../pki/leaves.ts";
import { repairPki } from "../pki/refresh.ts";
import type { Progress } from "./bootstrap.ts";
import { STATE_PATH } from "./joining.ts";
import { peerUrlOf } from "./membership.ts";
import { callPeer, ownTls } from "./peer.ts";
import { isBeingSaved } from "./snapshot.ts";
import { beAlone, succeed } from "./succession.ts";

/** `refusals` says why a recovery here would be wrong; it is empty if it would not. */
export type RecoveryPlan = RecoveryPlanResponse;
/** A member without a state did not answer. */
export type OtherMember = RecoveryPlan["others"][number];

/** How far this node's own member is. @throws if it does not even run */
export async function datastoreState(paths: Paths, identity: Identity): Promise<DatastoreState> {
  const etcd = await etcdClient(paths, identity);
  const own = etcd.only(endpointsFor(identity)[0]!);
  try {
    const status = await own.status(3_000);
    return { ...stateOf(status), hasQuorum: await own.isHealthy().catch(() => false) };
  } finally {
    own.close();
    etcd.close();
  }
}

const stateOf = ({ raftTerm, raftIndex }: MemberStatus) => ({
  term: Number(raftTerm),
  index: Number(raftIndex),
});

const isNewer = (one: DatastoreState, than: DatastoreState) =>
  one.term > than.term || (one.term === than.term && one.index > than.index);

/** Asks every other member; changes nothing but that etcd runs here. */
export async function planRecovery(paths: Paths, identity: Identity): Promise<RecoveryPlan> {
  if (identity.datastore.type === "external")
    throw new ApiError(400, "Cannot recover: the datastore is external; its administrator recovers it");
  await start("etcd");
  const own = await until("etcd of this node answers", () => datastoreState(paths, identity), {
    timeoutMs: 30_000,
    intervalMs: 500,
  });
  const others = await Promise.all((await otherMembers(paths, identity)).map((one) => asked(paths, one)));
  return { resumes: false, own, others, refusals: refusalsOf(own, others) };
}

/** As far as this member knows: nobody can confirm the list without a quorum. */
async function otherMembers(paths: Paths, identity: Identity): Promise<OtherMember[]> {
  const etcd = await etcdClient(paths, identity);
  const own = etcd.only(endpointsFor(identity)[0]!);
  try {
    const url = peerUrlOf(identity.address, identity.settings.etcdPeerPort);
    return (await own.membersAsKnown())
      .filter(({ peerUrls, isLearner }) => !isLearner && !peerUrls.includes(url))
      .map(({ name, peerUrls }) => ({ name, address: new URL(peerUrls[0]!).hostname }));
  } finally {
    own.close();
    etcd.close();
  }
}

async function asked(paths: Paths, { name, address }: OtherMember): Promise<OtherMember> {
  try {
    const tls = await ownTls(paths);
    const call = { address: `${address}:6400`, tls, path: STATE_PATH, body: {}, timeoutMs: 10_000 };
    return { name, address, state: await callPeer<DatastoreState>(call) };
  } catch (error) {
    log.info(`recovery: ${name} does not say how far its data is: ${messageOf(error)}`);
    return { name, address };
  }
}

export function refusalsOf(own: DatastoreState, others: readonly OtherMember[]): string[] {
  const answering = others.filter(({ state }) => state !== undefined);
  const needed = Math.floor((others.length + 1) / 2) + 1;
  if (own.hasQuorum || answering.some(({ state }) => state!.hasQuorum))
    return ["etcd has a working quorum; remove lost nodes with k8s remove-node"];
  const newer = answering.filter(({ state }) => isNewer(state!, own)).map(({ name }) => name);
  return [
    ...newer.map((name) => `${name} has newer data than this node; recover there`),
    ...(answering.length + 1 >= needed
      ? [
          `${answering.map(({ name }) => name).join(", ")} answer: ${answering.length + 1} of ${others.length + 1} members are there and ${needed} make a quorum; start etcd on them instead`,
        ]
      : []),
  ];
}

/** The revision kept, how many entries nobody had said to be committed, and where the data lies as it was. */
export type RecoveryResult = RecoverResponse;

interface Work {
  readonly folder: string;
  readonly snapshot: string;
  readonly data: string;
  readonly old: string;
  readonly result: string;
  readonly swapped: string;
  readonly backup: string;
}

const workOf = ({ recovery }: Paths, at: number): Work => ({
  folder: recovery,
  snapshot: join(recovery, "snapshot.db"),
  data: join(recovery, "data"),
  old: join(recovery, "old"),
  result: join(recovery, "result.json"),
  swapped: join(recovery, "swapped"),
  backup: join(dirname(recovery), `before-recovery-${at}`),
});

/** True from the point on at which only going on makes sense. */
export const isBeyondReturn = (paths: Paths): boolean =>
  ["old", "swapped"].some((name) => existsSync(join(paths.recovery, name)));

/**
 * Takes away what a recovery or a restoration worked with: once its end is recorded, again at the daemon's next start, and
 * before another one begins. A snapshot that is being saved there stays.
 */
export async function tidyRecovery({ recovery }: Paths): Promise<void> {
  const names = existsSync(recovery) ? await readdir(recovery) : [];
  for (const name of names.filter((one) => !isBeingSaved(one)))
    await rm(join(recovery, name), { recursive: true, force: true });
}

/** Each step finds what an earlier run of it has left. */
export async function recover(
  paths: Paths,
  identity: Identity,
  at: number,
  started: (identity: Identity) => Promise<void>,
  progress: Progress,
): Promise<{ identity: Identity; result: RecoveryResult }> {
  const work = workOf(paths, at);
  await mkdir(work.folder, { recursive: true, mode: 0o700 });
  if (!existsSync(work.swapped)) {
    if (!existsSync(work.snapshot)) await replay(paths, work, progress);
    progress.step("making the data of a lone member");
    await swap(paths, identity, work);
  }
  progress.step("making another authority for etcd");
  await renewEtcdAuthority(paths, identity);
  await beAlone(paths, identity);
  const heir = { ...identity, generation: identity.generation + 1, peers: [`${identity.address}:6400`] };
  const alone = await succeed(paths, heir, started, progress);
  const result = JSON.parse(await readFile(work.result, "utf8")) as RecoveryResult;
  return { identity: alone, result };
}

/** What of a recovery that failed early is undone: the data was only read. */
export async function giveUpRecovery(paths: Paths, at: number): Promise<void> {
  const work = workOf(paths, at);
  await rm(work.folder, { recursive: true, force: true });
  await rm(work.backup, { recursive: true, force: true });
}

/** Copies the data, lets a copy of the copy find out what is committed, and takes a snapshot of that. */
async function replay(paths: Paths, work: Work, progress: Progress): Promise<void> {
  progress.step("stopping the control plane");
  await stop("kube-apiserver", "kube-controller-manager", "kube-scheduler");
  await kill("etcd");
  progress.step("copying the data");
  if (!existsSync(work.backup)) await copied(paths.etcdData, work.backup);
  const replaying = join(work.folder, "replay");
  await copied(work.backup, replaying);
  progress.step("keeping what is committed");
  let revision = 0;
  const making = `${work.snapshot}.making`;
  await rm(making, { force: true });
  const discarded = await aloneOnLoopback(paths, replaying, async (endpoint) => {
    ({ revision } = await saveSnapshot(paths, endpoint, making));
  });
  const result: RecoveryResult = { revision, discarded, backup: work.backup };
  await writeAtomically(work.result, JSON.stringify(result));
  await rename(making, work.snapshot);
  await rm(replaying, { recursive: true });
}

/** There whole or not at all. */
async function copied(from: string, to: string): Promise<void> {
  const making = `${to}.making`;
  await rm(making, { recursive: true, force: true });
  await rm(to, { recursive: true, force: true });
  await run(["cp", "-a", "--reflink=auto", from, making], { timeoutMs: 600_000 });
  await run(["sync", "-f", making], { timeoutMs: 600_000 });
  await rename(making, to);
}

async function swap(paths: Paths, { name, address, settings }: Identity, work: Work): Promise<void> {
  const peerUrl = peerUrlOf(address, settings.etcdPeerPort);
  if (!existsSync(work.data) && !existsSync(work.old))
    await restoreSnapshot(paths, work.data, { snapshot: work.snapshot, name, peerUrl });
  if (existsSync(paths.etcdData) && !existsSync(work.old)) await rename(paths.etcdData, work.old);
  if (existsSync(work.data)) await rename(work.data, paths.etcdData);
  await writeAtomically(work.swapped, "");
}

/** The lost members' certificates open nothing here any more, should they return. */
async function renewEtcdAuthority(paths: Paths, identity: Identity): Promise<void> {
  await kill("etcd");
  const leaves = controlPlaneLeaves({ ...identity, adminGroup: "" }).filter(
    ({ authority }) => authority === "etcd",
  );
  for (const file of ["etcd/ca", ...leaves.map((leaf) => leaf.file)])
    for (const ending of ["crt", "key"]) await rm(join(paths.pki, `${file}.${ending}`), { force: true });
  await repairPki(paths, identity);
}

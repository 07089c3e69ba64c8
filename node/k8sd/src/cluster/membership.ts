/**
 * Members of the managed etcd, whose list is the truth about them (decision 10). One change at a time, behind a lock of
 * the cluster; a joiner votes as soon as it is in sync; nothing is done after which the voters that run are no quorum.
 */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ApiError, messageOf } from "../base/errors.ts";
import { saveIdentity, type Identity } from "../base/identity.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";
import { until } from "../base/until.ts";
import { endpointsFor, etcdClient, EtcdError, type EtcdClient, type Member } from "../etcd/client.ts";
import { changeArguments, readArguments, type ArgumentChanges } from "../node/arguments.ts";
import { LONE_MEMBER, SEVERAL_MEMBERS } from "../node/components.ts";
import { kill, start } from "../node/services.ts";
import type { Progress } from "./bootstrap.ts";
import type { ControlPlane } from "./control-plane.ts";
import { TIMERS_PATH } from "./joining.ts";
import { acquire, type LockRow } from "./lock.ts";
import { callPeer, ownTls } from "./peer.ts";
import { Store, type NodeRow } from "./store.ts";

const LOCK = "etcd-membership";
/** How long a removal waits for its turn. */
const TURN_MS = 60_000;

export const peerUrlOf = (address: string, port: number) => `https://${address}:${port}`;

/** Makes this node a voting member, whatever an earlier attempt has left. Returns the identity with its member's id. */
export async function becomeMember(
  paths: Paths,
  begun: Identity,
  changes: ArgumentChanges,
  progress: Progress,
): Promise<Identity> {
  const etcd = await etcdClient(paths, begun);
  // Until this node's own member answers, the others do.
  etcd.use(endpointsFor(begun).slice(1));
  const store = new Store(etcd, begun.clusterId);
  try {
    for (;;) {
      progress.step("waiting for the turn to join etcd");
      const onWait = ({ holder, purpose }: LockRow) =>
        progress.step(`waiting for ${holder}, which ${purpose}`);
      const request = {
        name: LOCK,
        holder: begun.name,
        purpose: "joins etcd",
        signal: progress.signal,
        onWait,
      };
      const lock = await acquire(etcd, store, request);
      try {
        const signal = AbortSignal.any([progress.signal, lock.lost]);
        return await joinEtcd({
          paths,
          etcd,
          store,
          identity: begun,
          changes,
          progress: { ...progress, signal },
        });
      } catch (error) {
        if (!lock.lost.aborted || progress.signal.aborted) throw error;
        log.warning(`joining etcd begins anew: the lock was lost (${messageOf(error)})`);
      } finally {
        await lock.release();
      }
    }
  } finally {
    etcd.close();
  }
}

interface EtcdJoin {
  readonly paths: Paths;
  readonly etcd: EtcdClient;
  readonly store: Store;
  readonly identity: Identity;
  readonly changes: ArgumentChanges;
  readonly progress: Progress;
}

async function joinEtcd(task: EtcdJoin): Promise<Identity> {
  const { paths, etcd, identity, changes, progress } = task;
  progress.step("joining etcd as a learner");
  const member = (await usableMember(task)) ?? (await addedMember(task));
  const joined: Identity = { ...identity, memberId: member.id };
  await saveIdentity(paths.identity, joined);
  const members = await etcd.members();
  await changeArguments(paths.args, "etcd", { ...argumentsFor(identity, members, member), ...changes });
  await start("etcd");
  const own = etcd.only(endpointsFor(identity)[0]!);
  try {
    const waiting = { timeoutMs: progress.timeoutMs, intervalMs: 50, signal: progress.signal };
    await untilServing(own, progress);
    progress.step("waiting until etcd is in sync");
    await until("etcd lets this member vote", () => votes(etcd, member.id), waiting);
    await settleTimers(paths, identity);
    await until("etcd of this node is healthy", () => own.isHealthy(), waiting);
  } finally {
    own.close();
  }
  return joined;
}

const SERVES_WITHIN_MS = 2_000;

/**
 * A new member announces itself before it serves. If the announcement reaches it back inside of the leader's snapshot it
 * is not recognized, and etcd waits for it in vain for two election timeouts and 5 s more; started anew it serves at once.
 */
async function untilServing(own: EtcdClient, { signal, timeoutMs }: Progress): Promise<void> {
  const answers = (boundMs: number) =>
    until("etcd of this node answers", () => own.status(1_000), {
      timeoutMs: boundMs,
      intervalMs: 50,
      signal,
    });
  try {
    await answers(SERVES_WITHIN_MS);
  } catch (error) {
    if (signal.aborted) throw error;
    log.info("etcd: starting this member anew, as its announcement was not heard");
    await kill("etcd");
    await start("etcd");
    await answers(timeoutMs);
  }
}

/** A member that was alone until now takes the timers of several; see takeTimersOfSeveral. */
async function settleTimers(paths: Paths, { peers }: Identity): Promise<void> {
  const tls = await ownTls(paths);
  for (const address of peers)
    await callPeer({ address, tls, path: TIMERS_PATH, body: {}, timeoutMs: 75_000 }).catch((error: unknown) =>
      log.warning(`${address} could not be told that etcd has several members: ${messageOf(error)}`),
    );
}

const isOwn = ({ settings, address }: Identity, { peerUrls }: Member) =>
  peerUrls.includes(peerUrlOf(address, settings.etcdPeerPort));

/** The member of an earlier attempt, if it can go on; one whose data is gone can not, and is taken off the list. */
async function usableMember({ paths, etcd, identity }: EtcdJoin): Promise<Member | undefined> {
  const found = (await etcd.members()).find((member) => isOwn(identity, member));
  if (!found) return undefined;
  const hasData = (await readdir(join(paths.etcdData, "member")).catch(() => [] as string[])).length > 0;
  const isFresh = found.name === "" && !hasData;
  if (isFresh || (hasData && found.id === identity.memberId)) return found;
  log.warning(`etcd: member ${found.id} of this node has lost its data; removing it to join anew`);
  await etcd.removeMember(found.id);
  return undefined;
}

async function addedMember({ paths, etcd, store, identity, progress }: EtcdJoin): Promise<Member> {
  await kill("etcd");
  await rm(paths.etcdData, { recursive: true, force: true });
  await mkdir(paths.etcdData, { recursive: true, mode: 0o700 });
  const url = peerUrlOf(identity.address, identity.settings.etcdPeerPort);
  let complaint = "";
  const add = async () => {
    try {
      return await etcd.addLearner(url);
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      if (/too many learner/.test(error.reason)) await removeStrayLearner(etcd, store, identity.name);
      if (error.reason !== complaint) log.info(`etcd does not take a member yet: ${error.reason}`);
      complaint = error.reason;
      throw error;
    }
  };
  return until("etcd takes a new member (every voter has to answer)", add, {
    timeoutMs: progress.timeoutMs,
    intervalMs: 250,
    signal: progress.signal,
  });
}

/** Whoever holds the lock may clear the way: a learner of another node belongs to a join that died. */
async function removeStrayLearner(etcd: EtcdClient, store: Store, ownName: string): Promise<void> {
  const rows = await store.nodes();
  const learners = (await etcd.members()).filter(({ isLearner }) => isLearner);
  for (const { id, name, peerUrls } of learners) {
    const row = rows.find(({ address }) => peerUrls.some((url) => new URL(url).hostname === address));
    if (row?.name === ownName || row?.state === "joined") continue;
    log.warning(`etcd: removing learner ${name || peerUrls.join()}: its join was broken off`);
    await etcd.removeMember(id);
  }
}

function argumentsFor({ name }: Identity, members: readonly Member[], own: Member): ArgumentChanges {
  const urls = members.flatMap((member) =>
    member.peerUrls.map((url) => `${member.id === own.id ? name : member.name}=${url}`),
  );
  return {
    ...SEVERAL_MEMBERS,
    "--initial-cluster": urls.sort().join(","),
    "--initial-cluster-state": "existing",
  };
}

/** True once the member votes; asks for that as long as it does not. */
async function votes(etcd: EtcdClient, id: string): Promise<boolean> {
  const member = (await etcd.members()).find((candidate) => candidate.id === id);
  if (!member) throw new Error(`etcd no longer knows member ${id}`);
  if (member.isLearner) await etcd.promote(id);
  return true;
}

/**
 * A lone member elects itself within milliseconds, which two would do to each other all the time. With the first other
 * voter its etcd is started anew, once, with timers for several; the other one leads meanwhile, so that there is no election.
 */
export async function takeTimersOfSeveral({ paths, etcd, identity }: ControlPlane): Promise<void> {
  if (identity.datastore.type === "external") return;
  const present = await readArguments(paths.args, "etcd");
  if (!Object.entries(LONE_MEMBER).every(([flag, value]) => present[flag] === value)) return;
  log.info("etcd: starting anew with timers for several members");
  const own = (await etcd.members()).find((member) => isOwn(identity, member));
  if (own) await moveLeadershipFrom(etcd, own);
  await changeArguments(paths.args, "etcd", SEVERAL_MEMBERS);
  await kill("etcd");
  await start("etcd");
  await until("etcd is healthy", () => etcd.isHealthy(), { timeoutMs: 60_000, intervalMs: 50 });
}

export interface Voters {
  readonly all: readonly Member[];
  /** Ids of those that answer and know a leader. */
  readonly healthy: ReadonlySet<string>;
}

/** Asks every voter itself. */
export async function votersOf(etcd: EtcdClient): Promise<Voters> {
  const all = (await etcd.members()).filter(({ isLearner }) => !isLearner);
  const answers = await Promise.all(
    all.map(async (member) => ((await isWorking(etcd, member)) ? [member.id] : [])),
  );
  return { all, healthy: new Set(answers.flat()) };
}

async function isWorking(etcd: EtcdClient, { clientUrls }: Member): Promise<boolean> {
  const [url] = clientUrls;
  if (url === undefined) return false;
  const client = etcd.only(url);
  try {
    return await client.isHealthy();
  } catch {
    return false;
  } finally {
    client.close();
  }
}

/** Why the removal of a voter would leave no working quorum; undefined if it would not. */
export function quorumProblem({ all, healthy }: Voters, id: string): string | undefined {
  const rest = all.filter((member) => member.id !== id);
  if (rest.length === all.length) return undefined;
  const working = rest.filter((member) => healthy.has(member.id)).length;
  const needed = Math.floor(rest.length / 2) + 1;
  if (working >= needed) return undefined;
  const away = rest.filter((member) => !healthy.has(member.id)).map(({ name }) => name);
  const reason = away.length > 0 ? `; ${away.join(", ")} does not answer` : "";
  return `of the ${rest.length} etcd members that would remain, ${working} work and ${needed} are needed${reason}`;
}

/** @throws ApiError 400 if the node's removal would leave etcd without a quorum */
export async function refuseLossOfQuorum(plane: ControlPlane, row: NodeRow): Promise<void> {
  if (plane.identity.datastore.type === "external") return;
  const member = await memberOfNode(plane, row);
  const problem = member && quorumProblem(await votersOf(plane.etcd), member.id);
  if (problem)
    throw new ApiError(
      400,
      `Cannot remove ${row.name}: ${problem}; bring the missing ones back or remove them first, or use force`,
    );
}

async function memberOfNode({ etcd, identity }: ControlPlane, { name, address }: NodeRow) {
  const url = peerUrlOf(address, identity.settings.etcdPeerPort);
  return (await etcd.members()).find((member) => member.name === name || member.peerUrls.includes(url));
}

/** Takes a node's member off the list. Its leadership goes to another first, so that nobody waits for an election. */
export async function removeMemberOf(plane: ControlPlane, row: NodeRow, force: boolean): Promise<void> {
  const { etcd, store, identity } = plane;
  if (identity.datastore.type === "external") return;
  const signal = AbortSignal.timeout(TURN_MS);
  const purpose = `removes ${row.name} from etcd`;
  const lock = await acquire(etcd, store, {
    name: LOCK,
    holder: `${identity.name}/${row.name}`,
    purpose,
    signal,
  });
  try {
    const member = await memberOfNode(plane, row);
    if (!member) return;
    if (!force) await refuseLossOfQuorum(plane, row);
    await moveLeadershipFrom(etcd, member);
    const remove = async () => (await etcd.removeMember(member.id), true);
    await until(`etcd lets member ${row.name} go`, remove, { timeoutMs: 20_000, intervalMs: 500 });
    log.info(`etcd: removed member ${row.name}`);
  } finally {
    await lock.release();
  }
}

/**
 * A join is undone of which no control plane could be told: the member takes itself off the list while all still run, as one
 * that just stops may cost the others their quorum.
 */
export async function removeOwnMember(paths: Paths, identity: Identity): Promise<void> {
  const etcd = await etcdClient(paths, identity);
  try {
    const own = (await etcd.members()).find((member) => isOwn(identity, member));
    if (!own) return;
    await moveLeadershipFrom(etcd, own);
    await etcd.removeMember(own.id);
    log.info(`etcd: removed this node's own member ${own.name}`);
  } finally {
    etcd.close();
  }
}

/** Another voter leads from now on, if this one did and there is another that works. */
export async function moveLeadershipFrom(etcd: EtcdClient, member: Member): Promise<void> {
  const { leader } = await etcd.status();
  const [url] = member.clientUrls;
  if (leader !== member.id || url === undefined) return;
  const { all, healthy } = await votersOf(etcd);
  const next = all.find(({ id }) => id !== member.id && healthy.has(id));
  if (!next) return;
  const client = etcd.only(url);
  try {
    await client.moveLeader(next.id);
  } catch (error) {
    log.info(`etcd: the leadership of ${member.name} is left to an election: ${messageOf(error)}`);
  } finally {
    client.close();
  }
}

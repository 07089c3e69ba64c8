/**
 * Keeps a managed etcd able to take writes: gives the room of deleted keys back to the disk, one member after the other, and
 * lifts the alarm of a full one. The node whose member leads does it: that is one at a time without a lock, which a full
 * datastore would not give.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../base/errors.ts";
import { log } from "../base/log.ts";
import { until } from "../base/until.ts";
import type { Alarm, EtcdClient, Member, MemberStatus } from "../etcd/client.ts";
import { moveLeadershipFrom } from "./membership.ts";

const LOOK_EVERY_MS = 30_000;
const MIB = 1024 ** 2;
/** Less is not worth the pause of a member. */
const WORTH_BYTES = 64 * MIB;
const FULL_SHARE = 0.9;
const FILLING_SHARE = 0.8;

interface Voter extends Member {
  /** undefined: it does not answer. */
  readonly status: MemberStatus | undefined;
}
type Working = Voter & { readonly status: MemberStatus };

/** What operators have to know; an empty list if all is well. @throws Unreachable, EtcdError */
export async function problemsOfEtcd(etcd: EtcdClient): Promise<string[]> {
  const [alarms, voters] = await Promise.all([etcd.alarms(), votersOf(etcd)]);
  const nameOf = (id: string) => voters.find((voter) => voter.id === id)?.name ?? id;
  return [
    ...alarms.map((alarm) => textOf(alarm, nameOf(alarm.memberId))),
    ...(alarms.length > 0 ? [] : voters.filter(isWorking).flatMap(filling)),
    ...voters.filter((voter) => !isWorking(voter)).map(({ name }) => `member ${name} does not answer`),
  ];
}

const textOf = ({ kind }: Alarm, name: string) =>
  kind === "NOSPACE"
    ? `member ${name} is full: etcd takes no writes; delete what is not needed (k8s kubectl delete), the rest happens by itself within a minute`
    : `member ${name} holds other data than the rest (${kind}): remove its node and let it join anew`;

const inMiB = (bytes: string) => `${Math.round(Number(bytes) / MIB)} MiB`;

const filling = ({ name, status }: Working) =>
  Number(status.dbSizeInUse) > FILLING_SHARE * quotaOf(status)
    ? [
        `member ${name} holds ${inMiB(status.dbSizeInUse)} of at most ${inMiB(status.dbSizeQuota)}: delete what is not needed`,
      ]
    : [];

const quotaOf = ({ dbSizeQuota }: MemberStatus) => Number(dbSizeQuota) || Infinity;
const isWorking = (voter: Voter): voter is Working => voter.status !== undefined;

async function votersOf(etcd: EtcdClient): Promise<Voter[]> {
  const voters = (await etcd.members()).filter(({ isLearner }) => !isLearner);
  return Promise.all(voters.map(async (voter) => ({ ...voter, status: await statusOf(etcd, voter) })));
}

async function statusOf(etcd: EtcdClient, { clientUrls: [url] }: Member): Promise<MemberStatus | undefined> {
  if (url === undefined) return undefined;
  const member = etcd.only(url);
  try {
    return await member.status(3_000);
  } catch {
    return undefined;
  } finally {
    member.close();
  }
}

/** True if a member's file is worth rewriting: for the room on the disk, or, when etcd is full, for every byte. */
export function isWasteful(status: Pick<MemberStatus, "dbSize" | "dbSizeInUse">, isFull: boolean): boolean {
  const [size, used] = [Number(status.dbSize), Number(status.dbSizeInUse)];
  return isFull ? size > used * 1.1 + MIB : size - used >= WORTH_BYTES && used * 2 <= size;
}

export class Maintenance {
  readonly #etcd: EtcdClient;
  /** This node's own member. */
  readonly #endpoint: string;
  readonly #ending = new AbortController();
  #running: Promise<void> | undefined;

  constructor(etcd: EtcdClient, endpoint: string) {
    this.#etcd = etcd;
    this.#endpoint = endpoint;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    // The rewriting of a large file may be under way, and ends without us.
    await Promise.race([this.#running, sleep(5_000, undefined, { ref: false })]);
  }

  async #run() {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
      if (!signal.aborted)
        await this.look().catch((error: unknown) => log.warning(`etcd: maintenance: ${messageOf(error)}`));
    }
  }

  /** One pass; nothing is done on a node whose member does not lead. @throws Unreachable, EtcdError, WaitExpired */
  async look(): Promise<void> {
    const ownId = await this.#leadingMember();
    if (ownId === undefined) return;
    const full = (await this.#etcd.alarms()).filter(({ kind }) => kind === "NOSPACE");
    const before = await votersOf(this.#etcd);
    const first = before.find(isWorking);
    if (full.length > 0 && first) await this.#etcd.compact(first.status.revision).catch(alreadyCompacted);
    const voters = full.length > 0 ? await votersOf(this.#etcd) : before;
    const wasteful = voters.filter(isWorking).filter(({ status }) => isWasteful(status, full.length > 0));
    if (wasteful.length > 0 && !voters.every(isWorking))
      return log.warning("etcd: files are not rewritten while a member is away");
    for (const voter of wasteful.filter(({ id }) => id !== ownId)) await this.#rewrite(voter);
    const own = wasteful.find(({ id }) => id === ownId);
    // A leader that pauses is voted out: another one leads first, and rewrites this one's file in its own pass.
    if (own && voters.length > 1) return moveLeadershipFrom(this.#etcd, own);
    if (own) await this.#rewrite(own);
    if (full.length > 0) await this.#disarm(full);
  }

  async #leadingMember(): Promise<string | undefined> {
    const own = this.#etcd.only(this.#endpoint);
    try {
      const { memberId, leader } = await own.status();
      return leader === memberId ? memberId : undefined;
    } finally {
      own.close();
    }
  }

  async #rewrite({ name, clientUrls: [url], status }: Working) {
    log.info(
      `etcd: rewriting ${name}'s file of ${inMiB(status.dbSize)}, ${inMiB(status.dbSizeInUse)} in use`,
    );
    const member = this.#etcd.only(url!);
    try {
      await member.defragment();
      await until(`etcd member ${name} works again`, () => member.isHealthy(), { timeoutMs: 60_000 });
    } finally {
      member.close();
    }
  }

  async #disarm(alarms: readonly Alarm[]) {
    const voters = (await votersOf(this.#etcd)).filter(isWorking);
    const still = voters.filter(({ status }) => Number(status.dbSize) > FULL_SHARE * quotaOf(status));
    if (still.length > 0) {
      const sizes = still.map(({ name, status }) => `${name} ${inMiB(status.dbSize)}`).join(", ");
      log.error(`etcd: full of what is in use: ${sizes}`);
      return;
    }
    for (const alarm of alarms) await this.#etcd.disarm(alarm);
    log.info("etcd: there is room again, writes are taken");
  }
}

const alreadyCompacted = (error: unknown) => {
  if (!messageOf(error).includes("has been compacted")) throw error;
};

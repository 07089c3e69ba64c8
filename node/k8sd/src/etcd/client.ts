/**
 * etcd by its JSON gateway: keys, transactions, leases, watches, members. Ids and revisions are decimal strings, as etcd
 * sends them. Each call goes to the first endpoint that takes it: this node's own member, then the others.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ApiError } from "../base/errors.ts";
import { HttpsClient, Unreachable, type TlsMaterial } from "../base/https.ts";
import type { Identity } from "../base/identity.ts";
import { linesOf } from "../base/lines.ts";
import type { Paths } from "../base/paths.ts";

export interface Entry {
  readonly key: string;
  readonly value: string;
  /** Revision of the last change: the guard of a conditional write. */
  readonly revision: string;
}
export interface Member {
  /** Decimal, as every call takes it. */
  readonly id: string;
  /** Empty until the member has started for the first time. */
  readonly name: string;
  readonly isLearner: boolean;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
}
export interface MemberStatus {
  /** The member that answered. */
  readonly memberId: string;
  /** "0" while there is none. */
  readonly leader: string;
  readonly isLearner: boolean;
  readonly raftTerm: string;
  readonly raftIndex: string;
  readonly raftAppliedIndex: string;
  readonly dbSize: string;
  readonly dbSizeInUse: string;
  /** Bytes from which on writes are refused. */
  readonly dbSizeQuota: string;
  /** Of the keys. */
  readonly revision: string;
  readonly errors: readonly string[];
}
export interface Alarm {
  readonly memberId: string;
  /** The file of the member has reached its quota, and nobody may write; or its data are not those of the others. */
  readonly kind: "NOSPACE" | "CORRUPT";
}
export interface Write {
  readonly key: string;
  /** undefined deletes. */
  readonly value: string | undefined;
  /** Fails the transaction unless the key is at this revision; "0" means that it must not exist. */
  readonly expected?: string;
  /** The key ends with this lease. */
  readonly lease?: string;
}

/** For work on a whole file of some GiB. */
const SLOW_MS = 600_000;
const NO_QUORUM = /no leader|request timed out|leader changed/;

export class EtcdError extends Error {
  override readonly name = "EtcdError";
  readonly status: number;
  /** etcd's own words. */
  readonly reason: string;

  constructor(path: string, status: number, reason: string) {
    const hint = NO_QUORUM.test(reason)
      ? " (etcd has no working quorum: start the control planes that are away; k8s recover, if they are lost)"
      : "";
    super(`etcd answered ${status} to ${path}: ${reason}${hint}`);
    this.status = status;
    this.reason = reason;
  }
}

const encode = (text: string) => Buffer.from(text).toString("base64");
const decode = (text: string | undefined) => Buffer.from(text ?? "", "base64").toString("utf8");
/** The first key after all keys with this prefix. */
const endOf = (prefix: string) =>
  prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);

interface WireEntry {
  key: string;
  value?: string;
  mod_revision: string;
}
interface WireMember {
  ID: string;
  name?: string;
  isLearner?: boolean;
  peerURLs?: string[];
  clientURLs?: string[];
}
interface WireStatus {
  header: { member_id: string; revision?: string };
  leader?: string;
  isLearner?: boolean;
  raftTerm?: string;
  raftIndex?: string;
  raftAppliedIndex?: string;
  dbSize?: string;
  dbSizeInUse?: string;
  dbSizeQuota?: string;
  errors?: string[];
}

const memberOf = ({
  ID,
  name = "",
  isLearner = false,
  peerURLs = [],
  clientURLs = [],
}: WireMember): Member => ({
  id: ID,
  name,
  isLearner,
  peerUrls: peerURLs,
  clientUrls: clientURLs,
});

export class EtcdClient {
  #tls: TlsMaterial;
  readonly #clients = new Map<string, HttpsClient>();
  #endpoints: readonly string[];

  /** Endpoints are URLs, the preferred one first. */
  constructor(endpoints: readonly string[], tls: TlsMaterial) {
    this.#endpoints = endpoints;
    this.#tls = tls;
  }

  get endpoints(): readonly string[] {
    return this.#endpoints;
  }

  /** Takes other endpoints from the next call on. */
  use(endpoints: readonly string[]): void {
    this.#endpoints = endpoints;
    for (const [endpoint, https] of this.#clients)
      if (!endpoints.includes(endpoint)) {
        https.close();
        this.#clients.delete(endpoint);
      }
  }

  /** Takes another connection from the next call on. */
  reconnect(endpoints: readonly string[], tls: TlsMaterial): void {
    this.close();
    this.#tls = tls;
    this.#endpoints = endpoints;
  }

  /** Shows another certificate from the next connection on. */
  renew(tls: TlsMaterial): void {
    this.#tls = tls;
    for (const https of this.#clients.values()) https.use(tls);
  }

  /** A client of one member only, with the same credential; its user closes it. */
  only = (endpoint: string): EtcdClient => new EtcdClient([endpoint], this.#tls);

  get = async (key: string): Promise<Entry | undefined> => (await this.#range({ key: encode(key) }))[0];

  list = (prefix: string): Promise<Entry[]> =>
    this.#range({ key: encode(prefix), range_end: encode(endOf(prefix)) });

  /** True if any key begins so. */
  async hasAny(prefix: string): Promise<boolean> {
    const range = { key: encode(prefix), range_end: encode(endOf(prefix)), limit: "1", keys_only: true };
    return (await this.#range(range)).length > 0;
  }

  /** All writes or none; false if an expectation did not hold. */
  async commit(writes: readonly Write[]): Promise<boolean> {
    const compare = writes.flatMap(({ key, expected }) =>
      expected === undefined ? [] : [comparison(key, expected)],
    );
    const body = await this.post("kv/txn", { compare, success: writes.map(operation) });
    return (body as { succeeded?: boolean }).succeeded === true;
  }

  /** Deletes every key that begins so. */
  async deleteAll(prefix: string): Promise<void> {
    await this.post("kv/deleterange", { key: encode(prefix), range_end: encode(endOf(prefix)) });
  }

  /** A new lease's id. Keys written with it vanish when it was not renewed for so long. */
  async grantLease(ttlSeconds: number): Promise<string> {
    const { ID } = (await this.post("lease/grant", { TTL: String(ttlSeconds), ID: "0" })) as { ID: string };
    return ID;
  }

  /** False once the lease is over. */
  async renewLease(id: string): Promise<boolean> {
    const { result } = (await this.post("lease/keepalive", { ID: id })) as { result?: { TTL?: string } };
    return Number(result?.TTL ?? 0) > 0;
  }

  async revokeLease(id: string): Promise<void> {
    await this.post("lease/revoke", { ID: id });
  }

  /** Calls back at the begin, and after every change below a prefix, until the stream ends. @throws Unreachable, EtcdError */
  async watch(prefix: string, onChange: () => void, signal: AbortSignal): Promise<void> {
    const create_request = { key: encode(prefix), range_end: encode(endOf(prefix)), progress_notify: true };
    const call = { method: "POST", path: "/v3/watch", body: { create_request }, signal };
    const response = await this.#first((https) => https.open(call));
    if (response.statusCode !== 200) {
      response.resume();
      throw new EtcdError("watch", response.statusCode ?? 0, "watch refused");
    }
    // A member that vanished without a word leaves a silent connection; progress is told every ten minutes.
    response.socket.setTimeout(900_000, () => response.destroy(new Error("watch went silent")));
    for await (const line of linesOf(response)) {
      const { result } = JSON.parse(line) as {
        result?: { created?: boolean; canceled?: boolean; events?: unknown[] };
      };
      if (!result || result.canceled) return;
      if (result.created || result.events) onChange();
    }
  }

  async members(): Promise<Member[]> {
    const { members = [] } = (await this.post("cluster/member/list", {})) as { members?: WireMember[] };
    return members.map(memberOf);
  }

  /** The list as the first endpoint that answers has it: possibly outdated, but also without a quorum. */
  async membersAsKnown(): Promise<Member[]> {
    const body = { linearizable: false };
    const { members = [] } = (await this.post("cluster/member/list", body)) as { members?: WireMember[] };
    return members.map(memberOf);
  }

  /** A new member that does not vote yet. @throws EtcdError */
  async addLearner(peerUrl: string): Promise<Member> {
    const body = { peerURLs: [peerUrl], isLearner: true };
    const { member } = (await this.post("cluster/member/add", body)) as { member: WireMember };
    return memberOf(member);
  }

  async promote(id: string): Promise<void> {
    await this.post("cluster/member/promote", { ID: id });
  }

  async removeMember(id: string): Promise<void> {
    await this.post("cluster/member/remove", { ID: id });
  }

  /** Of the first endpoint that answers. */
  async status(timeoutMs?: number): Promise<MemberStatus> {
    const wire = (await this.post("maintenance/status", {}, timeoutMs)) as WireStatus;
    return {
      memberId: wire.header.member_id,
      leader: wire.leader ?? "0",
      isLearner: wire.isLearner ?? false,
      raftTerm: wire.raftTerm ?? "0",
      raftIndex: wire.raftIndex ?? "0",
      raftAppliedIndex: wire.raftAppliedIndex ?? "0",
      dbSize: wire.dbSize ?? "0",
      dbSizeInUse: wire.dbSizeInUse ?? "0",
      dbSizeQuota: wire.dbSizeQuota ?? "0",
      revision: wire.header.revision ?? "0",
      errors: wire.errors ?? [],
    };
  }

  /** Only the leader does this: the first endpoint must be its. */
  async moveLeader(to: string): Promise<void> {
    await this.post("maintenance/transfer-leadership", { targetID: to });
  }

  async alarms(): Promise<Alarm[]> {
    const { alarms = [] } = (await this.post("maintenance/alarm", { action: "GET" })) as {
      alarms?: { memberID: string; alarm: Alarm["kind"] }[];
    };
    return alarms.map(({ memberID, alarm }) => ({ memberId: memberID, kind: alarm }));
  }

  async disarm({ memberId, kind }: Alarm): Promise<void> {
    await this.post("maintenance/alarm", { action: "DEACTIVATE", memberID: memberId, alarm: kind });
  }

  /** Forgets what keys were before a revision; the room is free for new ones, the file stays as large as it is. */
  async compact(revision: string): Promise<void> {
    await this.post("kv/compaction", { revision, physical: true }, SLOW_MS);
  }

  /** Rewrites the file of the first endpoint's member, which answers nobody meanwhile. */
  async defragment(): Promise<void> {
    await this.post("maintenance/defragment", {}, SLOW_MS);
  }

  /** True if the first endpoint that answers is in a working quorum. */
  async isHealthy(): Promise<boolean> {
    // Whether it may grow is another question.
    const call = { method: "GET", path: "/health?exclude=NOSPACE", timeoutMs: 3_000 };
    const { status, body } = await this.#first((https) => https.call(call));
    return status === 200 && (body as { health?: string }).health === "true";
  }

  close(): void {
    for (const https of this.#clients.values()) https.close();
    this.#clients.clear();
  }

  /** Any call of the gateway (`kv/range`, …). @throws EtcdError, Unreachable */
  async post(path: string, body: unknown, timeoutMs = 8_000): Promise<unknown> {
    const call = { method: "POST", path: `/v3/${path}`, body, timeoutMs };
    return this.#first(async (https) => {
      const answer = await https.call(call);
      if (answer.status === 200) return answer.body;
      throw new EtcdError(path, answer.status, reasonOf(answer.body));
    });
  }

  async #range(body: object): Promise<Entry[]> {
    const { kvs = [] } = (await this.post("kv/range", body)) as { kvs?: WireEntry[] };
    return kvs.map(({ key, value, mod_revision }) => ({
      key: decode(key),
      value: decode(value),
      revision: mod_revision,
    }));
  }

  /** The next endpoint is asked where one is away, or is not (yet, or any more) a member that can answer. */
  async #first<T>(ask: (https: HttpsClient) => Promise<T>): Promise<T> {
    let last: unknown;
    for (const endpoint of this.#endpoints)
      try {
        return await ask(this.#client(endpoint));
      } catch (error) {
        if (!(error instanceof Unreachable) && !(error instanceof EtcdError && isElsewhere(error)))
          throw error;
        last ??= error;
      }
    throw last ?? new ApiError(503, "Cannot reach etcd: no endpoint is known");
  }

  #client(endpoint: string): HttpsClient {
    const known = this.#clients.get(endpoint);
    if (known) return known;
    const https = new HttpsClient(endpoint, this.#tls);
    this.#clients.set(endpoint, https);
    return https;
  }
}

const isElsewhere = ({ status, reason }: EtcdError) =>
  status === 503 || /not supported for learner|member has been removed|server stopped/.test(reason);

const reasonOf = (body: unknown): string => {
  const { message, error } = (body ?? {}) as { message?: string; error?: string };
  return message ?? error ?? JSON.stringify(body)?.slice(0, 300) ?? "no message";
};

const comparison = (key: string, revision: string) =>
  revision === "0"
    ? { key: encode(key), target: "CREATE", result: "EQUAL", create_revision: "0" }
    : { key: encode(key), target: "MOD", result: "EQUAL", mod_revision: revision };

const operation = ({ key, value, lease }: Write) =>
  value === undefined
    ? { request_delete_range: { key: encode(key) } }
    : { request_put: { key: encode(key), value: encode(value), ...(lease && { lease }) } };

/** Where etcd's clients on this node find it. */
export function endpointsFor({ datastore, address, peers, settings }: Identity): string[] {
  if (datastore.type === "external") return [...datastore.servers];
  const others = peers.map((peer) => peer.replace(/:\d+$/, "")).filter((ip) => ip !== address);
  return ["127.0.0.1", ...others].map((ip) => `https://${ip}:${settings.etcdPort}`);
}

/** Files of the client's certificate below the PKI directory; an external datastore may do without. */
export const clientFilesFor = ({ datastore }: Pick<Identity, "datastore">) =>
  datastore.type === "external"
    ? ({ ca: "etcd/ca.crt", cert: "etcd/client.crt", key: "etcd/client.key" } as const)
    : ({ ca: "etcd/ca.crt", cert: "k8sd-etcd-client.crt", key: "k8sd-etcd-client.key" } as const);

/** This node's credential at the cluster's datastore, as it lies on disk. */
export async function etcdTls(paths: Paths, identity: Identity): Promise<TlsMaterial> {
  const optional = identity.datastore.type === "external";
  const read = async (file: string) => {
    try {
      return await readFile(join(paths.pki, file), "utf8");
    } catch (error) {
      if (optional) return undefined;
      throw error;
    }
  };
  const files = clientFilesFor(identity);
  const [ca, cert, key] = await Promise.all([read(files.ca), read(files.cert), read(files.key)]);
  return { ...(ca && { ca }), ...(cert && key && { cert, key }) };
}

/** A client of the cluster's datastore, with this node's credential. */
export const etcdClient = async (paths: Paths, identity: Identity): Promise<EtcdClient> =>
  new EtcdClient(endpointsFor(identity), await etcdTls(paths, identity));

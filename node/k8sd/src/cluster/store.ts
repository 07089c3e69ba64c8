/**
 * What the cluster shares, in its etcd below `/cantrip/<cluster id>/` (decision 9). Every change of an existing value
 * is conditional on the revision that was read.
 */
import type { UserFacingClusterConfig } from "@cantrip/metadata/k8sd";
import type { Role } from "../base/identity.ts";
import { FIRST_ADMINS } from "../pki/admins.ts";
import type { EtcdClient, Write } from "../etcd/client.ts";

export interface TokenRow {
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the secret. The secret itself is derived from the cluster's key and the nonce, and kept nowhere. */
  readonly hash: string;
  readonly nonce: string;
  readonly expiresAt: number;
  /** SHA-256 of the public key of the first node that used it. */
  readonly boundTo?: string;
}
/** SHA-256 of a token's secret, and of the public key that it was used with. */
export interface JoinProof {
  readonly tokenHash: string;
  readonly keyHash: string;
}
export interface NodeRow {
  readonly name: string;
  readonly role: Role;
  readonly address: string;
  readonly credential: string;
  readonly state: "joining" | "joined" | "leaving";
  /** Milliseconds since the epoch of the latest admission. */
  readonly admittedAt?: number;
  /** What the node was admitted with: whoever holds both may take the join back, also after the token's end. */
  readonly admittedWith?: JoinProof;
}
export interface RevokedRow {
  readonly name: string;
  readonly credential: string;
  readonly at: string;
}
export interface AdminRow {
  /** Of administrators whose credential counts. */
  readonly generation: number;
}
export interface Stored<T> {
  readonly value: T;
  readonly revision: string;
}

export interface StoreWrite {
  readonly key: string;
  /** undefined deletes. */
  readonly value: unknown;
  /** Revision that the key must be at; "0": it must not exist. */
  readonly expected?: string;
  /** The key ends with this lease. */
  readonly lease?: string;
}

/** A guarded write lost against another one. Read again and decide again. */
export class Conflict extends Error {
  override readonly name = "Conflict";
}

export class Store {
  readonly #etcd: EtcdClient;
  readonly #prefix: string;

  constructor(etcd: EtcdClient, clusterId: string) {
    this.#etcd = etcd;
    this.#prefix = `/cantrip/${clusterId}/`;
  }

  readonly tokenKey = (name: string) => `tokens/${name}`;
  readonly nodeKey = (name: string) => `nodes/${name}`;
  readonly revokedKey = (credential: string) => `revoked/${credential}`;

  /** Claims the prefix for this cluster, if nobody has yet. */
  async claim(by: string): Promise<void> {
    const value = { by, at: new Date().toISOString() };
    await this.#etcd.commit([this.#write({ key: "claim", value, expected: "0" })]);
  }

  async read<T>(key: string): Promise<Stored<T> | undefined> {
    const entry = await this.#etcd.get(this.#prefix + key);
    return entry && { value: JSON.parse(entry.value) as T, revision: entry.revision };
  }

  async list<T>(prefix: string): Promise<T[]> {
    const entries = await this.#etcd.list(this.#prefix + prefix);
    return entries.map(({ value }) => JSON.parse(value) as T);
  }

  /** Writes or deletes (undefined) several keys, all or none. @throws Conflict */
  async commit(writes: readonly StoreWrite[]): Promise<void> {
    const done = await this.#etcd.commit(writes.map((write) => this.#write(write)));
    if (!done)
      throw new Conflict(`Cannot write ${writes.map(({ key }) => key).join(", ")}: it was changed meanwhile`);
  }

  /** Reads, decides, writes; again if another write came between. `change` returns undefined to leave things as they are. */
  async update<T>(key: string, change: (current: T | undefined) => T | undefined): Promise<T | undefined> {
    for (let attempt = 0; ; attempt += 1) {
      const current = await this.read<T>(key);
      const value = change(current?.value);
      if (value === undefined) return current?.value;
      try {
        await this.commit([{ key, value, expected: current?.revision ?? "0" }]);
        return value;
      } catch (error) {
        if (!(error instanceof Conflict) || attempt >= 8) throw error;
      }
    }
  }

  config = async (): Promise<UserFacingClusterConfig> =>
    (await this.read<UserFacingClusterConfig>("config"))?.value ?? {};
  adminGeneration = async (): Promise<number> =>
    (await this.read<AdminRow>("admin"))?.value.generation ?? FIRST_ADMINS;
  nodes = (): Promise<NodeRow[]> => this.list<NodeRow>("nodes/");
  revoked = (): Promise<RevokedRow[]> => this.list<RevokedRow>("revoked/");

  /** Deletes everything below a prefix. */
  clear = (prefix: string): Promise<void> => this.#etcd.deleteAll(this.#prefix + prefix);

  /** Calls back at the begin and after each change of anything here, until the stream ends. */
  watch = (onChange: () => void, signal: AbortSignal): Promise<void> =>
    this.#etcd.watch(this.#prefix, onChange, signal);

  #write({ key, value, expected, lease }: StoreWrite): Write {
    const text = value === undefined ? undefined : JSON.stringify(value);
    return {
      key: this.#prefix + key,
      value: text,
      ...(expected !== undefined && { expected }),
      ...(lease !== undefined && { lease }),
    };
  }
}

/** etcd by its JSON gateway: keys, transactions, members. Ids and revisions are decimal strings, as etcd sends them. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { HttpsClient } from "../base/https.ts";
import type { Paths } from "../base/paths.ts";

export interface Entry {
  readonly key: string;
  readonly value: string;
  /** Revision of the last change: the guard of a conditional write. */
  readonly revision: string;
}
export interface Member {
  readonly id: string;
  readonly name: string;
  readonly isLearner: boolean;
  readonly peerUrls: readonly string[];
}
export interface Write {
  readonly key: string;
  /** undefined deletes. */
  readonly value: string | undefined;
  /** Fails the transaction unless the key is at this revision; "0" means that it must not exist. */
  readonly expected?: string;
}

export class EtcdError extends Error {
  override readonly name = "EtcdError";
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
}

export class EtcdClient {
  readonly #https: HttpsClient;

  constructor(https: HttpsClient) {
    this.#https = https;
  }

  get = async (key: string): Promise<Entry | undefined> => (await this.#range({ key: encode(key) }))[0];

  list = (prefix: string): Promise<Entry[]> =>
    this.#range({ key: encode(prefix), range_end: encode(endOf(prefix)) });

  /** All writes or none; false if an expectation did not hold. */
  async commit(writes: readonly Write[]): Promise<boolean> {
    const compare = writes.flatMap(({ key, expected }) =>
      expected === undefined ? [] : [comparison(key, expected)],
    );
    const body = await this.#post("kv/txn", { compare, success: writes.map(operation) });
    return (body as { succeeded?: boolean }).succeeded === true;
  }

  async members(): Promise<Member[]> {
    const { members = [] } = (await this.#post("cluster/member/list", {})) as { members?: WireMember[] };
    return members.map(({ ID, name = "", isLearner = false, peerURLs = [] }) => ({
      id: BigInt(ID).toString(16),
      name,
      isLearner,
      peerUrls: peerURLs,
    }));
  }

  async isHealthy(): Promise<boolean> {
    const { status, body } = await this.#https.call({ method: "GET", path: "/health", timeoutMs: 3_000 });
    return status === 200 && (body as { health?: string }).health === "true";
  }

  close = (): void => this.#https.close();

  async #range(body: object): Promise<Entry[]> {
    const { kvs = [] } = (await this.#post("kv/range", body)) as { kvs?: WireEntry[] };
    return kvs.map(({ key, value, mod_revision }) => ({
      key: decode(key),
      value: decode(value),
      revision: mod_revision,
    }));
  }

  async #post(path: string, body: unknown): Promise<unknown> {
    const answer = await this.#https.call({ method: "POST", path: `/v3/${path}`, body, timeoutMs: 8_000 });
    if (answer.status === 200) return answer.body;
    const { message = JSON.stringify(answer.body) } = answer.body as { message?: string };
    throw new EtcdError(`etcd answered ${answer.status} to ${path}: ${message}`);
  }
}

const comparison = (key: string, revision: string) =>
  revision === "0"
    ? { key: encode(key), target: "CREATE", result: "EQUAL", create_revision: "0" }
    : { key: encode(key), target: "MOD", result: "EQUAL", mod_revision: revision };

const operation = ({ key, value }: Write) =>
  value === undefined
    ? { request_delete_range: { key: encode(key) } }
    : { request_put: { key: encode(key), value: encode(value) } };

/** A client of this node's own member. */
export async function etcdClient(paths: Paths, port: number): Promise<EtcdClient> {
  const read = (file: string) => readFile(join(paths.pki, file), "utf8");
  const [ca, cert, key] = await Promise.all([
    read("etcd/ca.crt"),
    read("k8sd-etcd-client.crt"),
    read("k8sd-etcd-client.key"),
  ]);
  return new EtcdClient(new HttpsClient(`https://127.0.0.1:${port}`, { ca, cert, key }));
}

/**
 * Join tokens (decision 11): random, hashed at rest, short-lived, bound to one name and, at the first use, to one key.
 * The secret is derived from a key of the cluster and the row's nonce, so that asking again gives the same token.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import { now } from "../base/clock.ts";
import { ApiError } from "../base/errors.ts";
import { readIfExists, writeAtomically } from "../base/files.ts";
import type { Role } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { readPair } from "../pki/pairs.ts";
import { fingerprintOf } from "../pki/certificates.ts";
import type { JoinProof, Store, TokenRow } from "./store.ts";

const DEFAULT_LIFETIME_MS = 24 * 3_600_000;
/** The mark by which the reference knows a worker's token. */
const WORKER_MARK = "m!!";
/** A token of another k8sd leads to a cluster that speaks another joining protocol. */
const KIND = "cantrip";

export interface JoinToken {
  readonly role: Role;
  readonly secret: string;
  readonly addresses: readonly string[];
  /** SHA-256 of the certificate of k8sd's authority. */
  readonly fingerprint: string;
}

export function encodeToken({ role, secret, addresses, fingerprint }: JoinToken): string {
  const fields =
    role === "worker"
      ? { token: "", secret, join_addresses: addresses, fingerprint, _: WORKER_MARK }
      : { secret, fingerprint, join_addresses: addresses };
  return Buffer.from(JSON.stringify({ ...fields, kind: KIND })).toString("base64");
}

/** @throws ApiError 400 for anything that is not a token of ours */
export function decodeToken(text: string): JoinToken {
  const fields = tokenFields(text);
  if (fields["kind"] !== KIND)
    throw new ApiError(
      400,
      "Cannot use the join token: it was issued by another kind of k8sd; nodes of one cluster all run the same kind",
    );
  const { secret, fingerprint, join_addresses: addresses } = fields;
  const valid =
    typeof secret === "string" &&
    typeof fingerprint === "string" &&
    /^[0-9a-f]{64}$/.test(fingerprint) &&
    Array.isArray(addresses);
  if (
    !valid ||
    !addresses.every(
      (address): address is string => typeof address === "string" && /^[0-9.]+:\d{1,5}$/.test(address),
    ) ||
    addresses.length === 0
  )
    throw new ApiError(400, "Cannot use the join token: a field is missing or damaged");
  return { role: fields["_"] === WORKER_MARK ? "worker" : "control-plane", secret, addresses, fingerprint };
}

function tokenFields(text: string): Record<string, unknown> {
  try {
    const fields: unknown = JSON.parse(Buffer.from(text, "base64").toString("utf8"));
    if (typeof fields === "object" && fields !== null) return fields as Record<string, unknown>;
  } catch {
    // Said below, without the token: it is a secret.
  }
  throw new ApiError(400, "Cannot read the join token: expected the text that get-join-token printed");
}

export const hashOf = (secret: string) => createHash("sha256").update(secret).digest("hex");

export class Tokens {
  readonly #paths: Paths;
  readonly #store: Store;

  constructor(paths: Paths, store: Store) {
    this.#paths = paths;
    this.#store = store;
  }

  /** The token of a name: the same one again while it is unused and unexpired, its lifetime as asked now. */
  async issue(name: string, role: Role, lifetimeMs: number, addresses: readonly string[]): Promise<string> {
    const key = await clusterKey(this.#paths);
    const expiresAt = now() + (lifetimeMs || DEFAULT_LIFETIME_MS);
    const row = await this.#store.update<TokenRow>(this.#store.tokenKey(name), (current) => {
      const usable =
        current && current.role === role && current.expiresAt > now() && current.boundTo === undefined;
      const nonce = usable ? current.nonce : randomBytes(16).toString("hex");
      return { name, role, nonce, expiresAt, hash: hashOf(secretFor(key, name, role, nonce)) };
    });
    const secret = secretFor(key, name, role, row!.nonce);
    const authority = await readPair(this.#paths.certificates, "ca");
    return encodeToken({ role, secret, addresses, fingerprint: fingerprintOf(authority!.certificate) });
  }

  /** Binds a valid token to a key. @throws ApiError 401 for everyone else, without saying why */
  async use(name: string, secret: string, keyHash: string): Promise<TokenRow> {
    const row = await this.#store.update<TokenRow>(this.#store.tokenKey(name), (current) => {
      if (!current || !matches(current, secret, keyHash)) return undefined;
      return { ...current, boundTo: keyHash };
    });
    if (!row || !matches(row, secret, keyHash)) throw new ApiError(401, "invalid token");
    return row;
  }

  /** True for whoever has bound the token, or may still; also once its time is over: there is nothing to gain then but an end. */
  async isHeldBy(name: string, { tokenHash, keyHash }: JoinProof): Promise<boolean> {
    const row = (await this.#store.read<TokenRow>(this.#store.tokenKey(name)))?.value;
    return row !== undefined && isSameHash(row.hash, tokenHash) && (row.boundTo ?? keyHash) === keyHash;
  }

  /** Uses nothing up. @throws ApiError 401 unless this is the valid token of a worker of this name */
  async checkWorker(name: string, secret: string): Promise<void> {
    const row = (await this.#store.read<TokenRow>(this.#store.tokenKey(name)))?.value;
    const isRight = row?.role === "worker" && matches(row, secret, row.boundTo ?? "");
    if (!isRight) throw new ApiError(401, "invalid token");
  }

  revoke = (name: string): Promise<void> =>
    this.#store.commit([{ key: this.#store.tokenKey(name), value: undefined }]);

  /** Lets another key use the token: the one that had it has given up. */
  async unbind(name: string, keyHash: string): Promise<void> {
    await this.#store.update<TokenRow>(this.#store.tokenKey(name), (current) => {
      if (current?.boundTo !== keyHash) return undefined;
      const { boundTo: _boundTo, ...unbound } = current;
      return unbound;
    });
  }

  async isValid(name: string): Promise<boolean> {
    const row = (await this.#store.read<TokenRow>(this.#store.tokenKey(name)))?.value;
    return row !== undefined && row.expiresAt > now();
  }
}

/** What tokens are derived from; the same on every control plane. */
export async function clusterKey({ certificates }: Paths): Promise<string> {
  const path = join(certificates, "token.key");
  const found = await readIfExists(path);
  if (found) return found;
  const key = randomBytes(32).toString("hex");
  await writeAtomically(path, key);
  return key;
}

export const isSameHash = (one: string, other: string): boolean =>
  timingSafeEqual(Buffer.from(one, "hex"), Buffer.from(other, "hex"));

function matches(row: TokenRow, secret: string, keyHash: string): boolean {
  const isFree = row.boundTo === undefined || row.boundTo === keyHash;
  return isSameHash(row.hash, hashOf(secret)) && row.expiresAt > now() && isFree;
}

function secretFor(key: string, name: string, role: Role, nonce: string): string {
  const digest = createHmac("sha256", key)
    .update(JSON.stringify(["join", role, name, nonce]))
    .digest("hex");
  return role === "worker" ? `worker::${digest.slice(0, 40)}` : digest;
}

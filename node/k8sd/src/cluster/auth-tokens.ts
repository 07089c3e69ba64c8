/**
 * Tokens of Kubernetes users (spec k8sd 3.8). A token is derived from the cluster's key, so that asking again gives the same
 * one and none is kept; it is found by its hash.
 */
import { createHash, createHmac, randomBytes } from "node:crypto";
import { ApiError } from "../base/errors.ts";
import { Conflict, type Store } from "./store.ts";
import { clusterKey } from "./tokens.ts";
import type { Paths } from "../base/paths.ts";

export interface AuthRow {
  readonly username: string;
  /** Sorted. */
  readonly groups: readonly string[];
  readonly nonce: string;
}

const PREFIX = "token::";
const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");
const userKey = (username: string, groups: readonly string[]) =>
  `auth/users/${hashOf(JSON.stringify([username, groups]))}`;
const tokenKey = (token: string) => `auth/tokens/${hashOf(token)}`;

export class AuthTokens {
  readonly #paths: Paths;
  readonly #store: Store;

  constructor(paths: Paths, store: Store) {
    this.#paths = paths;
    this.#store = store;
  }

  /** The token of a user with these groups, whatever their order. @throws ApiError 400 */
  async issue(username: string, groups: readonly string[]): Promise<string> {
    refuseBadUser(username, groups);
    const sorted = [...groups].sort();
    const key = await clusterKey(this.#paths);
    const known = await this.#store.read<AuthRow>(userKey(username, sorted));
    if (known) return tokenFor(key, known.value);
    const row: AuthRow = { username, groups: sorted, nonce: randomBytes(16).toString("hex") };
    const token = tokenFor(key, row);
    try {
      await this.#store.commit([
        { key: userKey(username, sorted), value: row, expected: "0" },
        { key: tokenKey(token), value: row },
      ]);
      return token;
    } catch (error) {
      if (error instanceof Conflict) return this.issue(username, groups);
      throw error;
    }
  }

  /** Whose a token is; undefined if nobody's. */
  async find(token: string): Promise<AuthRow | undefined> {
    if (!token.startsWith(PREFIX) || token.length > 128) return undefined;
    return (await this.#store.read<AuthRow>(tokenKey(token)))?.value;
  }

  /** An unknown one is revoked already. */
  async revoke(token: string): Promise<void> {
    if (token === "") throw new ApiError(400, "token cannot be empty");
    const row = await this.find(token);
    if (!row) return;
    await this.#store.commit([
      { key: tokenKey(token), value: undefined },
      { key: userKey(row.username, row.groups), value: undefined },
    ]);
  }
}

function refuseBadUser(username: string, groups: readonly string[]) {
  if (username === "") throw new ApiError(400, "username cannot be empty");
  if (groups.includes("")) throw new ApiError(400, "groups: a group cannot be empty");
  if (new Set(groups).size < groups.length) throw new ApiError(400, "groups: a group is named twice");
}

const tokenFor = (key: string, { username, groups, nonce }: AuthRow): string => {
  const digest = createHmac("sha256", key).update(JSON.stringify(["auth", username, groups, nonce]));
  return `${PREFIX}${digest.digest("hex").slice(0, 40)}`;
};

const VERSIONS = new Set(["authentication.k8s.io/v1", "authentication.k8s.io/v1beta1"]);

interface TokenReview {
  readonly apiVersion?: unknown;
  readonly kind?: unknown;
  readonly spec?: { readonly token?: unknown; readonly audiences?: unknown };
}

/** Answers Kubernetes' own question, in its own form. */
export async function reviewToken(
  tokens: () => AuthTokens,
  body: unknown,
): Promise<{ status: number; body: object }> {
  const review = (typeof body === "object" && body !== null ? body : {}) as TokenReview;
  const { apiVersion, kind, spec = {} } = review;
  const answer = (status: number, verdict: object) => ({
    status,
    body: { apiVersion, kind, spec, status: verdict },
  });
  if (kind !== "TokenReview" || !VERSIONS.has(String(apiVersion)))
    return answer(401, { error: "expected a TokenReview of authentication.k8s.io/v1" });
  const row = typeof spec.token === "string" ? await tokens().find(spec.token) : undefined;
  if (!row) return answer(401, { error: "invalid token" });
  const { username, groups } = row;
  const user = { username, uid: username, groups };
  return answer(200, {
    authenticated: true,
    ...(Array.isArray(spec.audiences) && { audiences: spec.audiences as unknown[] }),
    user,
  });
}

/** Join tokens: random, hashed, short-lived, bound to one name and one key. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { pathsBelow, type Paths } from "../src/base/paths.ts";
import type { EtcdClient } from "../src/etcd/client.ts";
import { Store } from "../src/cluster/store.ts";
import { decodeToken, encodeToken, Tokens } from "../src/cluster/tokens.ts";
import { createAuthority } from "../src/pki/certificates.ts";
import { writePair } from "../src/pki/pairs.ts";
import { MemoryEtcd } from "./memory-etcd.ts";

let root: string;
let paths: Paths;
let etcd: MemoryEtcd;
let tokens: Tokens;
const HOUR_MS = 3_600_000;
const addresses = ["10.0.0.1:6400"];
const issue = (name = "w1", lifetimeMs = HOUR_MS) => tokens.issue(name, "worker", lifetimeMs, addresses);

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "k8sd-tokens-"));
  paths = pathsBelow(root);
  await writePair(paths.certificates, "ca", await createAuthority("k8sd-ca"));
  etcd = new MemoryEtcd();
  tokens = new Tokens(paths, new Store(etcd as unknown as EtcdClient, "c"));
});

afterEach(async () => {
  vi.useRealTimers();
  await rm(root, { recursive: true });
});

test("a token says where to go and whom to trust, and the datastore holds only its hash", async () => {
  const { secret, ...rest } = decodeToken(await issue());
  expect(rest).toEqual({
    role: "worker",
    addresses,
    fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
  });
  expect(secret).toMatch(/^worker::[0-9a-f]{40}$/);
  expect(JSON.stringify([...etcd.keys])).not.toContain(secret.slice(8));
});

test("asked for again it is the same, until it is used", async () => {
  const first = await issue();
  expect(await issue()).toBe(first);
  expect(await issue("w2")).not.toBe(first);
  await tokens.use("w1", decodeToken(first).secret, "key");
  expect(await issue()).not.toBe(first);
});

test("the first key owns it; every other name, secret and key is refused", async () => {
  const { secret } = decodeToken(await issue());
  await expect(tokens.use("w2", secret, "key")).rejects.toMatchObject({ code: 401 });
  await expect(tokens.use("w1", `${secret}x`, "key")).rejects.toMatchObject({ code: 401 });
  await tokens.use("w1", secret, "key");
  await tokens.use("w1", secret, "key");
  await expect(tokens.use("w1", secret, "other key")).rejects.toMatchObject({ code: 401 });
});

test("it ends with its time and with its revocation", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  const { secret } = decodeToken(await issue("w1", 60_000));
  vi.setSystemTime(Date.now() + 61_000);
  await expect(tokens.use("w1", secret, "key")).rejects.toMatchObject({ code: 401 });
  const again = decodeToken(await issue("w1", 60_000));
  expect(again.secret).not.toBe(secret);
  await tokens.revoke("w1");
  await expect(tokens.use("w1", again.secret, "key")).rejects.toMatchObject({ code: 401 });
});

test.each([
  ["", /Cannot read/],
  ["%%%", /Cannot read/],
  [Buffer.from("[1]").toString("base64"), /another kind/],
  [Buffer.from('{"secret":"s","fingerprint":"f","join_addresses":[]}').toString("base64"), /another kind/],
  [
    encodeToken({ role: "worker", secret: "s", addresses: ["evil.example/x"], fingerprint: "0".repeat(64) }),
    /damaged/,
  ],
  [encodeToken({ role: "worker", secret: "s", addresses: [], fingerprint: "0".repeat(64) }), /damaged/],
  [encodeToken({ role: "worker", secret: "s", addresses, fingerprint: "0" }), /damaged/],
])("%j is no token", (text, reason) => expect(() => decodeToken(text)).toThrow(reason));

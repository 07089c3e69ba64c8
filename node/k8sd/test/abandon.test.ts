/** A join that was given up leaves no ghost: whoever holds its token and its key may take it back, nobody else. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { pathsBelow } from "../src/base/paths.ts";
import { abandon, confirmJoined } from "../src/cluster/admit.ts";
import type { ControlPlane } from "../src/cluster/control-plane.ts";
import { Store, type NodeRow } from "../src/cluster/store.ts";
import { decodeToken, Tokens } from "../src/cluster/tokens.ts";
import type { EtcdClient } from "../src/etcd/client.ts";
import { createAuthority, newKey, requestFor, requestKeyHash } from "../src/pki/certificates.ts";
import { writePair } from "../src/pki/pairs.ts";
import { MemoryEtcd } from "./memory-etcd.ts";

const HOUR_MS = 3_600_000;
const name = "w1";

let root: string;
let store: Store;
let tokens: Tokens;
let plane: ControlPlane;
let deleted: string[];
let secret: string;
let request: string;
let row: NodeRow;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "k8sd-abandon-"));
  const paths = pathsBelow(root);
  await writePair(paths.certificates, "ca", await createAuthority("k8sd-ca"));
  store = new Store(new MemoryEtcd() as unknown as EtcdClient, "c");
  tokens = new Tokens(paths, store);
  deleted = [];
  const kube = {
    delete: (path: string) => Promise.resolve(void deleted.push(path)),
    apply: () => Promise.resolve(),
  };
  plane = { paths, store, kube } as unknown as ControlPlane;
  ({ secret } = decodeToken(await tokens.issue(name, "worker", HOUR_MS, ["10.0.0.1:6400"])));
  request = await requestFor(newKey(), `k8sd:${name}`);
  const keyHash = await requestKeyHash(request);
  const { hash } = await tokens.use(name, secret, keyHash);
  row = {
    name,
    role: "worker",
    address: "10.0.0.2",
    credential: "a1",
    state: "joining",
    admittedWith: { tokenHash: hash, keyHash },
  };
  await store.update<NodeRow>(store.nodeKey(name), () => row);
});

afterEach(async () => {
  vi.useRealTimers();
  await rm(root, { recursive: true });
});

const isGone = async () => {
  expect(await store.nodes()).toEqual([]);
  expect(deleted).toEqual(["/api/v1/nodes/w1"]);
  expect((await store.revoked()).map(({ credential }) => credential)).toEqual(["a1"]);
};

test("one that was admitted is forgotten, and its token may be tried again by another key", async () => {
  await abandon(plane, { name, secret, request });
  await isGone();
  await tokens.use(name, secret, "another key");
});

test("one that was noted as done is forgotten, too: its node may not have heard of that", async () => {
  await confirmJoined(plane, row);
  await abandon(plane, { name, secret, request });
  await isGone();
});

test("one that took longer than its token lived is forgotten", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  vi.setSystemTime(Date.now() + 2 * HOUR_MS);
  await abandon(plane, { name, secret, request });
  await isGone();
});

test.each(["another secret", "another key"])("%s takes nothing back", async (what) => {
  const other = await requestFor(newKey(), `k8sd:${name}`);
  const wrong = what === "another key" ? { secret, request: other } : { secret: `${secret}x`, request };
  await expect(abandon(plane, { name, ...wrong })).rejects.toMatchObject({ code: 401 });
  await confirmJoined(plane, row);
  await expect(abandon(plane, { name, ...wrong })).rejects.toMatchObject({ code: 401 });
  expect((await store.nodes()).map(({ state }) => state)).toEqual(["joined"]);
});

test("whoever has seen the key's public half alone takes nothing back", async () => {
  const der = Buffer.from(request.replace(/-----[^-]+-----|\s/g, ""), "base64");
  der[der.length - 1]! ^= 1;
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
  await expect(abandon(plane, { name, secret, request: forged })).rejects.toMatchObject({ code: 400 });
  expect(await store.nodes()).toEqual([row]);
});

test("a late word of an older life does not touch the node that has the name now", async () => {
  const now: NodeRow = { ...row, credential: "b2", admittedWith: { tokenHash: "00", keyHash: "00" } };
  await store.update<NodeRow>(store.nodeKey(name), () => now);
  await tokens.revoke(name);
  await expect(abandon(plane, { name, secret, request })).rejects.toMatchObject({ code: 401 });
  await expect(confirmJoined(plane, row)).rejects.toMatchObject({ code: 404 });
  expect(await store.nodes()).toEqual([now]);
});

/** Small decisions of the daemon, each alone. */
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readIfExists, removeDurably, writeAtomically, writeIfChanged } from "../src/base/files.ts";
import { until, WaitExpired } from "../src/base/until.ts";
import { isStale } from "../src/cluster/leases.ts";
import { corefile, replicasFor } from "../src/features/dns.ts";
import { pathOf, type NodeObject } from "../src/kube/client.ts";
import { merged, oomScoreIsRestricted } from "../src/node/containerd.ts";
import { portableKubeconfig } from "../src/node/kubeconfigs.ts";

let root: string;
beforeAll(async () => void (root = await mkdtemp(join(tmpdir(), "k8sd-pieces-"))));
afterAll(() => rm(root, { recursive: true }));

test("a file is replaced as a whole, and nothing is left beside it", async () => {
  const path = join(root, "deep/er/file");
  await writeAtomically(path, "one");
  await Promise.all(["two", "three", "four"].map((text) => writeAtomically(path, text)));
  expect(["two", "three", "four"]).toContain(await readFile(path, "utf8"));
  expect(await readdir(join(root, "deep/er"))).toEqual(["file"]);
  expect([await writeIfChanged(path, "five"), await writeIfChanged(path, "five")]).toEqual([true, false]);
  await removeDurably(path);
  await removeDurably(path);
  expect(await readIfExists(path)).toBeUndefined();
});

test("a wait ends with its name and the last reason", async () => {
  const never = until("the sun shines", () => Promise.reject(new Error("rain")), {
    timeoutMs: 30,
    intervalMs: 10,
  });
  await expect(never).rejects.toThrow(WaitExpired);
  await expect(never).rejects.toThrow("waited 0 s until the sun shines, in vain: rain");
});

test("extra containerd configuration overrides scalars and appends to lists", () => {
  const extra = JSON.parse('{"a":{"b":2},"list":[3],"__proto__":{"polluted":true}}') as Record<
    string,
    unknown
  >;
  const result = merged({ a: { b: 1, c: 1 }, list: [1, 2] }, extra);
  expect(result).toMatchObject({ a: { b: 2, c: 1 }, list: [1, 2, 3] });
  expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
});

test("whether an oom score may be lowered is tried, and put back", async () => {
  const file = join(root, "oom_score_adj");
  await writeFile(file, "100");
  expect(oomScoreIsRestricted(file)).toBe(false);
  expect(await readFile(file, "utf8")).toBe("100");
});

const node = (name: string, ready: boolean): NodeObject => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name },
  spec: {},
  status: { conditions: [{ type: "Ready", status: ready ? "True" : "Unknown" }] },
});

test.each([
  [[], 1, 1],
  [[node("a", true)], 2, 1],
  [[node("a", true), node("b", false)], 1, 1],
  [[node("a", true), node("b", true)], 1, 2],
  [[node("a", true), node("b", false)], 2, 2],
] as const)("CoreDNS replicas: case %#", (nodes, present, expected) => {
  expect(replicasFor(nodes, present)).toBe(expected);
});

test("CoreDNS forwards only where there is somebody to forward to", () => {
  expect(corefile({ domain: "k8s.example", upstream: ["1.1.1.1", "/etc/resolv.conf"] })).toContain(
    "forward . 1.1.1.1 /etc/resolv.conf",
  );
  expect(corefile({ domain: "k8s.example", upstream: [] })).not.toContain("forward");
});

test.each([
  ["n1_x", "2026-01-01T00:00:00Z", true],
  ["n1_x", "2026-01-01T00:00:10Z", false],
  ["n10_x", "2026-01-01T00:00:00Z", false],
  ["", "2026-01-01T00:00:00Z", false],
  ["n1_x", undefined, false],
])("a lease of %j last renewed at %j is stale: %j", (holderIdentity, renewTime, expected) => {
  const lease = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "x" },
    spec: { holderIdentity, ...(renewTime && { renewTime }) },
  };
  expect(isStale(lease, "n1", Date.parse("2026-01-01T00:00:05Z"))).toBe(expected);
});

test.each([
  ["v1", "Service", "/api/v1/namespaces/d/services/x"],
  ["v1", "Node", "/api/v1/nodes/x"],
  ["apps/v1", "Deployment", "/apis/apps/v1/namespaces/d/deployments/x"],
  [
    "admissionregistration.k8s.io/v1",
    "ValidatingAdmissionPolicy",
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/x",
  ],
])("%s %s lies at %s", (apiVersion, kind, path) => {
  expect(pathOf({ apiVersion, kind, metadata: { name: "x", namespace: "d" } })).toBe(path);
});

test("an administrator's kubeconfig works anywhere", () => {
  const config = JSON.parse(portableKubeconfig("https://x:6443", "CA", { certificate: "C", key: "K" })) as {
    users: { user: object }[];
  };
  expect(config.users[0]?.user).toEqual({ "client-certificate-data": "Qw==", "client-key-data": "Sw==" });
});

/** Small decisions of the daemon, each alone. */
import { spawn, spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  readIfExists,
  removeDurably,
  sweepTemporaries,
  writeAtomically,
  writeIfChanged,
} from "../src/base/files.ts";
import { until, WaitExpired } from "../src/base/until.ts";
import { pathsBelow } from "../src/base/paths.ts";
import { isOurShim } from "../src/cluster/containers.ts";
import { isStale } from "../src/cluster/leases.ts";
import { undoingKubelet } from "../src/cluster/shared.ts";
import { corefile, replicasFor } from "../src/features/dns.ts";
import { pathOf, type NodeObject } from "../src/kube/client.ts";
import { claimMachine, isClaimed, releaseMachine } from "../src/node/claim.ts";
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

test("what killed writers have left is deleted, what living ones write is not", async () => {
  const folder = join(root, "swept");
  const { pid: dead } = spawnSync("true");
  const alive = spawn("sleep", ["60"]);
  const left = [`identity.json.${dead}-1.tmp`, `kubelet.crt.${process.pid}-999999.tmp`];
  const kept = [
    "identity.json",
    `ca.key.${alive.pid}-1.tmp`,
    `ca.key.${process.pid}-0.tmp`,
    "a.key.next",
    `notes-${dead}.tmp`,
    `${dead}-1.tmp.bak`,
  ];
  for (const name of [...left, ...kept]) await writeAtomically(join(folder, name), "x");
  await mkdir(join(folder, `folder.${dead}-1.tmp`));
  const swept = await sweepTemporaries([folder, join(root, "missing")]);
  alive.kill();
  expect(swept.sort()).toEqual(left.map((name) => join(folder, name)).sort());
  expect((await readdir(folder)).sort()).toEqual([...kept, `folder.${dead}-1.tmp`].sort());
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

test("a machine is claimed until it is released, both of which may be repeated", async () => {
  const paths = pathsBelow(join(root, "machine"), "/opt/k8s/current");
  const states = [await isClaimed(paths)];
  for (const step of [claimMachine, claimMachine, releaseMachine, releaseMachine]) {
    await step(paths);
    states.push(await isClaimed(paths));
  }
  expect(states).toEqual([false, true, true, false, false]);
});

test("only shims of node packages are ours", () => {
  const shims = (home: string) => isOurShim(`${home}/containerd-shim-runc-v2`, "/srv/tree");
  for (const ours of ["/opt/k8s/versions/1/bin", "/opt/cantrip/packages/1/bin", "/srv/tree/bin"])
    expect(shims(ours), ours).toBe(true);
  for (const others of ["/usr/local/bin", "/usr/bin", "/var/lib/x/opt/k8s/bin", "/opt/k8sd/bin"])
    expect(shims(others), others).toBe(false);
  expect(isOurShim("/opt/k8s/a/bin/containerd-shim-runc-v2 (deleted)", "/srv/tree")).toBe(true);
  expect(isOurShim("/opt/k8s/a/bin/runc", "/srv/tree")).toBe(false);
});

test("the kubelet's chains are undone, the rules of others stay", () => {
  const saved =
    "*filter\n:INPUT ACCEPT [0:0]\n:DOCKER - [0:0]\n:KUBE-FIREWALL - [0:0]\n-A INPUT -j DOCKER\n-A INPUT -j KUBE-FIREWALL\n-A KUBE-FIREWALL -j DROP\nCOMMIT\n";
  expect(undoingKubelet(saved)).toEqual([
    "-D INPUT -j KUBE-FIREWALL",
    "-F KUBE-FIREWALL",
    "-X KUBE-FIREWALL",
  ]);
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

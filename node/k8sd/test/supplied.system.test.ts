/** A cluster whose authorities are kept elsewhere, on real machines: every certificate is brought along. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Identity } from "../src/base/identity.ts";
import { resolveSettings } from "../src/cluster/settings.ts";
import { createAuthority, issue, newKey, type KeyPair } from "../src/pki/certificates.ts";
import type { Leaf } from "../src/pki/leaves.ts";
import { leavesOf } from "../src/pki/status.ts";
import { eventually, exec, kubectl, machines, must, node, readyNodes, shell } from "./machines.ts";

const AUTHORITIES = {
  kubernetes: "ca",
  client: "client-ca",
  frontProxy: "front-proxy-ca",
  etcd: "etcd-ca",
} as const;
type Kept = keyof typeof AUTHORITIES;
/** The operator's own, with their keys, which no node ever sees. */
const kept = {} as Record<Kept, KeyPair>;
const addresses: Record<string, string> = {};

const CONFIG_NAMES: Readonly<Record<string, string>> = {
  "etcd/server": "etcd-server",
  "etcd/peer": "etcd-peer",
  "apiserver-etcd-client": "etcd-apiserver-client",
};

const leavesFor = (name: string): Leaf[] =>
  leavesOf({
    name,
    role: name.startsWith("w") ? "worker" : "control-plane",
    address: addresses[name]!,
    credential: "none",
    datastore: { type: "etcd" },
    settings: resolveSettings({}),
    extraSans: [],
    externalAuthorities: ["kubernetes", "client", "frontProxy", "etcd"],
    supplied: [],
  } as unknown as Identity).filter(({ authority }) => authority !== "k8sd");

/** What an operator makes for a node, as a configuration has it. */
async function brought(name: string, without: readonly string[] = []): Promise<Record<string, string>> {
  const entries = leavesFor(name).map(async (leaf) => {
    const subject =
      leaf.file === "admin-client" ? { commonName: "root", organizations: ["system:masters"] } : leaf.subject;
    const { certificate, key } = await issue(kept[leaf.authority as Kept], { ...leaf, subject });
    const called = CONFIG_NAMES[leaf.file] ?? leaf.file;
    return without.includes(called)
      ? []
      : [[`${called}-crt`, certificate] as const, [`${called}-key`, key] as const];
  });
  return Object.fromEntries((await Promise.all(entries)).flat());
}

const run = (name: string, argv: readonly string[], config: object) =>
  machines.exec(name, argv, { stdin: JSON.stringify(config), timeoutMs: 240_000 });
const authorities = () =>
  Object.fromEntries(
    Object.entries(AUTHORITIES).map(([name, key]) => [`${key}-crt`, kept[name as Kept].certificate]),
  );

beforeAll(async () => {
  await machines.cleanup();
  await machines.prepare();
  for (const name of Object.keys(AUTHORITIES) as Kept[]) kept[name] = await createAuthority(`corp-${name}`);
  for (const name of ["c1", "c2", "w1"]) addresses[name] = await node(name);
});

afterAll(async () => {
  await machines.cleanup();
  await machines.restore();
});

test("what is missing is named, all at once, and nothing is changed", async () => {
  const config = {
    ...authorities(),
    ...(await brought("c1", ["apiserver", "etcd-peer"])),
    "front-proxy-client-key": newKey(),
  };
  const { exitCode, stderr } = await run("c1", ["k8s", "bootstrap", "--file", "-"], config);
  expect(exitCode).toBe(1);
  expect(stderr).toContain(
    "using an external kubernetes CA without providing the apiserver certificate is not possible",
  );
  expect(stderr).toContain(
    "using an external etcd CA without providing the etcd-peer certificate is not possible",
  );
  expect(stderr).toContain("front-proxy-client-key: does not belong to front-proxy-client-crt");
  expect(await shell("c1", "ls -d /etc/kubernetes 2>/dev/null || true")).toBe("");
});

test("a cluster stands on certificates that were all brought", async () => {
  const config = {
    "cluster-config": { network: { enabled: true }, dns: { enabled: true } },
    ...authorities(),
    ...(await brought("c1")),
  };
  const result = await run("c1", ["k8s", "bootstrap", "--file", "-"], config);
  expect(result).toMatchObject({ exitCode: 0 });
  await eventually("c1 is Ready", async () => (await readyNodes("c1")).join() === "c1");
  expect(
    await shell("c1", "ls /etc/kubernetes/pki/*ca.key /etc/kubernetes/pki/etcd/ca.key 2>/dev/null || true"),
  ).toBe("");
  const status = await must("c1", ["k8s", "certs-status"]);
  expect(status).toMatch(/^apiserver .*corp-kubernetes +yes$/m);
  expect(status).toMatch(/^k8sd-client .*k8sd-ca +no$/m);
  expect(status).toMatch(/^kubernetes-ca-client .*yes$/m);
  expect(await kubectl("c1", "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")).toBe("root");
});

test("a worker joins with what it brings, and not without", async () => {
  const token = (await must("c1", ["k8s", "get-join-token", "w1", "--worker"])).trim();
  const refused = await exec("w1", ["k8s", "join-cluster", token]);
  expect(refused.stderr).toMatch(/Cannot sign with kubernetes-ca|without providing the kubelet certificate/);
  const half = await run(
    "w1",
    ["k8s", "join-cluster", token, "--file", "-"],
    await brought("w1", ["kubelet"]),
  );
  expect(half.stderr).toMatch(/Cannot sign with kubernetes-ca|without providing the kubelet certificate/);
  const joined = await run("w1", ["k8s", "join-cluster", token, "--file", "-"], await brought("w1"));
  expect(joined).toMatchObject({ exitCode: 0 });
  await eventually("w1 is Ready", async () => (await readyNodes("c1")).join() === "c1,w1");
});

test("so does another control plane; what all of them share is not asked for again", async () => {
  const token = (await must("c1", ["k8s", "get-join-token", "c2"])).trim();
  const without = ["apiserver-kubelet-client", "etcd-apiserver-client"];
  const joined = await run("c2", ["k8s", "join-cluster", token, "--file", "-"], await brought("c2", without));
  expect(joined).toMatchObject({ exitCode: 0 });
  await eventually("c2 is Ready", async () => (await readyNodes("c2")).join() === "c1,c2,w1");
  expect(await must("c2", ["k8s", "status"])).toMatch(/\(voter\).*\(voter\)/);
});

test("a refresh leaves them alone, and refuses what it cannot sign", async () => {
  const before = await shell("c1", "sha256sum /etc/kubernetes/pki/apiserver.crt");
  await must("c1", ["k8s", "refresh-certs"]);
  expect(await shell("c1", "sha256sum /etc/kubernetes/pki/apiserver.crt")).toBe(before);
  const refused = await exec("c1", ["k8s", "refresh-certs", "--certificates", "apiserver"]);
  expect(refused.stderr).toContain("the key of what signs them is kept elsewhere");
});

test("new ones are brought while all goes on", async () => {
  const missing = await run(
    "w1",
    ["k8s", "refresh-certs", "--external-certificates", "-"],
    await brought("w1", ["kubelet"]),
  );
  expect(missing.stderr).toContain("kubelet certificate");
  for (const name of ["c1", "w1"]) {
    const before = await shell(name, "sha256sum /etc/kubernetes/pki/kubelet.crt");
    const said = await run(
      name,
      ["k8s", "refresh-certs", "--external-certificates", "-"],
      await brought(name),
    );
    expect(said).toMatchObject({
      exitCode: 0,
      stdout: "External certificates have been successfully updated.\n",
    });
    expect(await shell(name, "sha256sum /etc/kubernetes/pki/kubelet.crt")).not.toBe(before);
  }
  await eventually("all nodes stay Ready", async () => (await readyNodes("c2")).join() === "c1,c2,w1");
  await kubectl(
    "c1",
    "run",
    "probe",
    "--image=cantrip.local/coredns:1.14.7",
    "--image-pull-policy=Never",
    "--",
    "-version",
  );
  await eventually("logs come through the new kubelet's certificate", async () =>
    (await kubectl("c2", "logs", "probe")).includes("CoreDNS"),
  );
});

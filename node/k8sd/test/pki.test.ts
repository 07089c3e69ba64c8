/** The certificates of a node. */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Identity } from "../src/base/identity.ts";
import { pathsBelow, type Paths } from "../src/base/paths.ts";
import { resolveSettings } from "../src/cluster/settings.ts";
import { createAuthority, newKey, requestFor, requestKeyHash, signRequest } from "../src/pki/certificates.ts";
import { ensureControlPlanePki } from "../src/pki/cluster.ts";
import type { Subjects } from "../src/pki/leaves.ts";
import { certificatesStatus } from "../src/pki/status.ts";

let root: string;
let paths: Paths;
const request: Subjects = {
  adminGroup: "k8sd:admins:1",
  name: "c1",
  address: "10.0.0.1",
  credential: "abc",
  datastore: { type: "etcd" },
  settings: resolveSettings({ "cluster-config": { dns: { "cluster-domain": "k8s.example" } } }),
  extraSans: ["api.example.com", "203.0.113.5"],
  externalAuthorities: [],
};
const identity = { ...request, role: "control-plane", supplied: [] } as unknown as Identity;
const certificate = async (name: string) =>
  new X509Certificate(await readFile(join(paths.pki, `${name}.crt`), "utf8"));

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "k8sd-pki-"));
  paths = pathsBelow(root);
  await ensureControlPlanePki(paths, request);
});
afterAll(() => rm(root, { recursive: true }));

test("the API server is known by all its names, with the cluster's own domain", async () => {
  const names = (await certificate("apiserver")).subjectAltName!;
  for (const name of [
    "DNS:kubernetes",
    "DNS:kubernetes.default.svc",
    "DNS:kubernetes.default.svc.k8s.example",
    "DNS:api.example.com",
    "IP Address:10.0.0.1",
    "IP Address:10.152.183.1",
    "IP Address:127.0.0.1",
    "IP Address:203.0.113.5",
  ])
    expect(names).toContain(name);
});

test.each([
  ["apiserver", "ca", "CN=kube-apiserver"],
  ["kubelet", "ca", "CN=system:node:c1\nO=system:nodes"],
  ["kubelet-client", "client-ca", "CN=system:node:c1\nO=system:nodes\nO=k8sd:credential:abc"],
  ["kube-proxy-client", "client-ca", "CN=system:kube-proxy\nO=k8sd:credential:abc"],
  ["admin-client", "client-ca", "CN=kubernetes-admin\nO=k8sd:admins:1"],
  ["front-proxy-client", "front-proxy-ca", "CN=front-proxy-client"],
  ["etcd/server", "etcd/ca", "CN=kube-etcd"],
  ["k8sd-etcd-client", "etcd/ca", "CN=k8sd-etcd-client"],
])("%s is signed by %s as %j", async (name, authority, subject) => {
  const leaf = await certificate(name);
  expect(leaf.subject).toBe(subject);
  expect(leaf.verify((await certificate(authority)).publicKey)).toBe(true);
  expect(leaf.checkPrivateKey(createPrivateKey(await readFile(join(paths.pki, `${name}.key`))))).toBe(true);
  expect((await stat(join(paths.pki, `${name}.key`))).mode & 0o777).toBe(0o600);
});

test("client certificates serve nothing, serving certificates log in nowhere", async () => {
  expect((await certificate("kubelet-client")).keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
  expect((await certificate("apiserver")).keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
});

test("made again, nothing changes", async () => {
  const before = await readFile(join(paths.pki, "apiserver.crt"), "utf8");
  await ensureControlPlanePki(paths, request);
  expect(await readFile(join(paths.pki, "apiserver.crt"), "utf8")).toBe(before);
});

test("every certificate's expiry is shown, etcd's too", async () => {
  const { certificates, "certificate-authorities": authorities } = await certificatesStatus(paths, identity);
  expect(certificates.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["apiserver", "admin.conf", "kubelet", "etcd-server"]),
  );
  expect(authorities.map(({ name }) => name)).toContain("kubernetes-ca");
  for (const { expires } of certificates) expect(Date.parse(expires)).toBeGreaterThan(Date.now());
});

test("a certificate that cannot be read is a problem of its own, and hides no other", async () => {
  const before = await certificatesStatus(paths, identity);
  expect(before.problems).toBeUndefined();
  const damaged = [
    ["kubelet.crt", "no certificate"],
    ["kube-scheduler-client.crt", undefined],
    ["front-proxy-ca.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"],
  ] as const;
  const whole = await Promise.all(damaged.map(([name]) => readFile(join(paths.pki, name))));
  for (const [name, content] of damaged)
    if (content === undefined) await rm(join(paths.pki, name));
    else await writeFile(join(paths.pki, name), content);
  const after = await certificatesStatus(paths, identity);
  for (const [at, [name]] of damaged.entries()) await writeFile(join(paths.pki, name), whole[at]!);
  expect(after.problems).toHaveLength(3);
  for (const [name] of damaged)
    expect(after.problems!.join("\n")).toContain(`${join(paths.pki, name)}: expected`);
  expect(after.certificates).toEqual(
    before.certificates.filter(({ name }) => !["kubelet", "scheduler.conf"].includes(name)),
  );
  expect(after["certificate-authorities"]).toHaveLength(before["certificate-authorities"].length - 1);
});

test("a request decides nothing but its key", async () => {
  const authority = await createAuthority("ca");
  const key = newKey();
  const asked = await requestFor(key, "system:masters");
  const pem = await signRequest(authority, asked, {
    subject: { commonName: "system:node:w1", organizations: ["system:nodes"] },
    usages: ["client"],
  });
  expect(new X509Certificate(pem).subject).toBe("CN=system:node:w1\nO=system:nodes");
  expect(new X509Certificate(pem).checkPrivateKey(createPrivateKey(key))).toBe(true);
  expect(await requestKeyHash(asked)).toBe(await requestKeyHash(await requestFor(key, "other name")));
});

test("a request that is broken or not one is refused", async () => {
  const authority = await createAuthority("ca");
  const profile = { subject: { commonName: "x" }, usages: ["client"] as const };
  const good = await requestFor(newKey(), "x");
  const bytes = Buffer.from(good.replace(/-----[A-Z ]+-----/g, ""), "base64");
  bytes[bytes.length - 3]! ^= 1;
  const forged = `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
  for (const request of [forged, "", "x", authority.certificate])
    await expect(signRequest(authority, request, profile)).rejects.toThrow(TypeError);
});

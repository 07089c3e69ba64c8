/** Certificates that an operator brings along. */
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { Identity } from "../src/base/identity.ts";
import { pathsBelow } from "../src/base/paths.ts";
import { resolveSettings } from "../src/cluster/settings.ts";
import { createAuthority, issue, newKey, type KeyPair, type Profile } from "../src/pki/certificates.ts";
import { ensureControlPlanePki } from "../src/pki/cluster.ts";
import { renewable } from "../src/pki/refresh.ts";
import { certificatesStatus, leavesOf } from "../src/pki/status.ts";
import {
  externalAuthoritiesOf,
  problemsOfBootstrapCertificates,
  suppliedAmong,
  writeSuppliedAuthorities,
  writeSuppliedLeaves,
} from "../src/pki/supplied.ts";

const node = {
  schema: 1,
  name: "c1",
  role: "control-plane",
  address: "10.0.0.1",
  credential: "abc",
  datastore: { type: "etcd" },
  settings: resolveSettings({}),
  extraSans: [],
  externalAuthorities: [],
  supplied: [],
} as unknown as Identity;
const NOW = Date.now();

let ca: KeyPair;
let clientCa: KeyPair;
let other: KeyPair;
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const rsaKey = rsa.privateKey.export({ type: "pkcs8", format: "pem" });

const apiserver: Profile = {
  subject: { commonName: "anything" },
  names: ["kubernetes", "127.0.0.1", "10.0.0.1"],
  usages: ["server"],
};
const named = (name: string, { certificate, key }: KeyPair) => ({
  [`${name}-crt`]: certificate,
  [`${name}-key`]: key,
});
const problems = (config: Record<string, string>) =>
  problemsOfBootstrapCertificates(config, leavesOf(identityFor(config)), node, NOW);
const identityFor = (config: Record<string, string>): Identity => ({
  ...node,
  externalAuthorities: externalAuthoritiesOf(config),
});

beforeAll(async () => {
  [ca, clientCa, other] = (await Promise.all(
    ["ca", "client-ca", "ca"].map((name) => createAuthority(name)),
  )) as [KeyPair, KeyPair, KeyPair];
});

test("nothing is brought, nothing is wrong", () => expect(problems({})).toEqual([]));

test("a whole authority and a leaf of it are taken", async () => {
  const config = { ...named("ca", ca), ...named("apiserver", await issue(ca, apiserver)) };
  expect(problems(config)).toEqual([]);
  expect(externalAuthoritiesOf(config)).toEqual([]);
  expect(suppliedAmong(config, leavesOf(node))).toEqual(["apiserver"]);
});

describe("what is refused", () => {
  const refused = async (
    config: Record<string, string> | Promise<Record<string, string>>,
    ...expected: RegExp[]
  ) => {
    const found = problems(await config);
    for (const one of expected) expect(found).toContainEqual(expect.stringMatching(one));
    expect(found).toHaveLength(expected.length);
  };
  test("a key without its certificate", () =>
    refused(
      { "ca-key": ca.key, "apiserver-key": newKey() },
      /^kubernetes CA key is set without a certificate, fail to prevent causing issues$/,
      /^apiserver-key is set without apiserver-crt$/,
    ));
  test("a leaf without its key", async () =>
    refused(
      { ...named("ca", ca), "apiserver-crt": (await issue(ca, apiserver)).certificate },
      /^apiserver-crt is set without apiserver-key$/,
    ));
  test("a leaf whose authority is not brought", async () =>
    refused(
      named("apiserver", await issue(ca, apiserver)),
      /apiserver-crt: what signed it is missing: ca-crt/,
    ));
  test("a leaf of another authority of the same name", async () =>
    refused(
      { ...named("ca", ca), ...named("apiserver", await issue(other, apiserver)) },
      /apiserver-crt: was not signed by the authority CN=ca/,
    ));
  test("a key of another certificate", async () =>
    refused(
      { ...named("ca", ca), ...named("apiserver", { ...(await issue(ca, apiserver)), key: newKey() }) },
      /apiserver-key: does not belong to apiserver-crt/,
    ));
  test("a leaf in the place of an authority", async () =>
    refused(named("ca", await issue(ca, apiserver)), /ca-crt: is no certificate of an authority/));
  test("an API server that its own node does not know", async () =>
    refused(
      {
        ...named("ca", ca),
        ...named("apiserver", await issue(ca, { ...apiserver, names: ["api.example.com"] })),
      },
      /apiserver-crt: is not valid for kubernetes, 127\.0\.0\.1/,
    ));
  test("a client's certificate for a server", async () =>
    refused(
      { ...named("ca", ca), ...named("apiserver", await issue(ca, { ...apiserver, usages: ["client"] })) },
      /apiserver-crt: its extended key usage lacks serverAuth/,
    ));
  test("a kubelet that is another node", async () => {
    const subject = { commonName: "system:node:c2", organizations: ["system:nodes"] };
    const kubelet = await issue(clientCa, { subject, usages: ["client"] });
    await refused(
      { ...named("client-ca", clientCa), ...named("kubelet-client", kubelet) },
      /kubelet-client-crt: its subject lacks CN=system:node:c1$/,
    );
  });
  test("what has ended", async () => {
    const config = { ...named("ca", ca), ...named("apiserver", await issue(ca, apiserver, 1_000)) };
    const found = problemsOfBootstrapCertificates(config, leavesOf(node), node, NOW + 3_600_000);
    expect(found).toEqual([expect.stringMatching(/apiserver-crt: ended at /)]);
  });
  test.each([
    ["no certificate", { "ca-crt": "hello", "ca-key": "hello" }, /ca-crt: expected a certificate in PEM/],
    [
      "no key",
      { "service-account-key": "hello" },
      /service-account-key: expected an unencrypted private key/,
    ],
    [
      "a key of a kind that components do not take",
      {
        "service-account-key": generateKeyPairSync("ed25519").privateKey.export({
          type: "pkcs8",
          format: "pem",
        }),
      },
      /service-account-key: expected an unencrypted private key/,
    ],
  ])("%s", (_, config, expected) => refused(config, expected));
});

test("an authority without its key needs everything that it would sign, said at once", () => {
  const found = problems({ "client-ca-crt": clientCa.certificate });
  expect(found).toEqual(
    [
      "apiserver-kubelet-client",
      "admin-client",
      "kube-controller-manager-client",
      "kubelet-client",
      "kube-proxy-client",
      "kube-scheduler-client",
    ].map(
      (name) =>
        `using an external kubernetes client CA without providing the ${name} certificate is not possible`,
    ),
  );
});

describe("on disk", () => {
  test("the rest is signed by what was brought, an RSA key too, and keys have one form", async () => {
    const root = await mkdtemp(join(tmpdir(), "k8sd-supplied-"));
    const paths = pathsBelow(root);
    const { certificate: rsaCa, key } = await rsaAuthority();
    const config = { "ca-crt": rsaCa, "ca-key": key, "service-account-key": rsaKey };
    expect(problems(config)).toEqual([]);
    await writeSuppliedAuthorities(paths, config);
    await ensureControlPlanePki(paths, { ...node, adminGroup: "k8sd:admins:1" });
    const signed = new X509Certificate(await readFile(join(paths.pki, "apiserver.crt")));
    expect(signed.verify(new X509Certificate(rsaCa).publicKey)).toBe(true);
    expect(await readFile(join(paths.pki, "serviceaccount.key"), "utf8")).toContain("BEGIN RSA PRIVATE KEY");
    expect((await stat(join(paths.pki, "serviceaccount.key"))).mode & 0o777).toBe(0o600);
    await rm(root, { recursive: true });
  });

  test("what is brought stays as it is, says that it is managed elsewhere, and is not refreshed unasked", async () => {
    const root = await mkdtemp(join(tmpdir(), "k8sd-supplied-"));
    const paths = pathsBelow(root);
    const config = { ...named("ca", ca), ...named("apiserver", await issue(ca, apiserver)) };
    const identity = { ...node, supplied: ["apiserver"] };
    await writeSuppliedAuthorities(paths, config);
    await writeSuppliedLeaves(paths, config, leavesOf(identity));
    await ensureControlPlanePki(paths, { ...identity, adminGroup: "k8sd:admins:1" });
    expect(await readFile(join(paths.pki, "apiserver.crt"), "utf8")).toBe(config["apiserver-crt"]);
    const { certificates } = await certificatesStatus(paths, identity);
    const managed = certificates.filter((one) => one["externally-managed"]).map(({ name }) => name);
    expect(managed).toEqual(["apiserver"]);
    expect(renewable(identity, [])).not.toContain("apiserver");
    expect(renewable(identity, ["apiserver"]), "asked for by its name it is made here").toEqual([
      "apiserver",
    ]);
    const external = { ...identity, externalAuthorities: ["kubernetes" as const] };
    expect(() => renewable(external, ["kubelet"])).toThrow(/the key of what signs them is kept elsewhere/);
    await rm(root, { recursive: true });
  });
});

/** Self-signed, with an RSA key in PKCS#8. */
async function rsaAuthority(): Promise<KeyPair> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const [privateKey, publicKey] = await Promise.all([
    crypto.subtle.importKey(
      "pkcs8",
      new Uint8Array(rsa.privateKey.export({ type: "pkcs8", format: "der" })),
      algorithm,
      true,
      ["sign"],
    ),
    crypto.subtle.importKey(
      "spki",
      new Uint8Array(rsa.publicKey.export({ type: "spki", format: "der" })),
      algorithm,
      true,
      ["verify"],
    ),
  ]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: [{ CN: ["rsa-ca"] }],
    notBefore: new Date(NOW - 60_000),
    notAfter: new Date(NOW + 86_400_000),
    signingAlgorithm: algorithm,
    keys: { privateKey, publicKey },
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  });
  return { certificate: `${certificate.toString("pem")}\n`, key: rsaKey };
}

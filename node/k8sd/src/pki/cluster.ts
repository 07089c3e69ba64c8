/** The certificates of a control plane (spec k8sd 2.1): made once, found again by whoever resumes. */
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { readIfExists, writeAtomically } from "../base/files.ts";
import type { ClusterSettings, Datastore, Identity } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { nthAddress } from "../network/cidr.ts";
import { createAuthority, issue, newKey, type KeyPair, type Profile } from "./certificates.ts";

/** Group of every credential given to a node at its join; revocation names it. */
export const credentialGroup = (credential: string) => `k8sd:credential:${credential}`;

export interface PkiRequest {
  readonly name: string;
  readonly address: string;
  readonly credential: string;
  readonly settings: ClusterSettings;
  readonly datastore: Datastore;
  readonly extraSans: readonly string[];
}

/** Reads a pair of files, making it first if one is missing. */
async function ensurePair(directory: string, name: string, make: () => Promise<KeyPair>): Promise<KeyPair> {
  const found = await readPair(directory, name);
  if (found) return found;
  const pair = await make();
  await writePair(directory, name, pair);
  return pair;
}

/** The key is written first: a certificate on disk always has its key. */
export async function writePair(
  directory: string,
  name: string,
  { certificate, key }: KeyPair,
): Promise<void> {
  await writeAtomically(join(directory, `${name}.key`), key);
  await writeAtomically(join(directory, `${name}.crt`), certificate);
}

export async function readPair(directory: string, name: string): Promise<KeyPair | undefined> {
  const [certificate, key] = await Promise.all(
    [`${name}.crt`, `${name}.key`].map((file) => readIfExists(join(directory, file))),
  );
  return certificate && key ? { certificate, key } : undefined;
}

/** A pair that must be there. */
export async function requirePair(directory: string, name: string): Promise<KeyPair> {
  const pair = await readPair(directory, name);
  if (!pair)
    throw new Error(
      `Cannot use ${join(directory, name)}.crt and .key: expected both files of this control plane`,
    );
  return pair;
}

type AuthorityName = "kubernetes" | "client" | "frontProxy" | "k8sd";

/** The authorities of the cluster, each made if it is missing. etcd has one of its own only where it is managed. */
export async function readAuthorities(
  paths: Paths,
  { datastore }: Pick<Identity, "datastore">,
): Promise<Record<AuthorityName, KeyPair> & { readonly etcd?: KeyPair }> {
  const ensure = (name: keyof typeof commonNames) =>
    ensurePair(paths.pki, name, () => createAuthority(commonNames[name]));
  const [kubernetes, client, frontProxy, k8sd, etcd] = await Promise.all([
    ensure("ca"),
    ensure("client-ca"),
    ensure("front-proxy-ca"),
    ensurePair(paths.certificates, "ca", () => createAuthority("k8sd-ca")),
    datastore.type === "etcd" ? ensure("etcd/ca") : undefined,
  ]);
  return { kubernetes, client, frontProxy, k8sd, ...(etcd && { etcd }) };
}

const commonNames = {
  ca: "kubernetes-ca",
  "client-ca": "kubernetes-ca-client",
  "front-proxy-ca": "front-proxy-ca",
  "etcd/ca": "etcd-ca",
} as const;

/** Every certificate and key of a control plane, each made only if it is missing. */
export async function ensureControlPlanePki(paths: Paths, request: PkiRequest): Promise<void> {
  const authorities = await readAuthorities(paths, request);
  const leaf = (directory: string, name: string, authority: KeyPair, profile: Profile) =>
    ensurePair(directory, name, () => issue(authority, profile));
  const leaves = leavesOf(request).flatMap(({ name, authority, ...profile }) => {
    const signer = authorities[authority];
    return signer ? [leaf(paths.pki, name, signer, profile)] : [];
  });
  const own = leaf(paths.certificates, "server", authorities.k8sd, k8sdProfile("control-plane", request));
  await Promise.all([...leaves, own, ensureKey(join(paths.pki, "serviceaccount.key"))]);
}

async function ensureKey(path: string) {
  if ((await readIfExists(path)) === undefined) await writeAtomically(path, newKey());
}

interface Leaf extends Profile {
  readonly name: string;
  readonly authority: "kubernetes" | "client" | "frontProxy" | "etcd";
}

function leavesOf(request: PkiRequest): Leaf[] {
  const { name, credential } = request;
  const masters = ["system:masters"];
  const client = (file: string, commonName: string, organizations: readonly string[] = []): Leaf => ({
    name: file,
    authority: "client",
    subject: { commonName, organizations },
    usages: ["client"],
  });
  return [
    ...servingLeaves(request),
    {
      name: "front-proxy-client",
      authority: "frontProxy",
      subject: { commonName: "front-proxy-client" },
      usages: ["client"],
    },
    client("apiserver-kubelet-client", "apiserver-kubelet-client", masters),
    client("admin-client", "kubernetes-admin", masters),
    client("k8sd-client", `k8sd:control-plane:${name}`, masters),
    client("kube-controller-manager-client", "system:kube-controller-manager"),
    client("kube-scheduler-client", "system:kube-scheduler"),
    client("kube-proxy-client", "system:kube-proxy", [credentialGroup(credential)]),
    client("kubelet-client", `system:node:${name}`, ["system:nodes", credentialGroup(credential)]),
  ];
}

function servingLeaves(request: PkiRequest): Leaf[] {
  const { name, extraSans } = request;
  const nodeNames = [name, ...extraSans];
  const etcdNames = unique([...nodeNames, request.address, "127.0.0.1", "::1"]);
  return [
    {
      name: "apiserver",
      authority: "kubernetes",
      subject: { commonName: "kube-apiserver" },
      names: apiserverNames(request),
      usages: ["server"],
    },
    {
      name: "kubelet",
      authority: "kubernetes",
      subject: { commonName: `system:node:${name}`, organizations: ["system:nodes"] },
      names: unique([...nodeNames, request.address, "127.0.0.1", "::1"]),
      usages: ["server"],
    },
    // etcd's JSON gateway dials etcd itself with the serving certificate, so that one is a client's too.
    {
      name: "etcd/server",
      authority: "etcd",
      subject: { commonName: "kube-etcd" },
      names: etcdNames,
      usages: ["server", "client"],
    },
    {
      name: "etcd/peer",
      authority: "etcd",
      subject: { commonName: "kube-etcd-peer" },
      names: etcdNames,
      usages: ["server", "client"],
    },
    {
      name: "apiserver-etcd-client",
      authority: "etcd",
      subject: { commonName: "kube-apiserver-etcd-client" },
      usages: ["client"],
    },
    {
      name: "k8sd-etcd-client",
      authority: "etcd",
      subject: { commonName: "k8sd-etcd-client" },
      usages: ["client"],
    },
  ];
}

/** Names of the API server, with the cluster's real domain (the reference always writes cluster.local). */
export function apiserverNames({ name, address, settings, extraSans }: PkiRequest): string[] {
  const services = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"];
  const qualified = `kubernetes.default.svc.${settings.clusterDomain}`;
  const local = Object.values(networkInterfaces()).flatMap((addresses) =>
    (addresses ?? []).map((a) => a.address),
  );
  const addresses = [
    address,
    nthAddress(settings.serviceCidr, 1),
    "127.0.0.1",
    "::1",
    ...local.filter((a) => !a.startsWith("fe80:")),
  ];
  return unique([name, "localhost", ...services, qualified, ...addresses, ...extraSans]);
}

/** The daemon's own identity on :6400, as server and as client of the other daemons. */
export function k8sdProfile(
  role: "control-plane" | "worker",
  request: { name: string; address: string; extraSans?: readonly string[] },
): Profile {
  const { name, address, extraSans = [] } = request;
  return {
    subject: { commonName: `k8sd:${role}:${name}`, organizations: [`k8sd:${role}s`] },
    names: unique([name, address, "127.0.0.1", "::1", ...extraSans]),
    usages: ["server", "client"],
  };
}

const unique = (values: readonly string[]) => [...new Set(values)];

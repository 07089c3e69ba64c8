/** The certificates of a control plane: made once, found again by whoever resumes. */
import { join } from "node:path";
import { readIfExists, writeAtomically } from "../base/files.ts";
import type { Identity } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { createAuthority, issue, newKey, type KeyPair } from "./certificates.ts";
import { controlPlaneLeaves, type AuthorityName, type Leaf, type Place, type Subjects } from "./leaves.ts";
import { readPair, requirePair, writePair } from "./pairs.ts";

interface Authority {
  readonly commonName: string;
  readonly place: Place;
  readonly file: string;
}
export const AUTHORITIES: Readonly<Record<AuthorityName, Authority>> = {
  kubernetes: { commonName: "kubernetes-ca", place: "pki", file: "ca" },
  client: { commonName: "kubernetes-ca-client", place: "pki", file: "client-ca" },
  frontProxy: { commonName: "front-proxy-ca", place: "pki", file: "front-proxy-ca" },
  k8sd: { commonName: "k8sd-ca", place: "certificates", file: "ca" },
  etcd: { commonName: "etcd-ca", place: "pki", file: "etcd/ca" },
};

type Kind = Pick<Identity, "datastore">;
/** etcd has an authority of its own only where it is managed. */
export const authoritiesOf = ({ datastore }: Kind): AuthorityName[] => [
  "kubernetes",
  "client",
  "frontProxy",
  "k8sd",
  ...(datastore.type === "etcd" ? (["etcd"] as const) : []),
];

export type Authorities = ReadonlyMap<AuthorityName, KeyPair>;

/** The authorities of the cluster. @throws if one is missing: nothing else can stand in for it */
export async function readAuthorities(paths: Paths, kind: Kind): Promise<Authorities> {
  const pairs = authoritiesOf(kind).map(async (name) => {
    const { place, file } = AUTHORITIES[name];
    return [name, await requirePair(paths[place], file)] as const;
  });
  return new Map(await Promise.all(pairs));
}

export function authority(authorities: Authorities, name: AuthorityName): KeyPair {
  const pair = authorities.get(name);
  if (!pair) throw new Error(`Cannot sign with ${AUTHORITIES[name].commonName}: this cluster has none`);
  return pair;
}

/**
 * Every certificate and key of a control plane, each made only if it is missing or does not fit its key. An authority is
 * made only where there is nothing of it: a damaged one is somebody's to repair.
 */
export async function ensureControlPlanePki(paths: Paths, subjects: Subjects): Promise<void> {
  await Promise.all(authoritiesOf(subjects).map((name) => ensureAuthority(paths, name)));
  const authorities = await readAuthorities(paths, subjects);
  await Promise.all([
    ...controlPlaneLeaves(subjects).map((leaf) => ensureLeaf(paths, authorities, leaf)),
    ensureKey(join(paths.pki, "serviceaccount.key")),
  ]);
}

async function ensureAuthority(paths: Paths, name: AuthorityName): Promise<void> {
  const { commonName, place, file } = AUTHORITIES[name];
  const certificate = await readIfExists(join(paths[place], `${file}.crt`));
  if (certificate === undefined) await writePair(paths[place], file, await createAuthority(commonName));
}

async function ensureLeaf(paths: Paths, authorities: Authorities, leaf: Leaf): Promise<void> {
  if (await readPair(paths[leaf.place], leaf.file)) return;
  await writePair(paths[leaf.place], leaf.file, await issue(authority(authorities, leaf.authority), leaf));
}

async function ensureKey(path: string) {
  if ((await readIfExists(path)) === undefined) await writeAtomically(path, newKey());
}

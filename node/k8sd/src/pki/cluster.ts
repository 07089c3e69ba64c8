/** The certificates of a control plane: made once, found again by whoever resumes. */
import { join } from "node:path";
import { ApiError } from "../base/errors.ts";
import { readIfExists, writeAtomically, writeIfChanged } from "../base/files.ts";
import type { AuthorityName, Identity } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { createAuthority, issue, newKey, type KeyPair } from "./certificates.ts";
import { controlPlaneLeaves, type Leaf, type Place, type Subjects } from "./leaves.ts";
import { readPair, requireCertificate, requirePair, writePair } from "./pairs.ts";

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

type Kind = Pick<Identity, "datastore" | "externalAuthorities">;
/** etcd has an authority of its own only where it is managed. */
export const authoritiesOf = ({ datastore }: Pick<Kind, "datastore">): AuthorityName[] => [
  "kubernetes",
  "client",
  "frontProxy",
  "k8sd",
  ...(datastore.type === "etcd" ? (["etcd"] as const) : []),
];

/** An external one has no key here. */
type AuthorityPair = Pick<KeyPair, "certificate"> & Partial<KeyPair>;
export type Authorities = ReadonlyMap<AuthorityName, AuthorityPair>;

/** The authorities of the cluster. @throws if one is missing: nothing else can stand in for it */
export async function readAuthorities(paths: Paths, kind: Kind): Promise<Authorities> {
  const pairs = authoritiesOf(kind).map(async (name) => {
    const { place, file } = AUTHORITIES[name];
    const isExternal = kind.externalAuthorities.includes(name);
    const read = isExternal ? requireCertificate : requirePair;
    return [name, await read(paths[place], file)] as const;
  });
  return new Map(await Promise.all(pairs));
}

/** Certificates (PEM) of the authorities that are known here: on a worker not all are. */
export async function readAuthorityCertificates(
  paths: Paths,
  identity: Pick<Identity, "datastore">,
): Promise<Partial<Record<AuthorityName, string>>> {
  const entries = authoritiesOf(identity).map(async (name) => {
    const { place, file } = AUTHORITIES[name];
    return [name, await readIfExists(join(paths[place], `${file}.crt`))] as const;
  });
  return Object.fromEntries((await Promise.all(entries)).filter(([, pem]) => pem !== undefined));
}

/** PEM. */
export function authorityCertificate(authorities: Authorities, name: AuthorityName): string {
  const pair = authorities.get(name);
  if (!pair) throw new Error(`Cannot use ${AUTHORITIES[name].commonName}: this cluster has none`);
  return pair.certificate;
}

/** What signs. @throws ApiError 400 if its key is kept elsewhere */
export function authority(authorities: Authorities, name: AuthorityName): KeyPair {
  const { key } = authorities.get(name) ?? {};
  const certificate = authorityCertificate(authorities, name);
  if (key === undefined)
    throw new ApiError(
      400,
      `Cannot sign with ${AUTHORITIES[name].commonName}: its key is kept elsewhere; bring the certificate along`,
    );
  return { certificate, key };
}

/** k8sd's own authority beside the external one of clients. */
const CLIENT_AUTHORITIES = "client-authorities.crt";
/** In the PKI directory: whose certificates make a user to the API server. */
export const clientAuthorityFile = ({ externalAuthorities }: Pick<Kind, "externalAuthorities">): string =>
  externalAuthorities.includes("client") ? CLIENT_AUTHORITIES : "client-ca.crt";

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
    ...(subjects.externalAuthorities.includes("client") ? [writeClientAuthorities(paths, authorities)] : []),
  ]);
}

const writeClientAuthorities = (paths: Paths, authorities: Authorities) =>
  writeIfChanged(
    join(paths.pki, CLIENT_AUTHORITIES),
    authorityCertificate(authorities, "client") + authorityCertificate(authorities, "k8sd"),
  );

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

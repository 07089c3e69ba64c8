/**
 * The files that every control plane of a cluster holds, authorities with their keys above all. They travel sealed, at a
 * join, and encrypted, in a snapshot; never in etcd.
 */
import { join } from "node:path";
import { readIfExists, writeAtomically } from "../base/files.ts";
import type { AuthorityName, Identity } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { ENCRYPTION_FILE } from "./encryption.ts";

type Place = "pki" | "certificates";
type Kind = Pick<Identity, "datastore" | "externalAuthorities">;

const pair = (name: string) => [`${name}.key`, `${name}.crt`];
const SHARED: Readonly<Record<Place, readonly string[]>> = {
  pki: [
    ...pair("ca"),
    ...pair("client-ca"),
    ...pair("front-proxy-ca"),
    "serviceaccount.key",
    ENCRYPTION_FILE,
  ],
  certificates: [...pair("ca"), "token.key"],
};
const MANAGED_ETCD = pair("etcd/ca");
/** Certificates that are brought along once, for all control planes, where nobody here can sign them. */
const SHARED_LEAVES: Readonly<Partial<Record<AuthorityName, readonly string[]>>> = {
  client: ["apiserver-kubelet-client"],
  etcd: ["apiserver-etcd-client", "k8sd-etcd-client"],
};
export const sharedLeafFiles = ({ externalAuthorities }: Pick<Identity, "externalAuthorities">): string[] =>
  externalAuthorities.flatMap((name) => SHARED_LEAVES[name] ?? []);
const EXTERNAL_DATASTORE = ["etcd/ca.crt", "etcd/client.key", "etcd/client.crt"];

/** Every shared file, as `place/name`; one that does not exist is left out of what is read. */
function namesFor(identity: Kind): [Place, string][] {
  const etcd = identity.datastore.type === "etcd" ? MANAGED_ETCD : EXTERNAL_DATASTORE;
  return [
    ...[...SHARED.pki, ...etcd, ...sharedLeafFiles(identity).flatMap(pair)].map((name): [Place, string] => [
      "pki",
      name,
    ]),
    ...SHARED.certificates.map((name): [Place, string] => ["certificates", name]),
  ];
}

/** Contents by `place/name`. */
export type SharedSecrets = Readonly<Record<string, string>>;

export async function readSharedSecrets(paths: Paths, identity: Kind): Promise<SharedSecrets> {
  const entries = namesFor(identity).map(async ([place, name]) => {
    const text = await readIfExists(join(paths[place], name));
    return text === undefined ? [] : [[`${place}/${name}`, text] as const];
  });
  return Object.fromEntries((await Promise.all(entries)).flat());
}

/** Writes the known ones in their order, keys before certificates; names that are not known are left out. */
export async function writeSharedSecrets(
  paths: Paths,
  identity: Kind,
  secrets: SharedSecrets,
): Promise<void> {
  for (const [place, name] of namesFor(identity)) {
    const text = Object.hasOwn(secrets, `${place}/${name}`) ? secrets[`${place}/${name}`] : undefined;
    if (text !== undefined) await writeAtomically(join(paths[place], name), text);
  }
}

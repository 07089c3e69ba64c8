/**
 * The files that every control plane of a cluster holds, authorities with their keys above all. They travel sealed, at a
 * join, and encrypted, in a snapshot; never in etcd.
 */
import { join } from "node:path";
import { readIfExists, writeAtomically } from "../base/files.ts";
import type { Identity } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { ENCRYPTION_FILE } from "./encryption.ts";

type Place = "pki" | "certificates";

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
const EXTERNAL_DATASTORE = ["etcd/ca.crt", "etcd/client.key", "etcd/client.crt"];

/** Every shared file, as `place/name`; one that does not exist is left out of what is read. */
function namesFor({ datastore }: Pick<Identity, "datastore">): [Place, string][] {
  const etcd = datastore.type === "etcd" ? MANAGED_ETCD : EXTERNAL_DATASTORE;
  return [
    ...[...SHARED.pki, ...etcd].map((name): [Place, string] => ["pki", name]),
    ...SHARED.certificates.map((name): [Place, string] => ["certificates", name]),
  ];
}

/** Contents by `place/name`. */
export type SharedSecrets = Readonly<Record<string, string>>;

export async function readSharedSecrets(
  paths: Paths,
  identity: Pick<Identity, "datastore">,
): Promise<SharedSecrets> {
  const entries = namesFor(identity).map(async ([place, name]) => {
    const text = await readIfExists(join(paths[place], name));
    return text === undefined ? [] : [[`${place}/${name}`, text] as const];
  });
  return Object.fromEntries((await Promise.all(entries)).flat());
}

/** Writes the known ones in their order, keys before certificates; names that are not known are left out. */
export async function writeSharedSecrets(
  paths: Paths,
  identity: Pick<Identity, "datastore">,
  secrets: SharedSecrets,
): Promise<void> {
  for (const [place, name] of namesFor(identity)) {
    const text = Object.hasOwn(secrets, `${place}/${name}`) ? secrets[`${place}/${name}`] : undefined;
    if (text !== undefined) await writeAtomically(join(paths[place], name), text);
  }
}

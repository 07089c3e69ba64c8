/** Expiry of every certificate of this node, etcd's and the daemon's own too. */
import { join } from "node:path";
import type { CertificatesStatusResponse } from "@cantrip/metadata/k8sd";
import { readIfExists } from "../base/files.ts";
import type { Identity } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { factsOf, type CertificateFacts } from "./certificates.ts";
import { AUTHORITIES, authoritiesOf } from "./cluster.ts";
import { controlPlaneLeaves, workerLeaves, type Leaf } from "./leaves.ts";

const inSeconds = (date: Date) => date.toISOString().replace(/\.\d+Z$/, "Z");

/** Certificates of a node, without those that its cluster does not have. */
export const leavesOf = (identity: Identity, adminGroup = ""): Leaf[] =>
  identity.role === "worker" ? workerLeaves(identity) : controlPlaneLeaves({ ...identity, adminGroup });

/** True if this node, or a control plane for it, can make this certificate anew by itself. */
export const isRenewable = (
  { supplied, externalAuthorities }: Pick<Identity, "supplied" | "externalAuthorities">,
  { name, authority }: Leaf,
): boolean => !supplied.includes(name) && !externalAuthorities.includes(authority);

/** What a certificate on disk says. @throws if it is missing */
export async function leafFacts(
  paths: Paths,
  { place, file }: Pick<Leaf, "place" | "file">,
): Promise<CertificateFacts> {
  const path = join(paths[place], `${file}.crt`);
  const text = await readIfExists(path);
  if (text === undefined) throw new Error(`Cannot read ${path}: expected this node's certificate there`);
  return factsOf(text);
}

export async function certificatesStatus(
  paths: Paths,
  identity: Identity,
): Promise<CertificatesStatusResponse> {
  const isWorker = identity.role === "worker";
  const leaf = async (one: Leaf) => {
    const { expires, issuer } = await leafFacts(paths, one);
    return {
      name: one.name,
      expires: inSeconds(expires),
      "certificate-authority": issuer,
      "externally-managed": !isRenewable(identity, one),
    };
  };
  const authority = async (name: keyof typeof AUTHORITIES) => {
    const { commonName, place, file } = AUTHORITIES[name];
    const { expires } = await leafFacts(paths, { place, file });
    const key = await readIfExists(join(paths[place], `${file}.key`));
    return { name: commonName, expires: inSeconds(expires), "externally-managed": key === undefined };
  };
  return {
    certificates: await Promise.all(leavesOf(identity).map(leaf)),
    "certificate-authorities": isWorker ? [] : await Promise.all(authoritiesOf(identity).map(authority)),
  };
}

/** Expiry of every certificate of this node, etcd's and the daemon's own too. */
import { join } from "node:path";
import type { CertificatesStatusResponse } from "@cantrip/metadata/k8sd";
import { messageOf } from "../base/errors.ts";
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

/** What a certificate on disk says. @throws if it is missing, or is none */
export async function leafFacts(
  paths: Paths,
  { place, file }: Pick<Leaf, "place" | "file">,
): Promise<CertificateFacts> {
  const path = join(paths[place], `${file}.crt`);
  const text = await readIfExists(path);
  if (text === undefined) throw new Error(`Cannot read ${path}: expected this node's certificate there`);
  try {
    return factsOf(text);
  } catch (cause) {
    throw new Error(`Cannot read ${path}: expected a certificate (PEM), got something else`, { cause });
  }
}

/** One that cannot be read is a problem of its own: it hides no other. */
export async function certificatesStatus(
  paths: Paths,
  identity: Identity,
): Promise<CertificatesStatusResponse> {
  const problems: string[] = [];
  const each = async <T, S>(subjects: readonly T[], stateOf: (subject: T) => Promise<S>): Promise<S[]> => {
    const states = await Promise.allSettled(subjects.map(stateOf));
    return states.flatMap((state) => {
      if (state.status === "fulfilled") return [state.value];
      problems.push(messageOf(state.reason));
      return [];
    });
  };
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
  const certificates = await each(leavesOf(identity), leaf);
  const authorities = await each(identity.role === "worker" ? [] : authoritiesOf(identity), authority);
  return {
    certificates,
    "certificate-authorities": authorities,
    ...(problems.length > 0 && { problems }),
  };
}

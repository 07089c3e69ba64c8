/**
 * Refresh of this node's certificates: new keys, new certificates, replaced pair by pair. Nobody is restarted for it: the
 * components read their files again (docs/facts.md), and the daemon takes its own.
 */
import { join } from "node:path";
import { ApiError } from "../base/errors.ts";
import type { Identity } from "../base/identity.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";
import { writeKubeconfigs } from "../node/kubeconfigs.ts";
import { issue, LEAF_LIFETIME_MS, newKey, requestFor } from "./certificates.ts";
import { adminGenerationOf, adminGroup, FIRST_ADMINS } from "./admins.ts";
import { authority, ensureControlPlanePki, readAuthorities } from "./cluster.ts";
import type { Leaf } from "./leaves.ts";
import { finishPair, writePair } from "./pairs.ts";
import { isRenewable, leafFacts, leavesOf } from "./status.ts";

export interface Selection {
  /** Names as certs-status has them; all if there is none. */
  readonly names: readonly string[];
  readonly lifetimeMs?: number;
}

/** Certificate requests by name in, certificates out: how a worker has its keys signed. */
export type Signer = (
  requests: Readonly<Record<string, string>>,
  lifetimeMs: number,
) => Promise<Readonly<Record<string, string>>>;

/** @throws ApiError 400 in the reference's words */
export function selected(identity: Identity, names: readonly string[], adminGroup = ""): Leaf[] {
  const leaves = leavesOf(identity, adminGroup);
  const unknown = names.filter((name) => !leaves.some((leaf) => leaf.name === name));
  if (unknown.length > 0)
    throw new ApiError(
      400,
      `failed to validate requested certificates: invalid certificates for ${identity.role} node: ${unknown.join(", ")} (expected of ${leaves.map(({ name }) => name).join(", ")})`,
    );
  return names.length === 0 ? leaves : leaves.filter(({ name }) => names.includes(name));
}

/** Names to refresh: those asked for, or everything that is not brought from outside. @throws ApiError 400 */
export function renewable(identity: Identity, names: readonly string[]): string[] {
  const leaves = selected(identity, names);
  if (names.length === 0) return leaves.filter((leaf) => isRenewable(identity, leaf)).map(({ name }) => name);
  const foreign = leaves.filter(({ authority }) => identity.externalAuthorities.includes(authority));
  if (foreign.length > 0)
    throw new ApiError(
      400,
      `Cannot refresh ${foreign.map(({ name }) => name).join(", ")}: the key of what signs them is kept elsewhere; bring new ones along (k8s refresh-certs --external-certificates FILE)`,
    );
  return leaves.map(({ name }) => name);
}

/** Signs with the authorities that lie here. */
export async function refreshControlPlane(
  paths: Paths,
  identity: Identity,
  { names, lifetimeMs = LEAF_LIFETIME_MS }: Selection,
  adminGroup: string,
): Promise<void> {
  const leaves = selected(identity, names, adminGroup);
  const authorities = await readAuthorities(paths, identity);
  for (const leaf of leaves) {
    const pair = await issue(authority(authorities, leaf.authority), leaf, lifetimeMs);
    await writePair(paths[leaf.place], leaf.file, pair);
  }
  await writeKubeconfigs(paths, identity);
  log.info(`certificates: refreshed ${leaves.map(({ name }) => name).join(", ")}`);
}

/** Has the requests of new keys signed by a control plane; nothing is replaced before all of them are. */
export async function refreshWorker(
  paths: Paths,
  identity: Identity,
  { names, lifetimeMs = LEAF_LIFETIME_MS }: Selection,
  sign: Signer,
): Promise<void> {
  const leaves = selected(identity, names).map((leaf) => ({ leaf, key: newKey() }));
  const requests = leaves.map(
    async ({ leaf, key }) => [leaf.name, await requestFor(key, `${leaf.name}:${identity.name}`)] as const,
  );
  const certificates = await sign(Object.fromEntries(await Promise.all(requests)), lifetimeMs);
  for (const { leaf, key } of leaves) {
    const certificate = certificates[leaf.name];
    if (!certificate) throw new Error(`the control plane signed no certificate ${leaf.name}`);
    await writePair(paths[leaf.place], leaf.file, { certificate, key });
  }
  log.info(`certificates: refreshed ${leaves.map(({ leaf }) => leaf.name).join(", ")}`);
}

/** Makes good what a power cut between two renames has left, or a file that was lost; everything else stays as it is. */
export async function repairPki(paths: Paths, identity: Identity): Promise<void> {
  for (const { place, file } of leavesOf(identity)) await finishPair(paths[place], file);
  // A worker's keys are signed elsewhere: it can make nothing itself.
  if (identity.role === "worker") return;
  const generation = (await adminGenerationOf(paths)) ?? FIRST_ADMINS;
  await ensureControlPlanePki(paths, { ...identity, adminGroup: adminGroup(generation) });
  await writeKubeconfigs(paths, identity);
}

/** When the first of some certificates expires, in seconds since the epoch. */
export async function firstExpiry(
  paths: Paths,
  identity: Identity,
  names: readonly string[],
): Promise<number> {
  const facts = await Promise.all(selected(identity, names).map((leaf) => leafFacts(paths, leaf)));
  return Math.floor(Math.min(...facts.map(({ expires }) => expires.getTime())) / 1000);
}

export const certificatePath = (paths: Paths, { place, file }: Leaf) => join(paths[place], `${file}.crt`);

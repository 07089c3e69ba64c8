/** A control plane's side of a join. Repeating it with the same token and key gives the same node. */
import { randomBytes } from "node:crypto";
import { now } from "../base/clock.ts";
import { ApiError, messageOf } from "../base/errors.ts";
import type { Role } from "../base/identity.ts";
import { log } from "../base/log.ts";
import type { KubeObject } from "../kube/client.ts";
import { requestKeyHash, requestPublicKey, signRequest } from "../pki/certificates.ts";
import { authority, authorityCertificate, readAuthorities } from "../pki/cluster.ts";
import { k8sdLeaf, workerLeaves, type Leaf } from "../pki/leaves.ts";
import { seal, type SealedBox } from "../pki/sealing.ts";
import { readSharedSecrets } from "../pki/shared-files.ts";
import type { ControlPlane } from "./control-plane.ts";
import {
  CONTROL_PLANE_REQUESTS,
  MAY_BE_SUPPLIED,
  WORKER_REQUESTS,
  type AbandonRequest,
  type AdmitReply,
  type AdmitRequest,
  type CertificateRequestName,
  type Membership,
  type RenewReply,
  type RenewRequest,
} from "./joining.ts";
import { forgetNode } from "./remove.ts";
import { checkAddress, checkNodeName, withClusterConfig } from "./settings.ts";
import type { JoinProof, NodeRow, RevokedRow } from "./store.ts";
import { hashOf, isSameHash, Tokens } from "./tokens.ts";

export async function admit(plane: ControlPlane, body: AdmitRequest): Promise<AdmitReply> {
  const name = checkNodeName(body.name);
  const address = checkAddress(body.address);
  const keyHash = await keyHashOf(body.requests.k8sd);
  const { role, hash } = await new Tokens(plane.paths, plane.store).use(name, body.secret, keyHash);
  const requests = requestsOf(role, body);
  const row = await reserve(plane, { name, address, role, admittedWith: { tokenHash: hash, keyHash } });
  log.info(`admitted ${role} ${name} at ${address}`);
  const certificates = await sign(plane, row, requests);
  const sealed = role === "control-plane" ? await sealSecrets(plane, body.requests.k8sd) : undefined;
  return { ...(await factsFor(plane, row)), certificates, ...(sealed && { sealed }) };
}

async function keyHashOf(request: string): Promise<string> {
  try {
    return await requestKeyHash(request);
  } catch (error) {
    throw new ApiError(400, messageOf(error), { cause: error });
  }
}

/** The requests that a role may make; others are not signed. What is not asked for, the node brings along. */
function requestsOf(role: Role, { requests }: AdmitRequest): [CertificateRequestName, string][] {
  const names = role === "worker" ? WORKER_REQUESTS : CONTROL_PLANE_REQUESTS;
  const missing = names.filter((name) => !requests[name] && !MAY_BE_SUPPLIED.has(name));
  if (missing.length > 0)
    throw new ApiError(400, `Cannot admit a ${role}: requests of ${missing.join(", ")} are missing`);
  return names.flatMap((name): [CertificateRequestName, string][] =>
    requests[name] ? [[name, requests[name]]] : [],
  );
}

/** The row of the joining node: the same credential at each repetition, so that repeating changes nothing. */
async function reserve(
  plane: ControlPlane,
  joining: Pick<NodeRow, "name" | "address" | "role" | "admittedWith">,
): Promise<NodeRow> {
  const { name, address, role } = joining;
  const rows = await plane.store.nodes();
  if (rows.some((row) => row.address === address && row.name !== name))
    throw new ApiError(400, `Cannot admit ${name}: another node of the cluster has address ${address}`);
  if (!rows.some((row) => row.name === name) && (await plane.kube.find<KubeObject>(`/api/v1/nodes/${name}`)))
    throw new ApiError(400, `node name already exists: ${name}`);
  const row = await plane.store.update<NodeRow>(plane.store.nodeKey(name), (current) => {
    if (current && (current.state !== "joining" || current.role !== role)) return undefined;
    // Another key is another life: what is revoked of the one must not take the other along.
    const isSame = current?.admittedWith?.keyHash === joining.admittedWith?.keyHash;
    const credential = (isSame && current?.credential) || randomBytes(8).toString("hex");
    return { ...joining, state: "joining", credential, admittedAt: now() };
  });
  if (row?.state !== "joining" || row.role !== role)
    throw new ApiError(400, `node name already exists: ${name}`);
  return row;
}

async function factsFor(plane: ControlPlane, { credential }: NodeRow) {
  const { clusterId, generation, settings, datastore, externalAuthorities } = plane.identity;
  const authorities = await readAuthorities(plane.paths, plane.identity);
  const planes = (await plane.store.nodes()).filter(
    ({ role, state }) => role === "control-plane" && state !== "joining",
  );
  return {
    clusterId,
    credential,
    generation,
    // What this control plane itself has yet to take counts already.
    settings: withClusterConfig(settings, await plane.store.config()),
    datastore,
    externalAuthorities,
    apiServers: planes.map(({ address }) => `${address}:${settings.securePort}`),
    peers: planes.map(({ address }) => `${address}:6400`),
    ca: authorityCertificate(authorities, "kubernetes"),
    clientCa: authorityCertificate(authorities, "client"),
    k8sdCa: authorityCertificate(authorities, "k8sd"),
  };
}

/** Everything that makes a control plane one, for the one key that the token is bound to. */
async function sealSecrets(plane: ControlPlane, request: string): Promise<SealedBox> {
  const secrets = await readSharedSecrets(plane.paths, plane.identity);
  return seal(await requestPublicKey(request), JSON.stringify(secrets));
}

/** File names of a join's requests, and the names of the same certificates in the API. */
const LEAF_NAMES: Readonly<Record<CertificateRequestName, string>> = {
  k8sd: "k8sd",
  kubelet: "kubelet",
  "kubelet-client": "kubelet.conf",
  "kube-proxy-client": "proxy.conf",
  "k8sd-node-client": "k8sd-node-client",
};

const leavesFor = ({ identity }: ControlPlane, row: NodeRow): Leaf[] =>
  row.role === "worker"
    ? workerLeaves({ ...row, externalAuthorities: identity.externalAuthorities })
    : [k8sdLeaf(row.role, row)];

/** What each certificate says comes from our record of the node alone. */
async function sign(
  plane: ControlPlane,
  row: NodeRow,
  requests: readonly [CertificateRequestName, string][],
): Promise<AdmitReply["certificates"]> {
  const signed = await signLeaves(
    plane,
    row,
    requests.map(([name, request]) => [LEAF_NAMES[name], request]),
  );
  return Object.fromEntries(requests.map(([name]) => [name, signed[LEAF_NAMES[name]]!]));
}

async function signLeaves(
  plane: ControlPlane,
  row: NodeRow,
  requests: readonly (readonly [string, string])[],
  lifetimeMs?: number,
): Promise<Record<string, string>> {
  const authorities = await readAuthorities(plane.paths, plane.identity);
  const leaves = leavesFor(plane, row);
  const signed = requests.map(async ([name, request]) => {
    const leaf = leaves.find((candidate) => candidate.name === name);
    if (!leaf) throw new ApiError(400, `Cannot sign ${name}: a ${row.role} has no such certificate`);
    return [
      name,
      await signRequest(authority(authorities, leaf.authority), request, leaf, lifetimeMs),
    ] as const;
  });
  try {
    return Object.fromEntries(await Promise.all(signed));
  } catch (error) {
    throw error instanceof TypeError ? new ApiError(400, error.message, { cause: error }) : error;
  }
}

/** Signs new keys of a worker that is part of the cluster. Its present certificate says who asks; nothing else counts. */
export async function renew(
  plane: ControlPlane,
  { name, credential }: Pick<NodeRow, "name" | "credential">,
  { requests, seconds }: RenewRequest,
): Promise<RenewReply> {
  const row = (await plane.store.read<NodeRow>(plane.store.nodeKey(name)))?.value;
  // The name may have been given to another node since.
  if (row?.role !== "worker" || row.state !== "joined" || row.credential !== credential)
    throw new ApiError(403, `Cannot renew certificates of ${name}: it is no worker of this cluster`);
  if (!(await membershipOf(plane, row.credential)).member)
    throw new ApiError(403, `Cannot renew certificates of ${name}: its credential was revoked`);
  log.info(`signed new certificates of ${name}: ${Object.keys(requests).join(", ")}`);
  return { certificates: await signLeaves(plane, row, Object.entries(requests), seconds * 1000) };
}

/** The node has what it needs: its token is used up, its name taken. The credential tells it from an older life of the name. */
export async function confirmJoined(
  plane: ControlPlane,
  { name, credential }: Pick<NodeRow, "name" | "credential">,
): Promise<void> {
  const { store } = plane;
  const row = await store.update<NodeRow>(store.nodeKey(name), (current) =>
    current?.state === "joining" && current.credential === credential
      ? { ...current, state: "joined" }
      : undefined,
  );
  if (row?.state !== "joined" || row.credential !== credential)
    throw new ApiError(404, `Cannot confirm the join of ${name}: no such node was admitted`);
  await new Tokens(plane.paths, store).revoke(name);
}

/**
 * Undoes a join, for whoever holds its token and key; the token may be tried again while it lives. Also a join that was
 * noted as done (the answer may have been lost), and one that outlived its token: a node that gave up is no ghost here.
 */
export async function abandon(plane: ControlPlane, { name, secret, request }: AbandonRequest): Promise<void> {
  checkNodeName(name);
  const tokens = new Tokens(plane.paths, plane.store);
  const proof: JoinProof = { tokenHash: hashOf(secret), keyHash: await keyHashOf(request) };
  const row = (await plane.store.read<NodeRow>(plane.store.nodeKey(name)))?.value;
  const wasAdmitted = row?.admittedWith !== undefined && isSameProof(row.admittedWith, proof);
  const holdsToken = await tokens.isHeldBy(name, proof);
  if (!wasAdmitted && !holdsToken) throw new ApiError(401, "invalid token");
  if (wasAdmitted) await forgetNode(plane, row, true);
  if (holdsToken) await tokens.unbind(name, proof.keyHash);
  log.info(`the join of ${name} was abandoned`);
}

const isSameProof = (one: JoinProof, other: JoinProof): boolean =>
  one.keyHash === other.keyHash && isSameHash(one.tokenHash, other.tokenHash);

const JOIN_CEILING_MS = 3_600_000;

/** Forgets nodes whose join never ended: nothing of them came for an hour and their token is over. */
export async function forgetStrayJoins(plane: ControlPlane): Promise<void> {
  const tokens = new Tokens(plane.paths, plane.store);
  for (const row of await plane.store.nodes()) {
    const stale = row.state === "joining" && now() - (row.admittedAt ?? 0) > JOIN_CEILING_MS;
    if (!stale || (await tokens.isValid(row.name))) continue;
    log.warning(`the join of ${row.name} was never finished; forgetting it`);
    await forgetNode(plane, row, true);
  }
}

/** False once this credential was revoked; a node of an older life of the same name hears that too. */
export async function membershipOf(plane: ControlPlane, credential: string): Promise<Membership> {
  const revoked = await plane.store.read<RevokedRow>(plane.store.revokedKey(credential));
  const { generation, settings } = plane.identity;
  const config = await plane.store.config();
  return {
    member: revoked === undefined,
    generation,
    // What this control plane itself has yet to take counts already.
    settings: withClusterConfig(settings, config),
  };
}

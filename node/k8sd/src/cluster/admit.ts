/** A control plane's side of a worker's join. Repeating it with the same token and key gives the same node. */
import { randomBytes } from "node:crypto";
import { ApiError } from "../base/errors.ts";
import { log } from "../base/log.ts";
import type { KubeObject } from "../kube/client.ts";
import { requestKeyHash, signRequest, type Profile } from "../pki/certificates.ts";
import { credentialGroup, k8sdProfile, readAuthorities } from "../pki/cluster.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { AdmitReply, AdmitRequest, WorkerRequest } from "./joining.ts";
import { checkAddress, checkNodeName } from "./settings.ts";
import type { NodeRow, RevokedRow } from "./store.ts";
import { Tokens } from "./tokens.ts";

export async function admit(plane: ControlPlane, body: AdmitRequest): Promise<AdmitReply> {
  const name = checkNodeName(body.name);
  const address = checkAddress(body.address);
  const keyHash = await keyHashOf(body.requests.k8sd);
  const token = await new Tokens(plane.paths, plane.store).use(name, body.secret, keyHash);
  if (token.role !== "worker") throw new ApiError(401, "invalid token");
  const row = await reserve(plane, name, address);
  log.info(`admitted worker ${name} at ${address}`);
  return { ...(await factsFor(plane, row)), certificates: await sign(plane, row, body.requests) };
}

async function keyHashOf(request: string): Promise<string> {
  try {
    return await requestKeyHash(request);
  } catch (error) {
    throw new ApiError(400, (error as Error).message, { cause: error });
  }
}

/** The row of the joining node: the same credential at each repetition, so that repeating changes nothing. */
async function reserve(plane: ControlPlane, name: string, address: string): Promise<NodeRow> {
  const rows = await plane.store.nodes();
  if (rows.some((row) => row.address === address && row.name !== name))
    throw new ApiError(400, `Cannot admit ${name}: another node of the cluster has address ${address}`);
  if (!rows.some((row) => row.name === name) && (await plane.kube.find<KubeObject>(`/api/v1/nodes/${name}`)))
    throw new ApiError(400, `node name already exists: ${name}`);
  const row = await plane.store.update<NodeRow>(plane.store.nodeKey(name), (current) => {
    if (current && current.state !== "joining") return undefined;
    return {
      name,
      role: "worker",
      address,
      state: "joining",
      credential: current?.credential ?? randomBytes(8).toString("hex"),
    };
  });
  if (row?.state !== "joining" || row.role !== "worker")
    throw new ApiError(400, `node name already exists: ${name}`);
  return row;
}

async function factsFor(plane: ControlPlane, { credential }: NodeRow) {
  const { clusterId, generation, settings } = plane.identity;
  const authorities = await readAuthorities(plane.paths);
  const planes = (await plane.store.nodes()).filter(({ role }) => role === "control-plane");
  const config = await plane.store.config();
  return {
    clusterId,
    credential,
    generation,
    settings,
    cloudProvider: config["cloud-provider"] ?? "",
    apiServers: planes.map(({ address }) => `${address}:${settings.securePort}`),
    peers: planes.map(({ address }) => `${address}:6400`),
    ca: authorities.kubernetes.certificate,
    clientCa: authorities.client.certificate,
    k8sdCa: authorities.k8sd.certificate,
  };
}

/** What each certificate says comes from our record of the node alone. */
function profileOf(request: WorkerRequest, { name, address, credential }: NodeRow): Profile {
  const group = credentialGroup(credential);
  const client = (commonName: string, ...organizations: string[]): Profile => ({
    subject: { commonName, organizations: [...organizations, group] },
    usages: ["client"],
  });
  switch (request) {
    case "kubelet":
      return {
        subject: { commonName: `system:node:${name}`, organizations: ["system:nodes"] },
        names: [name, address, "127.0.0.1", "::1"],
        usages: ["server"],
      };
    case "kubelet-client":
      return client(`system:node:${name}`, "system:nodes");
    case "kube-proxy-client":
      return client("system:kube-proxy");
    case "k8sd-node-client":
      return client(`k8sd:node:${name}`, "k8sd:nodes");
    case "k8sd":
      return k8sdProfile("worker", { name, address });
    default:
      return request satisfies never;
  }
}

async function sign(
  plane: ControlPlane,
  row: NodeRow,
  requests: AdmitRequest["requests"],
): Promise<AdmitReply["certificates"]> {
  const { kubernetes, client, k8sd } = await readAuthorities(plane.paths);
  const authorities = {
    kubelet: kubernetes,
    k8sd,
    "kubelet-client": client,
    "kube-proxy-client": client,
    "k8sd-node-client": client,
  };
  const entries = Object.entries(requests) as [WorkerRequest, string][];
  try {
    const signed = entries.map(
      async ([name, request]) =>
        [name, await signRequest(authorities[name], request, profileOf(name, row))] as const,
    );
    return Object.fromEntries(await Promise.all(signed)) as Record<WorkerRequest, string>;
  } catch (error) {
    throw error instanceof TypeError ? new ApiError(400, error.message, { cause: error }) : error;
  }
}

/** The worker has what it needs: its token is used up, its name taken. */
export async function confirmJoined(plane: ControlPlane, name: string): Promise<void> {
  const { store } = plane;
  const row = await store.update<NodeRow>(store.nodeKey(name), (current) =>
    current?.state === "joining" ? { ...current, state: "joined" } : undefined,
  );
  if (!row) throw new ApiError(404, `Cannot confirm the join of ${name}: no such node was admitted`);
  await new Tokens(plane.paths, store).revoke(name);
  plane.features.wake();
}

/** False once this credential was revoked; a worker of an older life of the same name hears that too. */
export async function isMember({ store }: ControlPlane, credential: string): Promise<boolean> {
  return (await store.read<RevokedRow>(store.revokedKey(credential))) === undefined;
}

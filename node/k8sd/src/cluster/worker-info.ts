/**
 * What a joining worker has to know, in the words of the reference (spec k8sd 3.6), but for keys and certificates: a node's
 * keys are born where they live, so whoever asks here brings its own; our workers have theirs signed at the join.
 */
import { object, text } from "@cantrip/metadata/k8sd";
import { ApiError } from "../base/errors.ts";
import { authorityCertificate, readAuthorities } from "../pki/cluster.ts";
import type { ControlPlane } from "./control-plane.ts";
import { checkAddress, checkNodeName } from "./settings.ts";
import { Tokens } from "./tokens.ts";

export const workerInfoRequestSchema = object({ address: text({ maxLength: 64 }) }, ["address"]);

export interface WorkerInfo {
  readonly ca: string;
  readonly "client-ca": string;
  readonly apiServers: readonly string[];
  readonly kubeletClientCert: "";
  readonly kubeletClientKey: "";
  readonly kubeProxyClientCert: "";
  readonly kubeProxyClientKey: "";
  readonly podCIDR: string;
  readonly serviceCIDR: string;
  readonly clusterDNS?: string;
  readonly clusterDomain?: string;
  readonly cloudProvider?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly "kube-proxy-enabled"?: true;
}

/** @throws ApiError 401 without a worker's valid token, 400 for an address or a name that cannot be a worker's */
export async function workerInfo(
  plane: ControlPlane,
  headers: Readonly<Record<string, string | string[] | undefined>>,
  address: string,
): Promise<WorkerInfo> {
  const name = checkNodeName(required(headers, "Worker-Name"));
  await new Tokens(plane.paths, plane.store).checkWorker(name, required(headers, "Worker-Token"));
  checkAddress(address);
  if (await plane.kube.find(`/api/v1/nodes/${name}`))
    throw new ApiError(400, `node name already exists: ${name}`);
  const { settings } = plane.identity;
  const [authorities, rows, { dns, annotations }] = await Promise.all([
    readAuthorities(plane.paths, plane.identity),
    plane.store.nodes(),
    plane.store.config(),
  ]);
  const planes = rows.filter(({ role, state }) => role === "control-plane" && state === "joined");
  return {
    ca: authorityCertificate(authorities, "kubernetes"),
    "client-ca": authorityCertificate(authorities, "client"),
    apiServers: planes.map((row) => `${row.address}:${settings.securePort}`),
    kubeletClientCert: "",
    kubeletClientKey: "",
    kubeProxyClientCert: "",
    kubeProxyClientKey: "",
    podCIDR: settings.podCidr,
    serviceCIDR: settings.serviceCidr,
    ...(dns?.enabled && { clusterDNS: settings.clusterDns, clusterDomain: settings.clusterDomain }),
    ...(settings.cloudProvider && { cloudProvider: settings.cloudProvider }),
    ...(annotations && { annotations }),
    ...(settings.kubeProxyEnabled && { "kube-proxy-enabled": true }),
  };
}

function required(headers: Readonly<Record<string, string | string[] | undefined>>, name: string): string {
  const value = headers[name.toLowerCase()];
  if (typeof value === "string" && value !== "") return value;
  throw new ApiError(401, `missing header ${JSON.stringify(name)}`);
}

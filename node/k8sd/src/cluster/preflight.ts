/** Checks before anything is written: what would make the services fail later, named now. */
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { ApiError } from "../base/errors.ts";
import type { ClusterSettings, Role } from "../base/identity.ts";
import { overlaps, parseCidr, toNumber } from "../network/cidr.ts";

const NODE_PORTS = {
  6400: "k8sd",
  10250: "kubelet",
  10248: "kubelet",
  10249: "kube-proxy",
  10256: "kube-proxy",
};

function portsOf(
  role: Role,
  { securePort, etcdPort, etcdPeerPort }: ClusterSettings,
): Record<number, string> {
  if (role === "worker") return { ...NODE_PORTS, [securePort]: "k8s-apiserver-proxy" };
  return {
    ...NODE_PORTS,
    [securePort]: "kube-apiserver",
    10257: "kube-controller-manager",
    10259: "kube-scheduler",
    [etcdPort]: "etcd",
    [etcdPeerPort]: "etcd",
  };
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once("error", () => resolve(false));
  server.listen({ port, exclusive: true }, () => server.close(() => resolve(true)));
  return promise;
}

/** @throws ApiError 400 with every port that is taken */
export async function checkPorts(role: Role, settings: ClusterSettings): Promise<void> {
  const ports = Object.entries(portsOf(role, settings));
  const taken = await Promise.all(
    ports.map(async ([port, service]) =>
      (await isFree(Number(port))) ? [] : [`port ${port} (needed by: ${service}) is already in use`],
    ),
  );
  const messages = taken.flat();
  if (messages.length > 0) throw new ApiError(400, messages.join("\n"));
}

/** A containerd that is not ours would be broken by ours, and the other way round. @throws ApiError 400 */
export function checkContainerd(socket: string): void {
  if (existsSync(socket))
    throw new ApiError(
      400,
      `Cannot use ${socket}: it belongs to another container runtime; remove that runtime first`,
    );
}

/** @throws ApiError 400 unless the address is on an interface of this machine, outside of the cluster's ranges */
export function checkLocalAddress(
  address: string,
  { podCidr, serviceCidr }: Pick<ClusterSettings, "podCidr" | "serviceCidr">,
): void {
  const local = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map((entry) => entry.address),
  );
  if (!local.includes(address))
    throw new ApiError(
      400,
      `Cannot use address ${address}: it is on no interface of this machine (it has ${local.join(", ")})`,
    );
  const host = { first: toNumber(address), prefix: 32 };
  const range = [podCidr, serviceCidr].find((cidr) => overlaps(parseCidr(cidr), host));
  if (range)
    throw new ApiError(400, `Cannot use address ${address}: it lies in the cluster's range ${range}`);
}

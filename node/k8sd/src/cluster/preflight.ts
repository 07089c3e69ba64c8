/** Checks before anything is written: what would make the services fail later, named now. */
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { ApiError } from "../base/errors.ts";
import type { ClusterSettings, Identity, Role } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { isClaimed } from "../node/claim.ts";
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

/** Everything that would keep a node from running on this machine, at once. @throws ApiError 400 */
export async function checkMachine(
  paths: Paths,
  { role, settings, address }: Pick<Identity, "role" | "settings" | "address">,
): Promise<void> {
  const problems = [
    ...problemsOfAddress(address, settings),
    ...(await problemsOfNeighbours(paths)),
    ...(await problemsOfPorts(role, settings)),
  ];
  if (problems.length > 0) throw new ApiError(400, problems.join("\n"));
}

async function problemsOfPorts(role: Role, settings: ClusterSettings): Promise<string[]> {
  const ports = Object.entries(portsOf(role, settings));
  const taken = await Promise.all(
    ports.map(async ([port, service]) =>
      (await isFree(Number(port))) ? [] : [`port ${port} (needed by: ${service}) is already in use`],
    ),
  );
  return taken.flat();
}

/** Another runtime or another Kubernetes would be broken by ours, and the other way round; also one that stands still. */
async function problemsOfNeighbours(paths: Paths): Promise<string[]> {
  if (await isClaimed(paths)) return [];
  const database = join(paths.containerdData, "io.containerd.metadata.v1.bolt");
  const configurations = ["admin.conf", "kubelet.conf"].map((file) => join(paths.kubernetes, file));
  return [
    ...(existsSync(paths.containerdSocket)
      ? [`${paths.containerdSocket} belongs to another container runtime; remove that runtime first`]
      : []),
    ...(existsSync(database)
      ? [`${database} holds the containers of another runtime; remove that runtime with its data first`]
      : []),
    ...configurations
      .filter((path) => existsSync(path))
      .map(
        (path) => `${path} belongs to another Kubernetes on this machine; remove that first (kubeadm reset)`,
      ),
    ...(existsSync(join(paths.root || "/", "snap/microk8s/current"))
      ? ["microk8s snap is installed. Please remove it first: sudo snap remove microk8s"]
      : []),
  ];
}

/** It has to be on an interface of this machine, outside of the cluster's ranges. */
function problemsOfAddress(
  address: string,
  { podCidr, serviceCidr }: Pick<ClusterSettings, "podCidr" | "serviceCidr">,
): string[] {
  const local = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map((entry) => entry.address),
  );
  const host = { first: toNumber(address), prefix: 32 };
  const range = [podCidr, serviceCidr].find((cidr) => overlaps(parseCidr(cidr), host));
  return [
    ...(local.includes(address)
      ? []
      : [
          `Cannot use address ${address}: it is on no interface of this machine (it has ${local.join(", ")})`,
        ]),
    ...(range ? [`Cannot use address ${address}: it lies in the cluster's range ${range}`] : []),
  ];
}

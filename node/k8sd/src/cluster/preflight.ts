/** Checks before anything is written: what would make the services fail later, named now. */
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { ApiError } from "../base/errors.ts";
import type { Identity, Role } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { isClaimed } from "../node/claim.ts";
import { overlaps, parseCidr, toNumber } from "../network/cidr.ts";

type Ports = Readonly<Record<number, string>>;

const NODE_PORTS: Ports = {
  6400: "k8sd",
  10250: "kubelet",
  10248: "kubelet",
  10249: "kube-proxy",
  10256: "kube-proxy",
};

/** The same in every cluster. */
const fixedPorts = (role: Role): Ports =>
  role === "worker"
    ? NODE_PORTS
    : { ...NODE_PORTS, 10257: "kube-controller-manager", 10259: "kube-scheduler" };

function portsOfCluster({
  role,
  settings,
  datastore,
}: Pick<Identity, "role" | "settings" | "datastore">): Ports {
  const { securePort, etcdPort, etcdPeerPort } = settings;
  if (role === "worker") return { [securePort]: "k8s-apiserver-proxy" };
  if (datastore.type === "external") return { [securePort]: "kube-apiserver" };
  return { [securePort]: "kube-apiserver", [etcdPort]: "etcd", [etcdPeerPort]: "etcd" };
}

function isFree(port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const server = createServer();
  server.once("error", () => resolve(false));
  server.listen({ port, exclusive: true }, () => server.close(() => resolve(true)));
  return promise;
}

type Planned = Pick<Identity, "clusterId" | "role" | "settings" | "address" | "datastore">;

/**
 * Everything that would keep a node from running on this machine, at once. What follows from the cluster's settings is
 * looked at where they are known: a joining node learns them at its admission (checkAgainstCluster). @throws ApiError 400
 */
export async function checkMachine(paths: Paths, planned: Planned): Promise<void> {
  const isKnown = planned.clusterId !== "";
  refuse([
    ...problemsOfAddress(planned.address),
    ...(isKnown ? problemsOfRanges(planned) : []),
    ...(await problemsOfNeighbours(paths)),
    ...(await problemsOfPorts(fixedPorts(planned.role))),
    ...(isKnown ? await problemsOfPorts(portsOfCluster(planned)) : []),
  ]);
}

/** What this machine has in the way of the cluster that it was admitted to. @throws ApiError 400 */
export async function checkAgainstCluster(admitted: Planned): Promise<void> {
  refuse([...problemsOfRanges(admitted), ...(await problemsOfPorts(portsOfCluster(admitted)))]);
}

function refuse(problems: readonly string[]) {
  if (problems.length > 0) throw new ApiError(400, problems.join("\n"));
}

async function problemsOfPorts(ports: Ports): Promise<string[]> {
  const taken = await Promise.all(
    Object.entries(ports).map(async ([port, service]) =>
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

function problemsOfAddress(address: string): string[] {
  const local = Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map((entry) => entry.address),
  );
  return local.includes(address)
    ? []
    : [`Cannot use address ${address}: it is on no interface of this machine (it has ${local.join(", ")})`];
}

function problemsOfRanges({ address, settings }: Pick<Planned, "address" | "settings">): string[] {
  const host = { first: toNumber(address), prefix: 32 };
  const range = [settings.podCidr, settings.serviceCidr].find((cidr) => overlaps(parseCidr(cidr), host));
  return range ? [`Cannot use address ${address}: it lies in the cluster's range ${range}`] : [];
}

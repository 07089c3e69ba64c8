/** The systemd units of a node. systemd starts them after a reboot without this daemon. */
import { mkdir, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import type { Identity, Role } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { run } from "../base/run.ts";

export const WORKER_SERVICES = ["containerd", "k8s-apiserver-proxy", "kubelet", "kube-proxy"] as const;
export const CONTROL_PLANE_SERVICES = [
  "containerd",
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kubelet",
  "kube-proxy",
] as const;
export type Service = (typeof WORKER_SERVICES)[number] | (typeof CONTROL_PLANE_SERVICES)[number];
export const ALL_SERVICES: readonly Service[] = [
  ...new Set<Service>([...WORKER_SERVICES, ...CONTROL_PLANE_SERVICES]),
];

export const servicesOf = (role: Role): readonly Service[] =>
  role === "worker" ? WORKER_SERVICES : CONTROL_PLANE_SERVICES;

/** Of a node that belongs to no cluster: all that there may be. */
export const servicesOfRole = (role: Role | undefined): readonly Service[] =>
  role ? servicesOf(role) : ALL_SERVICES;

type Kind = Pick<Identity, "role" | "settings" | "datastore">;

/** Services that a node runs. */
export const wantedServices = ({ role, settings, datastore }: Kind): Service[] =>
  servicesOf(role).filter(
    (service) =>
      (service !== "kube-proxy" || settings.kubeProxyEnabled) &&
      (service !== "etcd" || datastore.type === "etcd"),
  );

export const unitOf = (service: string) => `snap.k8s.${service}.service`;
const units = (services: readonly string[]) => services.map(unitOf);

/** Starts units and returns at once; who needs a service asks that service. */
export async function start(...services: Service[]): Promise<void> {
  await takeChangedUnits(services);
  await run(["systemctl", "start", "--no-block", ...units(services)]);
}

export async function restart(...services: Service[]): Promise<void> {
  await takeChangedUnits(services);
  await run(["systemctl", "restart", "--no-block", ...units(services)]);
}

/** An operator's drop-in counts from the next start on, also if systemd was not told to read it. */
async function takeChangedUnits(services: readonly Service[]): Promise<void> {
  const show = ["systemctl", "show", "--property=NeedDaemonReload", "--value"] as const;
  // systemd sees a folder of drop-ins that is new only once it has looked for a unit that it does not know.
  const answers = await run([...show, unitOf("unknown"), ...units(services)]);
  if (answers.split("\n").includes("yes")) await run(["systemctl", "daemon-reload"], { timeoutMs: 60_000 });
}

/** Stops units and waits until their processes are gone (containers outlive kubelet and containerd). */
export async function stop(...services: Service[]): Promise<void> {
  if (services.length === 0) return;
  await run(["systemctl", "stop", ...units(services)], { timeoutMs: 60_000 });
  await run(["systemctl", "reset-failed", ...units(services)]).catch(() => undefined);
}

/**
 * Ends services at once. A graceful etcd waits ten seconds for those who watch it, in which it serves nobody; killed it
 * loses nothing, since what it has acknowledged is on disk.
 */
export async function kill(...services: Service[]): Promise<void> {
  await run(["systemctl", "kill", "--signal=SIGKILL", ...units(services)]).catch(() => undefined);
  await stop(...services);
}

/**
 * Makes systemd start units at boot by the link that `systemctl enable` makes. The command itself would reload every
 * unit of the machine, which costs more than a whole etcd start.
 */
export async function enable(paths: Paths, ...services: Service[]): Promise<void> {
  const wants = join(paths.systemd, "multi-user.target.wants");
  await mkdir(wants, { recursive: true });
  for (const unit of units(services)) {
    await rm(join(wants, unit), { force: true });
    await symlink(join("/etc/systemd/system", unit), join(wants, unit));
  }
}

export async function disable(paths: Paths, ...services: Service[]): Promise<void> {
  const wants = join(paths.systemd, "multi-user.target.wants");
  for (const unit of units(services)) await rm(join(wants, unit), { force: true });
}

export interface UnitState {
  readonly service: Service;
  readonly active: string;
  readonly sub: string;
  readonly restarts: number;
}

/** What systemd says about the services of a node, in one question. */
export async function unitStates(node: Kind): Promise<UnitState[]> {
  const services = wantedServices(node);
  const properties = "--property=Id,ActiveState,SubState,NRestarts";
  const text = await run(["systemctl", "show", properties, ...units(services)], { timeoutMs: 5_000 });
  return text.trim().split("\n\n").map(parseUnit);
}

function parseUnit(block: string): UnitState {
  const fields = Object.fromEntries(block.split("\n").map((line) => line.split("=", 2))) as Record<
    string,
    string
  >;
  const service = (fields["Id"] ?? "").replace(/^snap\.k8s\.|\.service$/g, "") as Service;
  return {
    service,
    active: fields["ActiveState"] ?? "unknown",
    sub: fields["SubState"] ?? "",
    restarts: Number(fields["NRestarts"] ?? 0),
  };
}

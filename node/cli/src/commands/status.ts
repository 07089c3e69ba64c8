/** status and local-node-status: they answer in every state, and say what is wrong. */
import { setTimeout as sleep } from "node:timers/promises";
import {
  K8sdError,
  K8sdUnreachable,
  loadIdentity,
  pathsBelow,
  unitStates,
  type Identity,
} from "@cantrip/k8sd";
import { FEATURES, type ClusterStatus } from "@cantrip/metadata/k8sd";
import type { Command } from "commander";
import { ask, client, parseTimeout, print, requireRoot, type Format } from "../context.ts";
import { failedTo, NOT_PART_OF_A_CLUSTER, UserError } from "../errors.ts";
import { formatOption, timeoutOption } from "../options.ts";

interface Flags {
  waitReady: boolean;
  timeout: string;
  outputFormat: Format;
}

export function statusCommands(program: Command): void {
  program
    .command("status")
    .description("show the state of the cluster, or what keeps this node from knowing it")
    .option("--wait-ready", "wait until the cluster is ready", false)
    .addOption(timeoutOption("90s"))
    .addOption(formatOption())
    .action(status);
  program
    .command("local-node-status", { hidden: true })
    .addOption(timeoutOption("90s"))
    .addOption(formatOption())
    .action(async (flags: Flags) => {
      requireRoot();
      const answer = await ask(
        "get the status of this node",
        "getNodeStatus",
        undefined,
        parseTimeout(flags.timeout),
      );
      await print(flags.outputFormat, JSON.stringify(answer.status, undefined, 2), answer);
    });
}

async function status(flags: Flags): Promise<void> {
  requireRoot();
  const own = await ownIdentity();
  if (typeof own === "object" && own.role === "worker" && !own.journal) return workerStatus(own, flags);
  const deadline = performance.now() + parseTimeout(flags.timeout);
  for (;;) {
    const found = await clusterStatus(flags.waitReady);
    if (found?.ready || (found && !flags.waitReady))
      return print(flags.outputFormat, plainStatus(found), { ...found, config: {} });
    if (performance.now() > deadline) throw failedTo("wait for the cluster to be ready", plainReason(found));
    await sleep(500);
  }
}

const plainReason = (found: ClusterStatus | undefined) =>
  found
    ? FEATURES.map((name) => found[name].message)
        .filter((text) => text && text !== "disabled")
        .join("; ") || "no node is Ready"
    : "k8sd gives no status";

/** The status; with `patient`, undefined while there is none. @throws UserError with all that can be said without it */
async function clusterStatus(patient: boolean): Promise<ClusterStatus | undefined> {
  try {
    return (await client.call("getClusterStatus", undefined, { timeoutMs: 30_000 })).status;
  } catch (error) {
    if (error instanceof K8sdError && error.isNotInitialized) throw new UserError(NOT_PART_OF_A_CLUSTER);
    if (patient) return undefined;
    throw new UserError(await explain(error));
  }
}

/** A worker knows itself; the cluster is a control plane's to describe. */
async function workerStatus(identity: Identity, { outputFormat }: Flags): Promise<void> {
  const about = await describe(identity);
  const { name, role, address, clusterId } = identity;
  const line = `${label("cluster status:")}ask a control plane (k8s status there)`;
  await print(outputFormat, `${about}\n${line}`, {
    name,
    "cluster-role": role,
    address,
    "cluster-id": clusterId,
  });
}

/** What this node knows of itself without its daemon's help. */
async function explain(error: unknown): Promise<string> {
  const identity = await ownIdentity();
  if (identity === undefined && error instanceof K8sdUnreachable)
    return `${error.message}\n\nThis node holds no cluster identity: it belongs to no cluster, or k8sd was never installed.\nStart the daemon with: systemctl start snap.k8s.k8sd.service`;
  if (typeof identity === "string") return identity;
  const reason = error instanceof Error ? error.message : String(error);
  return identity ? `${await describe(identity)}\n\nThe status of the cluster is unknown: ${reason}` : reason;
}

/** What this node is, or why that cannot be read. */
async function ownIdentity(): Promise<Identity | string | undefined> {
  try {
    return await loadIdentity(pathsBelow("").identity);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function describe(identity: Identity): Promise<string> {
  const units = await unitStates(identity).catch(() => []);
  const sick = units.filter(({ active }) => active !== "active");
  const line = (label: string, value: string) => `${label.padEnd(26)}${value}`;
  return [
    line("node:", `${identity.name} (${identity.role}) at ${identity.address}`),
    ...(identity.journal ? [line("unfinished operation:", identity.journal.operation)] : []),
    line(
      "services:",
      units.length === 0
        ? "unknown (systemd does not answer)"
        : sick.length === 0
          ? "all active"
          : sick.map(({ service, active, sub }) => `${service} is ${active} (${sub})`).join(", "),
    ),
  ].join("\n");
}

const label = (text: string) => text.padEnd(26);

/** How many voters may be away: a majority of all has to be there. */
function highAvailability(voters: number): string {
  const tolerated = Math.max(0, Math.ceil(voters / 2) - 1);
  const failures = `tolerates ${tolerated} failure${tolerated === 1 ? "" : "s"}`;
  if (voters > 2)
    return voters % 2 === 1 ? "yes" : `yes (${failures}, no more than with ${voters - 1}: add one)`;
  return voters === 2 ? `no (${failures}, add one)` : "no";
}

function plainStatus(found: ClusterStatus): string {
  const voters = found.members.filter((member) => member["datastore-role"] === "voter");
  const nodes = found.members.map((member) => `${member.address} (${member["datastore-role"] ?? "unknown"})`);
  const { type, servers = [], problems = [] } = found.datastore;
  const lines = [
    `${label("cluster status:")}${found.ready ? "ready" : "not ready"}`,
    `${label("control plane nodes:")}${nodes.join(", ") || "none"}`,
    `${label("high availability:")}${highAvailability(voters.length)}`,
    `${label("datastore:")}${[[type, ...servers].join(" "), ...problems].join("; ")}`,
    ...(["network", "dns", "ingress", "load-balancer", "local-storage", "gateway"] as const).map((name) => {
      const { message, enabled } = found[name];
      return `${label(`${name}:`)}${message || (enabled ? "enabled" : "disabled")}`;
    }),
  ];
  return lines.join("\n");
}

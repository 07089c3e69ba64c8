/**
 * The agent of one machine and of all units on it. Bundled into one file; started by systemd.
 * Chapters: read the configuration, connect, take assignments, let units work, stop in good order.
 */
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Assignment } from "../api/agent-protocol.ts";
import { writeAuthorizedKeys } from "./authorized-keys.ts";
import { bootId, readConfig } from "./config.ts";
import { Link } from "./link.ts";
import { AgentLog } from "./log.ts";
import { MachineLock } from "./machine-lock.ts";
import { MachineTasks } from "./machine-tasks.ts";
import { machineTag } from "./tags.ts";
import { installCommands } from "./unit-files.ts";
import { UnitWorker } from "./unit-worker.ts";

const config = readConfig(process.argv[2] ?? "/var/lib/juju/agents/machine/agent.json");
const link = new Link({ config, onConnect: () => void arrive(), onTrouble: (text) => console.error(text) });
const log = new AgentLog(link);
const lock = new MachineLock();
const tasks = new MachineTasks(link, lock);
const workers = new Map<string, UnitWorker>();
let revision = "";
let polling = false;
const stopping = new AbortController();

installCommands("/usr/bin", config.hookTool);
for (const unit of unitsOnDisk()) await addWorker(unit);
link.open();
process.on("SIGTERM", () => void stop());
process.on("SIGINT", () => void stop());

async function arrive(): Promise<void> {
  await link.call("Arrive", { bootid: bootId(), addresses: link.localAddresses });
  log.write(machineTag(config.machine), "juju.agent", "INFO", `machine agent ${config.machine} is connected`);
  if (polling) return;
  polling = true;
  while (!stopping.signal.aborted)
    await poll().catch((error: unknown) => trouble("cannot follow the controller", error));
}

/** The controller answers as soon as there is something new. */
async function poll(): Promise<void> {
  const assignment = await link.call<Assignment>("Next", { revision });
  if (assignment.revision === revision) return;
  revision = assignment.revision;
  await follow(assignment).catch((error: unknown) => {
    revision = "";
    throw error;
  });
}

async function follow({ units, tasks: machineTasks, aborting, authorizedKeys }: Assignment): Promise<void> {
  const named = new Set(units.map((u) => u.name));
  for (const [name, worker] of workers) {
    if (named.has(name)) continue;
    workers.delete(name);
    void worker.remove().catch((error: unknown) => trouble(`cannot remove ${name}`, error));
  }
  for (const unit of units) (workers.get(unit.name) ?? (await addWorker(unit.name))).assign(unit);
  for (const task of aborting) for (const worker of workers.values()) worker.abort(task);
  tasks.assign(machineTasks, aborting);
  writeAuthorizedKeys("ubuntu", authorizedKeys);
}

async function addWorker(unit: string): Promise<UnitWorker> {
  const parts = { link, log, lock, dataDir: config.dataDir, hookTool: config.hookTool, onReboot: reboot };
  const worker = new UnitWorker(unit, parts);
  workers.set(unit, worker);
  await worker.start();
  return worker;
}

/** Units that an earlier agent had: their journals are settled even before the controller is heard. */
function unitsOnDisk(): string[] {
  const directory = join(config.dataDir, "agents");
  const tags = existsSync(directory) ? readdirSync(directory) : [];
  return tags.flatMap((tag) => {
    const [, application, number] = /^unit-(.+)-(\d+)$/.exec(tag) ?? [];
    return application && existsSync(join(directory, tag, "state")) ? [`${application}/${number}`] : [];
  });
}

function reboot(): void {
  execFile("systemctl", ["reboot"], (error) => error && trouble("cannot reboot the machine", error));
}

async function stop(): Promise<void> {
  if (stopping.signal.aborted) return;
  stopping.abort();
  setTimeout(() => process.exit(1), 20_000).unref();
  await Promise.all([tasks.stop(), ...[...workers.values()].map((worker) => worker.stop())]);
  link.close();
  process.exit(0);
}

function trouble(what: string, error: unknown): void {
  const text = `${what}: ${error instanceof Error ? error.message : String(error)}`;
  console.error(text);
  log.write(machineTag(config.machine), "juju.agent", "ERROR", text);
}

/**
 * The statuses that people see, derived from those that are stored: a failed hook shows as the workload's error, a silent
 * agent as lost. FullStatus and the watcher's deltas both take them from here, because clients compare the two.
 */
import type { Application, Machine, ModelState, Status, Unit } from "@cantrip/model";
import { machineTag, unitTag } from "../values.ts";

/** Whether the agent behind a tag answers. */
export type AgentAlive = (tag: string) => boolean;

export interface UnitStatuses {
  readonly workload: Status;
  readonly agent: Status;
}

export const agentSilent = "agent is not communicating with the server";

export function unitStatuses(unit: Unit, isAlive: AgentAlive): UnitStatuses {
  const { agentStatus: agent, workloadStatus: workload } = unit;
  const isLost = agent.status === "lost" || (canBeLost(unit) && !isAlive(unitTag(unit.name)));
  const shown = agent.status === "error" ? { ...agent, status: "error" } : workload;
  if (isLost) {
    return {
      workload: shown.status === "error" || shown.status === "terminated" ? shown : lostWorkload(unit),
      agent: { status: "lost", message: agentSilent, since: agent.since },
    };
  }
  return agent.status === "error"
    ? { workload: shown, agent: { status: "idle", message: "", since: agent.since } }
    : { workload, agent };
}

/** Until its charm is installed a unit has nothing to lose: its agent may not have spoken yet. */
function canBeLost({ agentStatus, uniter }: Unit): boolean {
  return agentStatus.status !== "allocating" && uniter.installed;
}

/** Juju's words, but for the command, which is the one that our users have. */
function lostWorkload({ name, agentStatus }: Unit): Status {
  const message = `agent lost, see 'cantrip show-status-log ${name}'`;
  return { status: "unknown", message, since: agentStatus.since };
}

export function machineAgentStatus(machine: Machine, isAlive: AgentAlive): Status {
  const { agentStatus: agent } = machine;
  const isDown = agent.status === "started" && !isAlive(machineTag(machine.id));
  return isDown ? { status: "down", message: agentSilent, since: agent.since } : agent;
}

/** Worst first; what is not listed counts least. */
const severity = ["error", "blocked", "maintenance", "waiting", "active", "terminated", "unknown"];
const rank = (status: string): number => {
  const index = severity.indexOf(status);
  return index === -1 ? severity.length : index;
};

/** What the leader set, else that of the worst unit. */
export function applicationStatus(state: ModelState, application: Application, isAlive: AgentAlive): Status {
  if (application.status && application.status.status !== "unset") return application.status;
  const units = unitsOf(state, application.name).map((unit) => unitStatuses(unit, isAlive).workload);
  const [worst] = units.toSorted((a, b) => rank(a.status) - rank(b.status));
  return worst ?? { status: "unknown", message: "", since: application.createdAt };
}

export function unitsOf(state: ModelState, application: string): Unit[] {
  return Object.values(state.units)
    .filter((unit) => unit.application === application)
    .toSorted((a, b) => unitNumber(a.name) - unitNumber(b.name));
}

export const unitNumber = (name: string): number => Number(name.slice(name.indexOf("/") + 1));

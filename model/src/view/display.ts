/** Statuses as people are shown them: derived from what is kept, which stays underneath. */
import { remoteEndpoint, unitsOf } from "../entities.ts";
import { own } from "../records.ts";
import type {
  AgentStatus,
  Application,
  MachineAgentStatus,
  Machine,
  ModelState,
  Status,
  Unit,
  WorkloadStatus,
} from "../state.ts";

export interface DisplayedStatus {
  readonly workload: Status<WorkloadStatus>;
  readonly agent: Status<AgentStatus>;
}

/** A failed hook shows as a workload in error; a lost agent as a workload of which nothing is known. */
export function displayedStatus(state: ModelState, unit: Unit): DisplayedStatus {
  const { agentStatus: agent, workloadStatus: workload } = unit;
  if (agent.status === "error")
    return { workload: inError(state, unit), agent: { ...agent, status: "idle", message: "" } };
  if (agent.status === "lost" && !unit.uniter.failed && isSeenRunning(unit))
    return { workload: lost(unit), agent };
  if (agent.status === "lost" && unit.uniter.failed)
    return { workload: { ...workload, status: "error", message: failureText(state, unit) }, agent };
  return { workload, agent };
}

const isSeenRunning = ({ uniter, workloadStatus }: Unit): boolean =>
  uniter.installed && workloadStatus.status !== "terminated" && workloadStatus.status !== "error";

const lost = ({ name, agentStatus }: Unit): Status<WorkloadStatus> => ({
  status: "unknown",
  message: `agent lost, see 'juju show-status-log ${name}'`,
  since: agentStatus.since,
});

function inError(state: ModelState, unit: Unit): Status<WorkloadStatus> {
  const { data, since } = unit.agentStatus;
  return { status: "error", message: failureText(state, unit), ...(data ? { data } : {}), since };
}

/** `hook failed: "db-relation-changed" for pg:db` */
function failureText(state: ModelState, unit: Unit): string {
  const { failed } = unit.uniter;
  const hook = failed?.operation.hook;
  if (!hook) return failed?.message ?? unit.agentStatus.message;
  const relation = hook.relationId === undefined ? undefined : own(state.relations, hook.relationId);
  const remote = relation && remoteEndpoint(relation, unit.application);
  return `hook failed: "${hook.name}"${remote ? ` for ${remote.application}:${remote.name}` : ""}`;
}

const badness: Readonly<Record<WorkloadStatus, number>> = {
  error: 100,
  blocked: 90,
  maintenance: 80,
  waiting: 70,
  active: 60,
  terminated: 50,
  unknown: 40,
  unset: 0,
};

/** What the leader set, else the worst of the units' statuses. */
export function displayedApplicationStatus(
  state: ModelState,
  application: Application,
): Status<WorkloadStatus> {
  if (application.status) return application.status;
  const statuses = unitsOf(state, application.name).map((unit) => displayedStatus(state, unit).workload);
  return worstStatus(statuses, application.createdAt);
}

/** The worst of some statuses; of none, nothing is known. */
export function worstStatus(
  statuses: readonly Status<WorkloadStatus>[],
  since: number,
): Status<WorkloadStatus> {
  const [first, ...others] = statuses;
  if (!first) return { status: "unknown", message: "", since };
  return others.reduce((worst, each) => (badness[each.status] > badness[worst.status] ? each : worst), first);
}

const downMessage = "agent is not communicating with the server";

/** `alive`: whether the agent has been heard of lately; what is kept does not know. */
export function displayedMachineStatus({ agentStatus }: Machine, alive: boolean): Status<MachineAgentStatus> {
  if (alive || agentStatus.status !== "started") return agentStatus;
  return { status: "down", message: downMessage, since: agentStatus.since };
}

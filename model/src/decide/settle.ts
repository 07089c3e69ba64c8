/** What the agent of a unit is seen to do, once something has ended. */
import type { Draft } from "../draft.ts";
import { remoteEndpoint } from "../entities.ts";
import { own } from "../records.ts";
import type { AgentStatus, Operation, Status, Unit } from "../state.ts";

/** In error after a failed hook, at work during an operation, else idle. */
export function settledStatus({ state, now }: Draft, { uniter, application }: Unit): Status<AgentStatus> {
  const { current, failed } = uniter;
  if (current && messageFor(draftTask(state, current), current) !== undefined)
    return { status: "executing", message: messageFor(draftTask(state, current), current) ?? "", since: now };
  if (!failed) return { status: "idle", message: "", since: now };
  const { hook } = failed.operation;
  if (!hook) return { status: "error", message: failed.message, since: now };
  const relation = hook.relationId === undefined ? undefined : own(state.relations, hook.relationId);
  const remote = relation && remoteEndpoint(relation, application);
  return {
    status: "error",
    message: `hook failed: "${hook.name}"`,
    data: {
      hook: hook.name,
      ...(remote ? { "relation-id": hook.relationId, remote: `${remote.application}:${remote.name}` } : {}),
      ...(hook.remoteUnit === undefined ? {} : { "remote-unit": hook.remoteUnit }),
    },
    since: now,
  };
}

const draftTask = (state: Draft["state"], { taskId }: Operation): string =>
  (taskId === undefined ? undefined : own(state.tasks, taskId)?.action) ?? "";

/** What `executing` says; undefined for what runs without being shown. */
function messageFor(action: string, { kind, hook }: Operation): string | undefined {
  if (kind === "run-action") return action === "juju-exec" ? "running commands" : `running action ${action}`;
  if (kind !== "run-hook" || hook === undefined || hook.name === "update-status") return undefined;
  return `running ${hook.name} hook`;
}

export function settle(draft: Draft, name: string): void {
  const unit = own(draft.state.units, name);
  if (!unit) return;
  const status = settledStatus(draft, unit);
  const { agentStatus } = unit;
  // Idle is for units that have run a hook; until then they are still being allocated.
  const isNew = agentStatus.status === "allocating" && status.status === "idle" && !unit.uniter.installed;
  const isSameStatus = agentStatus.status === status.status && agentStatus.message === status.message;
  if (!isNew && !isSameStatus) draft.emit({ type: "unit-agent-set", unit: name, status });
}

/** The hook that failed has lost its reason. */
export function dropHook(draft: Draft, unit: string): void {
  draft.emit({ type: "hook-dropped", unit });
  settle(draft, unit);
}

/** Operations of unit agents: handed out once, finished once, however often it is said. */
import type { CommandOf, Deciders, Draft } from "../draft.ts";
import { findUnit } from "../entities.ts";
import { ModelError } from "../errors.ts";
import { own } from "../records.ts";
import { nextOperation } from "../resolver/next-operation.ts";
import { seenNow } from "../resolver/seen.ts";
import { modelSetting } from "../settings.ts";
import type { Operation, Unit } from "../state.ts";
import { afterHook, beforeHook } from "./around-hooks.ts";
import { commitChanges } from "./commit.ts";
import { removeUnit } from "./removal.ts";
import { settle } from "./settle.ts";
import { finishTask } from "./tasks.ts";

const firstRetryMs = 5000;
const longestRetryMs = 300_000;

export const operationCommands: Pick<Deciders, "start-operation" | "finish-operation" | "resolve"> = {
  "start-operation": start,
  "finish-operation": finish,
  resolve: (draft, { unit: name, retry, now }) => {
    const unit = findUnit(draft.state, name);
    const { failed } = unit.uniter;
    if (!failed || unit.uniter.current?.hook)
      throw new ModelError("bad request", `unit "${name}" is not in an error state`);
    // What has no hook cannot be skipped: without its charm, a unit can run nothing.
    if (retry || !failed.operation.hook) {
      if (unit.resolved !== "retry") draft.emit({ type: "unit-resolved-set", unit: name, resolved: "retry" });
      return;
    }
    const { hook } = failed.operation;
    draft.emit({ type: "hook-skipped", unit: name, seen: seenNow(draft.state, unit, hook), at: now });
    afterHook(draft, name, hook);
    settle(draft, name);
  },
};

function start(draft: Draft, { unit: name, operationId, now }: CommandOf<"start-operation">): void {
  const unit = findUnit(draft.state, name);
  if (unit.uniter.current?.id === operationId) return;
  const next = nextOperation(draft.state, name, now);
  if (next?.id !== operationId || unit.uniter.current) {
    const instead = next ? JSON.stringify(next.id) : "nothing";
    throw new ModelError(
      "not found",
      `cannot start operation ${JSON.stringify(operationId)} of unit "${name}": its next is ${instead}`,
    );
  }
  const operation: Operation = { ...next, startedAt: now };
  draft.emit({
    type: "operation-started",
    unit: name,
    operation,
    seen: seenNow(draft.state, unit, next.hook),
  });
  if (next.taskId !== undefined) draft.emit({ type: "task-started", task: next.taskId, at: now });
  beforeHook(draft, name, operation);
  settle(draft, name);
}

function finish(
  draft: Draft,
  { unit: name, operationId, outcome, now }: CommandOf<"finish-operation">,
): void {
  const unit = own(draft.state.units, name);
  if (!unit) return;
  const { current } = unit.uniter;
  if (current?.id !== operationId) {
    if (Number.parseInt(operationId, 10) <= unit.uniter.operations) return;
    throw new ModelError(
      "not found",
      `unit "${name}" has not started operation ${JSON.stringify(operationId)}`,
    );
  }
  if (current.kind === "run-action") return finishAction(draft, name, current, outcome);
  switch (outcome.kind) {
    case "interrupted":
      requeue(draft, name, operationId);
      break;
    case "failure":
      fail(draft, name, current, outcome.message);
      break;
    case "success":
      succeed(draft, name, current, outcome.changes);
      break;
    case "reboot":
      if (outcome.requeue) requeue(draft, name, operationId);
      else succeed(draft, name, current, outcome.changes);
      rebooting(draft, name, now);
      break;
    default:
      outcome satisfies never;
  }
}

/** Committed whole; if that fails, the hook has failed. */
function succeed(draft: Draft, name: string, current: Operation, changes: unknown): void {
  try {
    draft.attempt((trial) => commitChanges(trial, name, changes));
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    fail(draft, name, current, `committing requested changes failed: ${error.message}`);
    return;
  }
  draft.emit({ type: "operation-finished", unit: name, operationId: current.id, at: draft.now });
  if (current.kind === "terminate") return removeUnit(draft, name);
  if (current.hook) afterHook(draft, name, current.hook);
  settle(draft, name);
}

function fail(draft: Draft, name: string, current: Operation, message: string): void {
  const attempts = findUnit(draft.state, name).uniter.failed?.attempts ?? 0;
  const isAutomatic = modelSetting(draft.state, "automatically-retry-hooks") !== false || !current.hook;
  const retryAt = isAutomatic ? draft.now + backoffMs(attempts) : null;
  draft.emit({ type: "operation-failed", unit: name, operationId: current.id, message, retryAt });
  settle(draft, name);
}

/** 5 s, 10 s, 20 s, … at most 5 min. */
const backoffMs = (attempts: number): number =>
  Math.min(firstRetryMs * 2 ** Math.min(attempts, 16), longestRetryMs);

function requeue(draft: Draft, unit: string, operationId: string): void {
  draft.emit({ type: "operation-requeued", unit, operationId });
  settle(draft, unit);
}

function rebooting(draft: Draft, name: string, now: number): void {
  const unit: Unit | undefined = own(draft.state.units, name);
  if (!unit || unit.uniter.failed) return;
  draft.emit({
    type: "unit-agent-set",
    unit: name,
    status: { status: "rebooting", message: "", since: now },
  });
}

/** An action's result comes by finish-task; what ends without one has failed. */
function finishAction(
  draft: Draft,
  name: string,
  { id, taskId = "" }: Operation,
  outcome: CommandOf<"finish-operation">["outcome"],
): void {
  const messages = {
    success: "",
    failure: "message" in outcome ? outcome.message : "",
    interrupted: "action terminated",
    reboot: "action terminated",
  };
  const status = outcome.kind === "success" ? "completed" : "failed";
  finishTask(draft, taskId, { status, message: messages[outcome.kind], results: {} });
  const isOpen = own(draft.state.units, name)?.uniter.current?.id === id;
  if (isOpen) draft.emit({ type: "operation-finished", unit: name, operationId: id, at: draft.now });
  settle(draft, name);
}

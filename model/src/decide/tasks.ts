/** Tasks under way: started, logged, finished, cancelled. Their end never puts a unit into error. */
import type { Deciders, Draft } from "../draft.ts";
import { findTask, findUnit } from "../entities.ts";
import { ModelError } from "../errors.ts";
import type { ActionResult } from "../hook-changes.ts";
import { own } from "../records.ts";
import { commitChanges } from "./commit.ts";
import { settle } from "./settle.ts";

export const taskCommands: Pick<
  Deciders,
  "start-task" | "finish-task" | "task-log" | "cancel-task" | "commit-exec"
> = {
  "start-task": (draft, { task: id, now }) => {
    const task = findTask(draft.state, id);
    if (task.status === "running") return;
    if (task.status !== "pending")
      throw new ModelError("bad request", `task "${id}" is ${task.status}: expected it to be pending`);
    draft.emit({ type: "task-started", task: id, at: now });
  },
  "finish-task": (draft, { task: id, result, changes, unit }) => {
    const task = findTask(draft.state, id);
    if (task.completedAt !== undefined) return;
    finishTask(draft, id, committed(draft, unit ?? task.receiver, result, changes));
  },
  "task-log": (draft, { task: id, message, now }) => {
    if (findTask(draft.state, id).completedAt !== undefined) return;
    draft.emit({ type: "task-logged", task: id, message, at: now });
  },
  "commit-exec": (draft, { unit, changes }) => {
    findUnit(draft.state, unit);
    commitChanges(draft, unit, changes);
  },
  "cancel-task": (draft, { task: id, now }) => {
    const { status } = findTask(draft.state, id);
    if (status === "pending")
      draft.emit({
        type: "task-finished",
        task: id,
        status: "cancelled",
        message: "action cancelled",
        results: {},
        at: now,
      });
    else if (status === "running") draft.emit({ type: "task-aborting", task: id });
  },
};

/** A commit that fails is a result like any other. */
function committed(draft: Draft, unit: string, result: ActionResult, changes: unknown): ActionResult {
  try {
    if (Object.hasOwn(draft.state.units, unit)) draft.attempt((trial) => commitChanges(trial, unit, changes));
    return result;
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    const { stderr } = result.results;
    const text = [
      ...(typeof stderr === "string" && stderr !== "" ? [stderr.replace(/\n$/, "")] : []),
      error.message,
    ].join("\n");
    const results = { ...result.results, "return-code": 1, stderr: text };
    return { status: "failed", message: "committing requested changes failed", results };
  }
}

/** The task has ended, and so has the operation of the unit that ran it. */
export function finishTask(draft: Draft, id: string, { status, message, results }: ActionResult): void {
  const task = own(draft.state.tasks, id);
  if (task && task.completedAt === undefined)
    draft.emit({ type: "task-finished", task: id, status, message, results, at: draft.now });
  const unit = task && own(draft.state.units, task.receiver);
  const current = unit?.uniter.current;
  if (!unit || current?.taskId !== id) return;
  draft.emit({ type: "operation-finished", unit: unit.name, operationId: current.id, at: draft.now });
  settle(draft, unit.name);
}

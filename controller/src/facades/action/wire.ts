/** Tasks and operations as the Action facade tells of them. */
import type { ActionOperation, ModelState, Task } from "@cantrip/model";
import { machineTag, own, time, unitTag } from "../values.ts";

export interface WireAction {
  tag: string;
  receiver: string;
  name: string;
  parameters: Record<string, unknown>;
}

export interface ActionResult {
  action?: WireAction;
  enqueued?: string;
  started?: string;
  completed?: string;
  status?: string;
  message?: string;
  log?: { timestamp: string; message: string }[];
  output?: Record<string, unknown>;
  error?: { message: string; code: string };
}

export interface OperationResult {
  operation: string;
  summary: string;
  fail: string;
  enqueued: string;
  started?: string;
  completed?: string;
  status: string;
  actions: ActionResult[];
}

export const receiverTag = (receiver: string): string =>
  /^\d/.test(receiver) ? machineTag(receiver) : unitTag(receiver);

export function wireTask(task: Task): ActionResult {
  return {
    action: {
      tag: `action-${task.id}`,
      receiver: receiverTag(task.receiver),
      name: task.action,
      parameters: task.parameters,
    },
    enqueued: time(task.enqueuedAt),
    ...(task.startedAt === undefined ? {} : { started: time(task.startedAt) }),
    ...(task.completedAt === undefined ? {} : { completed: time(task.completedAt) }),
    status: task.status,
    message: task.message,
    log: task.log.map(({ at, message }) => ({ timestamp: time(at), message })),
    output: task.results,
  };
}

export function wireOperation(state: ModelState, operation: ActionOperation): OperationResult {
  const tasks = operation.tasks.map((id) => own(state.tasks, id)).filter((task) => task !== undefined);
  const started = tasks.map((task) => task.startedAt).filter((at) => at !== undefined);
  const completed = tasks.map((task) => task.completedAt).filter((at) => at !== undefined);
  const isDone = completed.length === tasks.length && tasks.length > 0;
  return {
    operation: `operation-${operation.id}`,
    summary: operation.summary,
    fail: operation.failures.map(({ message }) => message).join("\n"),
    enqueued: time(operation.enqueuedAt),
    ...(started.length > 0 ? { started: time(Math.min(...started)) } : {}),
    ...(isDone ? { completed: time(Math.max(...completed)) } : {}),
    status: operationStatus(tasks, operation),
    actions: tasks.map(wireTask),
  };
}

/** What says most about a whole comes first. */
const telling = ["running", "aborting", "pending", "error", "failed", "aborted", "cancelled", "completed"];

function operationStatus(tasks: readonly Task[], { failures }: ActionOperation): string {
  const all = new Set<string>(tasks.map(({ status }) => status));
  return telling.find((status) => all.has(status)) ?? (failures.length > 0 ? "error" : "pending");
}

/** EnqueueOperation and Run: one operation, a task per receiver; a receiver that cannot have one gets an error instead. */
import type { ActionOperation, ModelEvent } from "@cantrip/model";
import { ApiError, type Connection, type FacadeMethod, type Params } from "../../facade.ts";
import type { LiveModel } from "../../models.ts";
import { flag, items, optionalText, record, text, texts, wholeNumber } from "../params.ts";
import { unitsOf } from "../status/displayed.ts";
import { applicationIn, sourceOf, idIn, modelOf, naturally, own, parseTag } from "../values.ts";
import { wireTask, type ActionResult } from "./wire.ts";

interface TaskRequest {
  receiver: string;
  action: string;
  parameters: Record<string, unknown>;
  parallel?: boolean;
  executionGroup?: string;
}

export const EnqueueOperation: FacadeMethod = (connection, params) => {
  const requests = items(params, "actions").map((action) => actionRequest(modelOf(connection), action));
  return enqueue(connection, requests);
};

function actionRequest(model: LiveModel, given: Params): TaskRequest {
  const action = text(given, "name");
  if (action === "juju-exec")
    throw new ApiError("bad request", 'cannot run an action named "juju-exec": use exec');
  return {
    receiver: receiverOf(model, text(given, "receiver")),
    action,
    parameters: record(given, "parameters"),
    ...grouping(given),
  };
}

function grouping(given: Params): Pick<TaskRequest, "parallel" | "executionGroup"> {
  const executionGroup = optionalText(given, "execution-group");
  return {
    ...(given["parallel"] === undefined ? {} : { parallel: flag(given, "parallel") }),
    ...(executionGroup === undefined ? {} : { executionGroup }),
  };
}

/** A unit's tag, or `APPLICATION/leader`, which stands for whoever leads now. */
function receiverOf(model: LiveModel, receiver: string): string {
  if (!receiver.endsWith("/leader")) return idIn(receiver, "unit");
  const application = applicationIn(model, receiver.slice(0, -"/leader".length).replace(/^unit-/, ""));
  if (application.leader !== undefined) return application.leader;
  throw new ApiError("not found", `could not determine leader for "${application.name}"`);
}

/** Also for machines, where it runs as the user ubuntu. */
export const Run: FacadeMethod = (connection, params) => {
  const model = modelOf(connection);
  const units = texts(params, "units").map((unit) =>
    unit.endsWith("/leader") ? receiverOf(model, unit) : unit,
  );
  const ofApplications = texts(params, "applications").flatMap((name) =>
    unitsOf(model.state, applicationIn(model, name).name).map((unit) => unit.name),
  );
  const receivers = [...new Set([...units, ...ofApplications, ...texts(params, "machines")])];
  return enqueue(
    connection,
    receivers.map((receiver) => execRequest(receiver, params)),
  );
};

export const RunOnAllMachines: FacadeMethod = (connection, params) => {
  const machines = Object.keys(modelOf(connection).state.machines).toSorted(naturally);
  return enqueue(
    connection,
    machines.map((machine) => execRequest(machine, params)),
  );
};

function execRequest(receiver: string, params: Params): TaskRequest {
  const command = text(params, "commands");
  const timeout = wholeNumber(params, "timeout");
  const parameters = { command, timeout, "workload-context": flag(params, "workload-context") };
  return { receiver, action: "juju-exec", parameters, ...grouping(params) };
}

async function enqueue(connection: Connection, requests: TaskRequest[]): Promise<object> {
  const model = modelOf(connection);
  const events = await model.execute({ type: "enqueue-action", requests }, sourceOf(connection));
  const operation = operationIn(events);
  return { operation: `operation-${operation.id}`, actions: inOrder(model, operation, requests) };
}

/** The operation that these events made. */
function operationIn(events: readonly ModelEvent[]): ActionOperation {
  for (const event of events) if (event.type === "operation-enqueued") return event.operation;
  throw new Error(`enqueue-action produced no operation: ${events.map(({ type }) => type).join(", ")}`);
}

/** One result per request, in the order of the requests (R19). */
function inOrder(model: LiveModel, operation: ActionOperation, requests: TaskRequest[]): ActionResult[] {
  const failures = [...operation.failures];
  const tasks = [...operation.tasks];
  return requests.map(({ receiver }) => {
    const task = own(model.state.tasks, tasks[0] ?? "");
    if (task?.receiver === receiver) {
      tasks.shift();
      return wireTask(task);
    }
    const index = failures.findIndex((failure) => failure.receiver === receiver);
    const [failure] = index === -1 ? [] : failures.splice(index, 1);
    return { error: { message: failure?.message ?? `no task for ${receiver}`, code: "not found" } };
  });
}

/** The task of a tag such as `action-3`. */
export const taskId = (tag: string): string => {
  const { kind, id } = parseTag(tag);
  if (kind === "action") return id;
  throw new ApiError("bad request", `${JSON.stringify(tag.slice(0, 80))} is not a valid action tag`);
};

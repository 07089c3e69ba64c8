/**
 * Facade `Agent` 1, for machine agents only: arrive, ask for work, start and finish operations, and the immediate
 * effects of hooks. Each method may be repeated: an agent sends again what was under way when its connection broke.
 */
import { emptyBuffer, hookView, readSecret } from "@cantrip/model";
import type {
  ActionResult,
  HookChanges,
  ModelEvent,
  Operation,
  OperationOutcome,
  Request,
  Unit,
  WorkloadStatus,
} from "@cantrip/model";
import { ApiError, defineFacade, type Connection, type FacadeMethod, type Params } from "../facade.ts";
import { internalsOf } from "../live/internals.ts";
import type { LiveModel, LogLevel, LogRecord } from "../models.ts";
import type { Assignment, HookSetting, ResourceInfo, StartedOperation } from "./agent-protocol.ts";
import { assignmentOf } from "./assignment.ts";

const longPollMs = 25_000;
const levels: ReadonlySet<string> = new Set<LogLevel>([
  "TRACE",
  "DEBUG",
  "INFO",
  "WARNING",
  "ERROR",
  "CRITICAL",
]);

interface AgentCall {
  readonly connection: Connection;
  readonly model: LiveModel;
  readonly machine: string;
  readonly params: Params;
}

function method<T>(body: (call: AgentCall) => Promise<T> | T): FacadeMethod {
  return (connection, params) => {
    const { model } = connection;
    if (!model) throw new ApiError("bad request", "agents connect to a model");
    return body({ connection, model, machine: machineOf(connection), params });
  };
}

export const agentFacade = defineFacade({
  name: "Agent",
  versions: [1],
  for: "machine",
  on: "model",
  methods: {
    Arrive: method(arrive),
    Next: method(next),
    Start: method(start),
    Finish: method(finish),
    StartTask: method(startTask),
    FinishTask: method(finishTask),
    ExecView: method((call) => setting(call, ownUnit(call).name, { exec: true })),
    FinishExec: method(finishExec),
    SetStatus: method(setStatus),
    SetWorkloadVersion: method((call) =>
      run(call, { type: "set-workload-version", unit: ownUnit(call).name, version: text(call, "version") }),
    ),
    SetLeaderSettings: method((call) =>
      run(call, {
        type: "set-leader-settings",
        unit: ownUnit(call).name,
        settings: call.params["settings"] as Record<string, string>,
      }),
    ),
    IsLeader: method(async (call) => ({
      leader: await internals(call).leases(call.model).claim(ownUnit(call).name),
    })),
    SecretContent: method(secretContent),
    Resource: method(resource),
    ActionLog: method((call) =>
      run(call, { type: "task-log", task: text(call, "task"), message: text(call, "message") }),
    ),
    Log: method(log),
  },
});

async function arrive(call: AgentCall): Promise<unknown> {
  const { model, machine, params } = call;
  const addresses = Array.isArray(params["addresses"]) ? params["addresses"].map(String) : [];
  const known = model.state.machines[machine]?.addresses ?? [];
  // An agent that knows no address leaves those that the provisioner found.
  await internals(call).presence.arrive(model, machine, {
    bootId: text(call, "bootid"),
    addresses: addresses.length > 0 ? addresses : known,
  });
  await internals(call).leases(model).evaluate();
  return {};
}

/** Answers at once if there is something new for the machine, else as soon as there is. */
async function next(call: AgentCall): Promise<Assignment> {
  const seen = call.params["revision"];
  const live = internals(call).live(call.model);
  const look = () =>
    assignmentOf(
      call.model.state,
      call.machine,
      call.connection.controller.ssh.keys(call.model.uuid),
      Date.now(),
    );
  const first = look();
  if (first.revision !== seen) return first;
  return new Promise((resolve) => {
    let queued = false;
    const finish = (assignment: Assignment): void => {
      clearTimeout(timer);
      stop();
      call.connection.closed.removeEventListener("abort", onClosed);
      resolve(assignment);
    };
    const onClosed = () => finish(first);
    const stop = live.onWake(() => {
      if (queued) return;
      queued = true;
      // Several commands of one moment are answered once.
      setImmediate(() => {
        queued = false;
        const assignment = look();
        if (assignment.revision !== seen) finish(assignment);
      });
    });
    const timer = setTimeout(() => finish(look()), longPollMs);
    call.connection.closed.addEventListener("abort", onClosed, { once: true });
  });
}

async function start(call: AgentCall): Promise<StartedOperation> {
  const unit = ownUnit(call);
  const operationId = text(call, "operationid");
  await run(call, { type: "start-operation", unit: unit.name, operationId });
  const operation = call.model.state.units[unit.name]?.uniter.current;
  if (!operation || operation.id !== operationId)
    throw new ApiError("not found", `operation "${operationId}" of unit "${unit.name}" is not to be run`);
  return startedOperation(call, unit, operation);
}

function startedOperation(call: AgentCall, unit: Unit, operation: Operation): StartedOperation {
  const { model } = call;
  const charm = model.state.charms[operation.charmUrl ?? unit.charmUrl];
  if (!charm) throw new ApiError("not found", `charm "${operation.charmUrl ?? unit.charmUrl}" not found`);
  const task = operation.taskId === undefined ? undefined : model.state.tasks[operation.taskId];
  return {
    ...setting(call, unit.name, operation),
    operation,
    charm: { url: charm.url, sha256: charm.sha256, size: charm.size },
    ...(task ? { task: { task: task.id, action: task.action, parameters: task.parameters } } : {}),
  };
}

function setting(
  { model, connection: { controller } }: AgentCall,
  unit: string,
  operation: Operation | { exec: true },
): HookSetting {
  const view = { ...hookView(model.state, unit, operation), controllerUuid: controller.uuid };
  return { view, apiAddresses: controller.addresses, version: controller.version };
}

async function finish(call: AgentCall): Promise<unknown> {
  const unit = ownUnit(call, { orGone: true });
  if (!unit) return {};
  const operationId = text(call, "operationid");
  const current = unit.uniter.current;
  if (current?.id !== operationId) return {};
  const outcome = call.params["outcome"] as OperationOutcome;
  const result = call.params["result"] as ActionResult | undefined;
  if (current.taskId !== undefined && result) {
    // An action's changes are committed with its task; a commit that is refused makes a failed task.
    const changes = outcome.kind === "success" && outcome.changes ? { changes: outcome.changes } : {};
    await run(call, { type: "finish-task", task: current.taskId, unit: unit.name, result, ...changes });
    return {};
  }
  await run(call, { type: "finish-operation", unit: unit.name, operationId, outcome });
  return {};
}

async function startTask(call: AgentCall): Promise<unknown> {
  await run(call, { type: "start-task", task: ownTask(call) });
  return {};
}

async function finishTask(call: AgentCall): Promise<unknown> {
  await run(call, {
    type: "finish-task",
    task: ownTask(call),
    result: call.params["result"] as ActionResult,
  });
  return {};
}

/**
 * What a juju-exec on the machine has buffered is one command of the model: a kill leaves it committed or not begun. One that
 * changed nothing leaves no trace.
 */
async function finishExec(call: AgentCall): Promise<unknown> {
  const { name: unit } = ownUnit(call);
  const changes = call.params["changes"] as HookChanges;
  if (JSON.stringify(changes) === JSON.stringify(emptyBuffer().changes)) return {};
  await run(call, { type: "commit-exec", unit, changes });
  return {};
}

async function setStatus(call: AgentCall): Promise<unknown> {
  const type = call.params["application"] === true ? "set-application-status" : "set-status";
  const status = text(call, "status") as WorkloadStatus;
  await run(call, { type, unit: ownUnit(call).name, status, message: text(call, "message") });
  return {};
}

/** What the unit tracks from now on comes with the hook's commit. */
function secretContent(call: AgentCall): unknown {
  const { id, label, mode } = call.params;
  const reading = readSecret(call.model.state, ownUnit(call).name, {
    mode: mode === "peek" || mode === "refresh" ? mode : "tracked",
    ...(typeof id === "string" ? { id } : {}),
    ...(typeof label === "string" ? { label } : {}),
  });
  const content = internals(call).vault.read(call.model.uuid, reading.contentId);
  return { id: reading.id, revision: reading.revision, content };
}

function resource(call: AgentCall): ResourceInfo {
  const { application } = ownUnit(call);
  const name = text(call, "name");
  const found = call.model.state.applications[application]?.resources[name];
  if (!found) throw new ApiError("not found", `resource "${application}/${name}" not found`);
  return { sha256: found.sha256, size: found.size, filename: found.filename };
}

/** Lines of other machines' entities, or not lines at all, are left out; a unit that has just gone may still speak. */
function log(call: AgentCall): unknown {
  const { records } = call.params;
  if (!Array.isArray(records)) return {};
  const { tag } = call.connection.user;
  const units = Object.values(call.model.state.units).filter((u) => u.machine !== call.machine);
  const others = new Set(units.map((u) => `unit-${u.name.replace("/", "-")}`));
  const isMine = (entity: unknown) =>
    entity === tag || (/^unit-.+-\d+$/.test(String(entity)) && !others.has(String(entity)));
  const valid = (records as LogRecord[]).filter(
    (r) =>
      isMine(r.entity) &&
      typeof r.message === "string" &&
      typeof r.module === "string" &&
      Number.isFinite(r.at),
  );
  const clean = valid.map((r) => ({ ...r, level: levels.has(r.level) ? r.level : "INFO" }));
  call.connection.controller.logs.append(call.model.uuid, clean);
  return {};
}

async function run(call: AgentCall, request: Request): Promise<readonly ModelEvent[]> {
  return call.model.execute(request, { by: "agent" });
}

function internals({ connection }: AgentCall) {
  return internalsOf(connection.controller);
}

function unitsHere({ model, machine }: AgentCall): Unit[] {
  return Object.values(model.state.units).filter((u) => u.machine === machine);
}

/** An agent speaks for the units of its machine only. @throws ApiError */
function ownUnit(call: AgentCall): Unit;
function ownUnit(call: AgentCall, options: { orGone: true }): Unit | undefined;
function ownUnit(call: AgentCall, options?: { orGone: true }): Unit | undefined {
  const name = text(call, "unit");
  const unit = unitsHere(call).find((u) => u.name === name);
  if (unit || (options?.orGone && !Object.hasOwn(call.model.state.units, name))) return unit;
  throw new ApiError("unauthorized access", "permission denied");
}

function ownTask(call: AgentCall): string {
  const id = text(call, "task");
  const task = Object.hasOwn(call.model.state.tasks, id) ? call.model.state.tasks[id] : undefined;
  if (task?.receiver !== call.machine) throw new ApiError("unauthorized access", "permission denied");
  return id;
}

function text({ params }: AgentCall, key: string): string {
  const value = params[key];
  if (typeof value !== "string") throw new ApiError("bad request", `expected "${key}" to be a string`);
  return value;
}

function machineOf(connection: Connection): string {
  return connection.user.tag.slice("machine-".length).replaceAll("-", "/");
}

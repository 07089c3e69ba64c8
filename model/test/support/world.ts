import { AssertionError } from "node:assert/strict";
import {
  apply,
  createModel,
  decide,
  emptyBuffer,
  hookView,
  nextOperation,
  readSecret,
  runHookTool,
} from "../../src/index.ts";
import type {
  Charm,
  Command,
  HookBuffer,
  HookEffects,
  HookView,
  ModelEvent,
  ModelState,
  Operation,
  OperationOutcome,
  Request,
  ToolResult,
  Unit,
} from "../../src/index.ts";

/** What a charm does in a hook; a throw fails it. */
export type Script = (hook: Hook) => Promise<void> | void;

export const base = { name: "ubuntu", channel: "24.04" };
export const uuid = "8d1b1a6e-5a2c-4b0f-9c53-0f1e2d3c4b5a";

/** A running hook of a charm: its view, its buffer, its tools. */
export interface Hook {
  readonly unit: string;
  readonly name: string;
  readonly view: HookView;
  readonly buffer: HookBuffer;
  readonly tool: (...argv: string[]) => Promise<ToolResult>;
  /** stdout of a tool that must succeed */
  readonly ask: (...argv: string[]) => Promise<string>;
}

/** A model with agents that do what they are told at once, and charms that do what the test's script says. */
export class World {
  readonly state: ModelState = createModel({ uuid, name: "m", owner: "admin", now: 0 });
  readonly log: ModelEvent[] = [];
  readonly trace: string[] = [];
  readonly contents = new Map<string, Record<string, string>>();
  readonly logged: string[] = [];
  now = 1_000_000;
  script: Script = () => {};
  #ids = 0;

  do(request: Request): ModelEvent[] {
    const command = { ...request, now: this.now } as Command;
    const before = JSON.stringify(this.state);
    const events = decide(this.state, command);
    if (JSON.stringify(this.state) !== before) throw new Error(`decide changed the state: ${command.type}`);
    for (const event of events) apply(this.state, structuredClone(event));
    this.log.push(...events);
    return events;
  }

  deploy(charm: Charm, units = 1, application = charm.name): this {
    if (!this.state.charms[charm.url]) this.do({ type: "add-charm", charm });
    this.do({ type: "deploy", application, charmUrl: charm.url, units, base });
    return this.up();
  }

  /** All machines run and have an address. */
  up(): this {
    for (const { id, agentStatus } of Object.values(this.state.machines))
      if (agentStatus.status !== "started")
        this.do({
          type: "machine-agent",
          machine: id,
          status: "started",
          message: "",
          bootId: "1",
          addresses: [`10.0.0.${Number(id) + 1}`],
        });
    return this;
  }

  elect(unit: string): this {
    this.do({ type: "elect-leader", application: unit.split("/")[0] ?? "", unit });
    return this;
  }

  unit(name: string): Unit {
    const unit = this.state.units[name];
    if (!unit) throw new Error(`no unit ${name}`);
    return unit;
  }

  next(unit: string): Operation | undefined {
    return nextOperation(this.state, unit, this.now);
  }

  /** Starts the next operation of the unit. */
  start(name: string): Operation {
    const operation = this.next(name);
    if (!operation) throw new Error(`${name} is idle`);
    this.do({ type: "start-operation", unit: name, operationId: operation.id });
    return this.unit(name).uniter.current ?? operation;
  }

  finish(unit: string, operation: Operation, outcome: OperationOutcome = { kind: "success" }): void {
    this.do({ type: "finish-operation", unit, operationId: operation.id, outcome });
  }

  /** Runs one operation with the script; false if the unit is idle. */
  async step(name: string): Promise<boolean> {
    if (!this.next(name)) return false;
    const operation = this.start(name);
    if (operation.hook || operation.taskId) this.trace.push(`${name} ${label(this, operation)}`);
    const hook = this.hook(name, operation);
    this.finish(name, operation, await this.outcome(hook, operation));
    this.now += 10;
    return true;
  }

  async outcome(hook: Hook, operation: Operation): Promise<OperationOutcome> {
    try {
      if (operation.hook || operation.taskId) await this.script(hook);
      this.store(hook.buffer);
      return { kind: "success", changes: hook.buffer.changes };
    } catch (error) {
      // What a test holds of a hook is no failure of the hook.
      if (error instanceof AssertionError) throw error;
      return { kind: "failure", message: String(error) };
    }
  }

  /** What the controller does before a commit: it puts the contents of secrets aside. */
  store(buffer: HookBuffer): void {
    for (const change of buffer.changes.secrets)
      if ((change.kind === "add" || change.kind === "set") && change.content) {
        change.contentId = `content-${(this.#ids += 1)}`;
        change.checksum = JSON.stringify(change.content);
        this.contents.set(change.contentId, change.content);
        delete change.content;
      }
  }

  /** Until all units are idle; units take turns. */
  async settle(most = 400): Promise<this> {
    for (let left = most, isBusy = true; isBusy; left -= 1) {
      isBusy = false;
      for (const name of Object.keys(this.state.units)) if (await this.step(name)) isBusy = true;
      if (left === 0) throw new Error(`not idle after ${most} rounds:\n${this.trace.slice(-20).join("\n")}`);
    }
    return this;
  }

  /** What has happened since the last call, of one unit or of all. */
  taken(unit?: string): string[] {
    const lines = this.trace.filter((line) => unit === undefined || line.startsWith(`${unit} `));
    this.trace.length = 0;
    return unit === undefined ? lines : lines.map((line) => line.slice(unit.length + 1));
  }

  hook(unit: string, operation: Operation): Hook {
    const view = hookView(this.state, unit, operation);
    const buffer = emptyBuffer();
    const tool = (...argv: string[]) => runHookTool(view, buffer, argv, this.stdin, this.effects(unit));
    const ask = async (...argv: string[]) => {
      const { exitCode, stdout, stderr } = await tool(...argv);
      if (exitCode !== 0) throw new Error(stderr);
      return stdout.replace(/\n$/, "");
    };
    return { unit, name: operation.hook?.name ?? operation.kind, view, buffer, tool, ask };
  }

  stdin: string | undefined;

  effects(unit: string): HookEffects {
    return {
      setStatus: async ({ application, status, message }) => {
        const type = application ? "set-application-status" : "set-status";
        this.do({ type, unit, status: status as "active", message });
      },
      setWorkloadVersion: async (version) => void this.do({ type: "set-workload-version", unit, version }),
      log: async (level, message) => void this.logged.push(`${level} ${message}`),
      isLeader: async () => Object.values(this.state.applications).some(({ leader }) => leader === unit),
      secretContent: async (request) => {
        const { id, revision, contentId } = readSecret(this.state, unit, request);
        return { id, revision, content: this.contents.get(contentId) ?? {} };
      },
      resourcePath: async (name) => `/var/lib/juju/agents/unit/resources/${name}/file`,
      actionLog: async (message) => void this.logged.push(`action ${message}`),
      newSecretId: () => `s${String((this.#ids += 1)).padStart(19, "0")}`,
      setLeaderSettings: async (settings) => void this.do({ type: "set-leader-settings", unit, settings }),
      readFile: async (path) => `content of ${path}`,
      now: () => this.now,
    };
  }
}

/** A world whose machines provide storage. */
export class StorageWorld extends World {
  constructor() {
    super();
    Object.assign(this.state, createModel({ uuid, name: "m", owner: "admin", now: 0, storage: true }));
  }

  provide(): this {
    for (const { id } of Object.values(this.state.storage?.instances ?? {}))
      this.do({ type: "storage-provisioned", storage: id, location: `/srv/${id}` });
    return this;
  }

  get ids(): string[] {
    return Object.keys(this.state.storage?.instances ?? {});
  }
}

/** `db-relation-joined(pg/0)`, `peers-relation-departed(web/1; departing web/1)`, `actions/ping` */
export function label(world: World, { hook, taskId }: Operation): string {
  if (!hook) return `actions/${world.state.tasks[taskId ?? ""]?.action}`;
  const { name, remoteUnit, remoteApplication, departingUnit } = hook;
  if (departingUnit !== undefined) return `${name}(${remoteUnit}; departing ${departingUnit})`;
  if (remoteUnit !== undefined) return `${name}(${remoteUnit})`;
  if (name.endsWith("-relation-changed")) return `${name}(app ${remoteApplication})`;
  return name;
}

/** The message of the error that the act must throw. */
export function refusal(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return `${code}: ${message}`;
  }
  throw new Error("expected an error, got none");
}

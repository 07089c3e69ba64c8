/**
 * One unit on this machine: takes the operation that the controller offers, runs it, reports how it ended, and takes the
 * next. What it is doing is in the journal, so that after a death of the agent the operation is reported, not run twice.
 */
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import type { Server } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  hookEnvironment,
  type ActionResult,
  type HookView,
  type Operation,
  type OperationOutcome,
} from "@cantrip/model";
import type { HookSetting, StartedOperation, UnitAssignment } from "../api/agent-protocol.ts";
import type { LogLevel } from "../models.ts";
import {
  actionResult,
  commandFor,
  dispatchPathOf,
  failureOf,
  shell,
  type Argv,
  type Captured,
} from "./charm-run.ts";
import { bootId, unitTag, UnitPaths } from "./config.ts";
import { HookContext } from "./context.ts";
import { downloadBlob } from "./downloads.ts";
import { failed, serveFrames, type ToolAnswer, type ToolCall } from "./frames.ts";
import { Journal } from "./journal.ts";
import { RemoteError, type Link } from "./link.ts";
import type { AgentLog } from "./log.ts";
import type { MachineLock } from "./machine-lock.ts";
import { CharmProcess, killStranded, type Exit } from "./process.ts";
import { deployUnit, removeUnit } from "./unit-files.ts";
import { isUnpacked, unpackCharm } from "./unpack.ts";

export interface UnitWorkerParts {
  readonly link: Link;
  readonly log: AgentLog;
  readonly lock: MachineLock;
  readonly dataDir: string;
  readonly hookTool: string;
  readonly onReboot: () => void;
}

interface Run {
  readonly exit: Exit;
  readonly context: HookContext;
  readonly captured: Captured;
}

const agentPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin";
const maxCapture = 1 << 20;

export class UnitWorker {
  readonly name: string;
  readonly #parts: UnitWorkerParts;
  readonly #paths: UnitPaths;
  readonly #journal: Journal;
  readonly #contexts = new Map<string, HookContext>();
  readonly #running = new Map<string, CharmProcess>();
  readonly #aborted = new Set<string>();
  #servers: Server[] = [];
  #offered: Operation | undefined;
  #lastFinished: string | undefined;
  #busy = false;
  #stopping = false;

  constructor(name: string, parts: UnitWorkerParts) {
    this.name = name;
    this.#parts = parts;
    this.#paths = new UnitPaths(parts.dataDir, name);
    deployUnit(this.#paths, parts.hookTool);
    this.#journal = new Journal(this.#paths.journal, (text) =>
      this.#log("juju.worker.uniter", "ERROR", text),
    );
  }

  async start(): Promise<void> {
    this.#servers = [
      await serveFrames(this.#paths.socket, (call) => this.#answerTool(call)),
      await serveFrames(this.#paths.runSocket, (call, gone) => this.#answerExec(call, gone)),
    ];
    await this.#settleJournal();
  }

  /** Takes the newest word of the controller; what runs is not disturbed. */
  assign({ operation }: UnitAssignment): void {
    this.#offered = operation;
    void this.#work();
  }

  /** Ends the task if it runs here. */
  abort(task: string): void {
    const process = this.#running.get(task);
    if (!process || this.#aborted.has(task)) return;
    this.#aborted.add(task);
    void process.stop();
  }

  /**
   * The agent goes: what runs is terminated and reported as interrupted. What cannot be reported within 5 s is in the
   * journal, and will be after the next start.
   */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#running.values()].map((process) => process.stop()));
    for (let waited = 0; this.#busy && waited < 5_000; waited += 10) await sleep(10);
    for (const server of this.#servers) server.close();
  }

  /** The unit is gone from the model without having been told so: nothing of it stays. */
  async remove(): Promise<void> {
    this.#stopping = true;
    for (const process of this.#running.values()) process.kill();
    while (this.#busy) await sleep(10);
    this.#removeFiles();
  }

  async #work(): Promise<void> {
    if (this.#busy || this.#stopping) return;
    this.#busy = true;
    try {
      while (!this.#stopping && this.#offered && this.#offered.id !== this.#lastFinished)
        await this.#perform(this.#offered);
    } catch (error) {
      this.#log("juju.worker.uniter", "ERROR", `cannot go on with ${this.name}: ${message(error)}`);
      setTimeout(() => void this.#work(), 1_000).unref();
    } finally {
      this.#busy = false;
    }
  }

  async #perform(operation: Operation): Promise<void> {
    const needsLock = operation.kind === "run-hook" || operation.kind === "run-action";
    if (!needsLock) return this.#performNow(operation.id);
    await this.#parts.lock.hold("", async () => {
      // While it waited for the lock, something else may have become more urgent.
      const newest = this.#offered;
      if (newest && newest.id !== this.#lastFinished && !this.#stopping) await this.#performNow(newest.id);
    });
  }

  async #performNow(operationId: string): Promise<void> {
    const started = await this.#startOperation(operationId);
    if (!started) return;
    const { operation } = started;
    this.#journal.begin({
      operationId,
      kind: operation.kind,
      bootId: bootId(),
      ...(operation.taskId === undefined ? {} : { taskId: operation.taskId }),
    });
    const { outcome, result } = await this.#outcomeOf(started);
    this.#journal.end(outcome, result);
    // A controller that is away delays the report, however long; a terminated agent leaves it in the journal.
    await this.#report(operationId, outcome, result);
    if (operation.kind === "terminate" && outcome.kind === "success") this.#removeFiles();
    if (outcome.kind === "reboot") this.#parts.onReboot();
  }

  async #startOperation(operationId: string): Promise<StartedOperation | undefined> {
    try {
      return await this.#parts.link.call<StartedOperation>("Start", {
        unit: this.name,
        operationid: operationId,
      });
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      // The offer was withdrawn or replaced: the next assignment says what to do instead.
      if (this.#offered?.id === operationId) this.#offered = undefined;
      return undefined;
    }
  }

  async #outcomeOf(started: StartedOperation): Promise<{ outcome: OperationOutcome; result?: ActionResult }> {
    const { operation } = started;
    try {
      if (operation.kind === "run-hook") return { outcome: await this.#hook(started) };
      if (operation.kind === "run-action") return await this.#action(started);
      if (operation.kind === "terminate") return { outcome: { kind: "success" } };
      await this.#installCharm(started);
      return { outcome: { kind: "success" } };
    } catch (error) {
      this.#log("juju.worker.uniter", "ERROR", `${operation.kind} failed: ${message(error)}`);
      return { outcome: { kind: "failure", message: message(error) } };
    }
  }

  async #report(operationId: string, outcome: OperationOutcome, result?: ActionResult): Promise<void> {
    // Messages keep their order on the way: whoever sees the outcome sees what was logged before it.
    this.#parts.log.drain();
    const params = { unit: this.name, operationid: operationId, outcome, ...(result ? { result } : {}) };
    try {
      await this.#parts.link.call("Finish", params);
    } catch (error) {
      if (!(error instanceof RemoteError)) throw error;
      await this.#reportRefusal(operationId, outcome, error);
    }
    this.#lastFinished = operationId;
    this.#journal.clear();
  }

  /** A commit that the model refuses makes the hook a failed one. */
  async #reportRefusal(operationId: string, outcome: OperationOutcome, error: RemoteError): Promise<void> {
    this.#log("juju.worker.uniter", "ERROR", `cannot commit the changes of ${operationId}: ${error.message}`);
    if (outcome.kind === "failure" || outcome.kind === "interrupted") return;
    const failure = { kind: "failure", message: error.message };
    await this.#parts.link
      .call("Finish", { unit: this.name, operationid: operationId, outcome: failure })
      .catch((second: unknown) => {
        if (!(second instanceof RemoteError)) throw second;
      });
  }

  async #installCharm({ charm }: StartedOperation): Promise<void> {
    if (isUnpacked(this.#paths.manifest, charm.sha256)) return;
    const archive = join(this.#paths.state, "bundles", charm.sha256);
    await downloadBlob(this.#parts.link, charm.sha256, archive);
    await unpackCharm({
      archive,
      sha256: charm.sha256,
      charmDir: this.#paths.charm,
      manifest: this.#paths.manifest,
    });
    rmSync(archive, { force: true });
  }

  async #hook(started: StartedOperation): Promise<OperationOutcome> {
    const { hook } = started.operation;
    if (!hook) return { kind: "failure", message: "the operation names no hook" };
    const argv = commandFor(this.#paths.charm, dispatchPathOf(hook));
    if (!argv) {
      this.#log("juju.worker.uniter", "INFO", `skipped "${hook.name}" hook (missing)`);
      return { kind: "success" };
    }
    const { exit, context } = await this.#run({
      setting: started,
      label: hook.name,
      key: started.operation.id,
      argv,
    });
    const { changes } = context.buffer;
    const failure = failureOf(exit);
    if (changes.reboot === "now") return { kind: "reboot", requeue: true };
    if (this.#stopping && failure !== undefined) return { kind: "interrupted" };
    if (failure !== undefined) {
      this.#log(
        "juju.worker.uniter.operation",
        "ERROR",
        `hook "${hook.name}" (via ${argv[0].endsWith("/dispatch") ? "hook dispatching script: dispatch" : argv[0]}) failed: ${failure}`,
      );
      return { kind: "failure", message: failure };
    }
    return changes.reboot === "after"
      ? { kind: "reboot", changes, requeue: false }
      : { kind: "success", changes };
  }

  async #action(started: StartedOperation): Promise<{ outcome: OperationOutcome; result: ActionResult }> {
    const { task } = started;
    if (!task) throw new Error("the operation names no task");
    const isExec = task.action === "juju-exec";
    const argv = isExec ? shell() : commandFor(this.#paths.charm, `actions/${task.action}`);
    if (!argv) {
      const text = `action not implemented on unit "${this.name}"`;
      return {
        outcome: { kind: "success" },
        result: { status: "failed", message: text, results: { "return-code": 1 } },
      };
    }
    const run = {
      setting: started,
      label: task.action,
      key: task.task,
      argv,
      ...(isExec ? execOptions(task.parameters) : {}),
    };
    const { exit, context, captured } = await this.#run(run);
    const aborted = this.#aborted.delete(task.task) || (this.#stopping && exit.signal !== undefined);
    const result = actionResult(exit, context.buffer, captured, { isExec, aborted });
    const commits = exit.code === 0;
    return { outcome: { kind: "success", ...(commits ? { changes: context.buffer.changes } : {}) }, result };
  }

  async #run(options: {
    setting: HookSetting;
    label: string;
    key: string;
    argv: Argv;
    stdin?: string;
    timeoutMs?: number;
  }): Promise<Run> {
    const { setting, label, key, argv, stdin, timeoutMs } = options;
    const context = this.#openContext(setting.view, label, key);
    const captured = { stdout: "", stderr: "" };
    const module = `unit.${this.name}.${label}`;
    const process = new CharmProcess({
      argv,
      cwd: this.#paths.charm,
      env: this.#environment(setting, context.id),
      ...(stdin === undefined ? {} : { stdin }),
      onStart: (p) => this.#journal.entry?.operationId === key && this.#journal.progress({ process: p }),
      onLine: (stream, line) => {
        if (captured[stream].length < maxCapture) captured[stream] += `${line}\n`;
        this.#log(module, stream === "stdout" ? "DEBUG" : "WARNING", line);
      },
    });
    this.#running.set(key, process);
    const timer = timeoutMs ? setTimeout(() => void process.stop(), timeoutMs) : undefined;
    try {
      const exit = await process.done;
      return { exit, context, captured };
    } finally {
      clearTimeout(timer);
      this.#running.delete(key);
      await context.close();
      this.#contexts.delete(context.id);
    }
  }

  #openContext(view: HookView, label: string, key: string): HookContext {
    const context = new HookContext({
      id: `${this.name}-${label}-${randomBytes(8).toString("hex")}`,
      view,
      link: this.#parts.link,
      resources: this.#paths.resources,
      log: (module, level, text) => this.#log(module, level, text),
      onBuffer: (buffer) => this.#journal.progress({ buffer }),
      onRebootNow: () => this.#running.get(key)?.kill(),
    });
    this.#contexts.set(context.id, context);
    return context;
  }

  #environment({ view, apiAddresses, version }: HookSetting, contextId: string): Record<string, string> {
    return hookEnvironment(view, {
      charmDir: this.#paths.charm,
      toolsDir: this.#paths.tools,
      socket: this.#paths.socket,
      contextId,
      apiAddresses,
      version,
      path: agentPath,
    });
  }

  async #answerTool(call: ToolCall): Promise<ToolAnswer> {
    const context = this.#contexts.get(call.context);
    return context
      ? context.run(call)
      : failed(`bad request: bad context: no hook runs in context "${call.context}"`);
  }

  /** juju-exec on the machine: under the execution lock, in the unit's context, committed like a hook. */
  async #answerExec({ argv }: ToolCall, gone: AbortSignal): Promise<ToolAnswer> {
    const [, , command = ""] = argv;
    return this.#parts.lock.hold("", async () => {
      if (gone.aborted || this.#stopping) return failed("the command was given up before it ran");
      const setting = await this.#parts.link.call<HookSetting>(
        "ExecView",
        { unit: this.name },
        { timeoutMs: 600_000 },
      );
      const key = `exec-${randomBytes(6).toString("hex")}`;
      const onGone = () => void this.#running.get(key)?.stop();
      gone.addEventListener("abort", onGone, { once: true });
      const { exit, context, captured } = await this.#run({
        setting,
        label: "juju-exec",
        key,
        argv: shell(),
        stdin: command,
      });
      gone.removeEventListener("abort", onGone);
      const failure = exit.code === undefined ? failureOf(exit) : undefined;
      const { changes } = context.buffer;
      if (exit.code === 0) await this.#parts.link.call("FinishExec", { unit: this.name, changes });
      const stderr = failure ? `${captured.stderr}ERROR ${failure}\n` : captured.stderr;
      return { stdout: captured.stdout, stderr, exitCode: exit.code ?? 1 };
    });
  }

  /** What an earlier agent left: report what ended; what was running when it died has failed. */
  async #settleJournal(): Promise<void> {
    const { entry } = this.#journal;
    if (!entry) return;
    if (entry.process) killStranded(entry.process);
    const rebooted = entry.bootId !== bootId();
    const lost: OperationOutcome = rebooted
      ? { kind: "interrupted" }
      : { kind: "failure", message: "the unit agent died while it ran" };
    const isAction = entry.taskId !== undefined;
    const result = entry.result ?? (isAction ? failedTask(lost) : undefined);
    const outcome = entry.outcome ?? (isAction ? { kind: "success" as const } : lost);
    this.#journal.end(outcome, result);
    this.#busy = true;
    void this.#report(entry.operationId, outcome, result)
      .catch((error: unknown) => this.#log("juju.worker.uniter", "ERROR", message(error)))
      .finally(() => {
        this.#busy = false;
        void this.#work();
      });
  }

  #removeFiles(): void {
    this.#stopping = true;
    for (const server of this.#servers) server.close();
    removeUnit(this.#paths);
  }

  #log(module: string, level: LogLevel, text: string): void {
    this.#parts.log.write(unitTag(this.name), module, level, text);
  }
}

/** Parameters of juju-exec: the command is a text for a shell, the timeout is in nanoseconds and 0 for none. */
export function execOptions(parameters: Record<string, unknown>): { stdin: string; timeoutMs?: number } {
  const timeout = Number(parameters["timeout"] ?? 0);
  const bound = Number.isFinite(timeout) && timeout > 0 ? { timeoutMs: timeout / 1e6 } : {};
  const { command } = parameters;
  return { stdin: typeof command === "string" ? command : "", ...bound };
}

function failedTask(lost: OperationOutcome): ActionResult {
  return {
    status: "failed",
    message: lost.kind === "failure" ? lost.message : "the machine went down while it ran",
    results: { "return-code": 1 },
  };
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

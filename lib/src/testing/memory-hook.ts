import {
  type HookBuffer,
  type HookView,
  type Operation,
  type OperationOutcome,
  emptyBuffer,
  hookEnvironment,
  hookView,
} from "@cantrip/model";
import { MemoryEffects, type MemoryJuju } from "./memory-juju.ts";
import type { ActionOutcome } from "./state.ts";

/** The hook itself ended well, and Juju does not take what it asked for: it counts as failed, and nothing of it is kept. */
export class CommitRefused extends Error {
  override readonly name = "CommitRefused";
}

/** One operation of a unit that has begun: what its tools see, what they ask for, how it ends. The controller's part is the model's. */
export class MemoryHook {
  readonly view: HookView;
  readonly buffer: HookBuffer = emptyBuffer();
  readonly effects: MemoryEffects;
  readonly juju: MemoryJuju;
  readonly unit: string;
  readonly operation: Operation;

  constructor(juju: MemoryJuju, unit: string, operation: Operation) {
    this.juju = juju;
    this.unit = unit;
    this.operation = operation;
    this.view = hookView(juju.state, unit, operation);
    this.effects = new MemoryEffects(juju, unit);
  }

  get environment(): Record<string, string> {
    return hookEnvironment(this.view, paths);
  }

  get action(): ActionOutcome | undefined {
    const { results, failed: failure } = this.buffer.action;
    return this.view.action && { results, log: this.effects.actionLines, failure };
  }

  /**
   * The process has ended by itself.
   * @throws CommitRefused
   */
  end(exitCode: number): void {
    const { taskId } = this.operation;
    if (taskId === undefined) this.#finish(this.#outcome(exitCode));
    else this.#endAction(taskId, exitCode);
    const refusal = exitCode === 0 ? this.#refusal() : undefined;
    if (refusal !== undefined) throw new CommitRefused(refusal);
  }

  /** The machine went down, whatever the process was doing: nothing that it asked for is kept. */
  interrupt(): void {
    this.#finish({ kind: "interrupted" });
  }

  #finish(outcome: OperationOutcome): void {
    const { unit, operation } = this;
    this.juju.do({ type: "finish-operation", unit, operationId: operation.id, outcome }, "agent");
  }

  #outcome(exitCode: number): OperationOutcome {
    const { reboot } = this.buffer.changes;
    if (reboot === "now") return { kind: "reboot", requeue: true };
    if (exitCode !== 0) return { kind: "failure", message: `exit status ${exitCode}` };
    const changes = this.#changes();
    return reboot === "after" ? { kind: "reboot", changes, requeue: false } : { kind: "success", changes };
  }

  #endAction(task: string, exitCode: number): void {
    const { results, failed } = this.buffer.action;
    const isWell = exitCode === 0 && failed === undefined;
    const result = { status: isWell ? "completed" : "failed", message: failed ?? "", results } as const;
    const changes = exitCode === 0 ? { changes: this.#changes() } : {};
    this.juju.do({ type: "finish-task", task, result, unit: this.unit, ...changes }, "agent");
  }

  #changes(): HookBuffer["changes"] {
    const { changes } = this.buffer;
    return { ...changes, secrets: this.juju.putAside(changes.secrets) };
  }

  #refusal(): string | undefined {
    const { id, taskId } = this.operation;
    const { tasks, units } = this.juju.state;
    const failed = units[this.unit]?.uniter.failed;
    if (failed?.operation.id === id) return failed.message;
    const task = taskId === undefined ? undefined : tasks[taskId];
    const isRefused = task?.message.startsWith("committing ") ?? false;
    return isRefused ? `${task?.message}: ${String(task?.results["stderr"])}` : undefined;
  }
}

const paths = {
  charmDir: "/var/lib/juju/agents/unit-under-test/charm",
  toolsDir: "/var/lib/juju/tools/unit-under-test",
  socket: "/var/lib/juju/agents/unit-under-test/agent.socket",
  contextId: "unit-under-test",
  apiAddresses: [],
  version: "3.6.11",
  path: "/usr/bin:/bin",
};

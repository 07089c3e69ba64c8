/** Commands for the machine itself (`exec --machine`): as user ubuntu; no unit, no hook tools, no commit. */
import type { ActionResult } from "@cantrip/model";
import type { MachineTask } from "../api/agent-protocol.ts";
import { actionResult, shell } from "./charm-run.ts";
import type { Link } from "./link.ts";
import type { MachineLock } from "./machine-lock.ts";
import { CharmProcess } from "./process.ts";
import { execOptions } from "./unit-worker.ts";
import { findUser, runAs } from "./users.ts";

const env = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  LANG: "C.UTF-8",
  DEBIAN_FRONTEND: "noninteractive",
};
const runsAs = "ubuntu";
const maxCapture = 1 << 20;
/** A command must not run twice because the agent was started twice. */
const died = failedFor("the agent died while it ran");

export class MachineTasks {
  readonly #link: Link;
  readonly #lock: MachineLock;
  readonly #known = new Set<string>();
  readonly #running = new Map<string, CharmProcess>();
  readonly #aborted = new Set<string>();

  constructor(link: Link, lock: MachineLock) {
    this.#link = link;
    this.#lock = lock;
  }

  assign(tasks: readonly MachineTask[], aborting: readonly string[]): void {
    for (const task of tasks) if (!this.#known.has(task.task)) void this.#run(task);
    for (const task of aborting) this.#abort(task);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#running.values()].map((process) => process.stop()));
  }

  async #run({ task, parameters, isRunning }: MachineTask): Promise<void> {
    this.#known.add(task);
    try {
      if (isRunning) return void (await this.#link.call("FinishTask", { task, result: died }));
      await this.#lock.hold("", async () => {
        await this.#link.call("StartTask", { task });
        await this.#link.call("FinishTask", { task, result: await this.#execute(task, parameters) });
      });
    } catch {
      // Refused: it was cancelled meanwhile, or is no longer there.
      this.#known.delete(task);
    }
  }

  async #execute(task: string, parameters: Record<string, unknown>): Promise<ActionResult> {
    const { stdin, timeoutMs } = execOptions(parameters);
    const user = findUser(runsAs);
    if (!user) return failedFor(`cannot run the command: this machine has no user "${runsAs}"`);
    const captured = { stdout: "", stderr: "" };
    const onLine = (stream: "stdout" | "stderr", line: string) => {
      if (captured[stream].length < maxCapture) captured[stream] += `${line}\n`;
    };
    const command = runAs(user, shell());
    const process = new CharmProcess({ ...command, env: { ...env, ...command.env }, stdin, onLine });
    this.#running.set(task, process);
    const timer = timeoutMs ? setTimeout(() => void process.stop(), timeoutMs) : undefined;
    const exit = await process.done;
    clearTimeout(timer);
    this.#running.delete(task);
    const nothing = {
      changes: { relations: {}, state: { set: {}, delete: [] }, ports: { open: [], close: [] }, secrets: [] },
      action: { results: {} },
    };
    return actionResult(exit, nothing, captured, { isExec: true, aborted: this.#aborted.delete(task) });
  }

  #abort(task: string): void {
    const process = this.#running.get(task);
    if (!process) return;
    this.#aborted.add(task);
    void process.stop();
  }
}

function failedFor(message: string): ActionResult {
  return { status: "failed", message, results: { "return-code": 1 } };
}

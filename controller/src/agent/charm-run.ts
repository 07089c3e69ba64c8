/** What is run for a hook, an action or a command, and what its end means. */
import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";
import type { ActionResult, HookBuffer, HookInfo } from "@cantrip/model";
import type { Exit } from "./process.ts";

export type Argv = readonly [string, ...string[]];

/** @returns undefined when the charm has nothing for it */
export function commandFor(charmDir: string, dispatchPath: string): Argv | undefined {
  const dispatch = join(charmDir, "dispatch");
  if (existsSync(dispatch)) return [dispatch];
  const own = join(charmDir, dispatchPath);
  return existsSync(own) ? [own] : undefined;
}

/** Shells differ between images; bash is what juju uses where it is. */
export function shell(): Argv {
  try {
    accessSync("/bin/bash", constants.X_OK);
    return ["/bin/bash", "-s"];
  } catch {
    return ["/bin/sh", "-s"];
  }
}

/** Where a hook's name leads in the charm. */
export function dispatchPathOf(hook: HookInfo): string {
  return `hooks/${hook.name}`;
}

/** In the words of Juju's log and status. */
export function failureOf({ code, signal, problem }: Exit): string | undefined {
  if (problem !== undefined) return problem;
  if (signal !== undefined)
    return `signal: ${signal === "SIGKILL" ? "killed" : signal === "SIGTERM" ? "terminated" : signal}`;
  return code === 0 ? undefined : `exit status ${code}`;
}

export interface Captured {
  readonly stdout: string;
  readonly stderr: string;
}

/** juju-api.md 5.5 */
export function actionResult(
  exit: Exit,
  buffer: HookBuffer,
  captured: Captured,
  { isExec, aborted }: { isExec: boolean; aborted: boolean },
): ActionResult {
  const results = { ...buffer.action.results, "return-code": exit.code ?? 1, ...outputs(captured) };
  const failure = failureOf(exit);
  if (aborted) return { status: "aborted", message: failure ?? "", results };
  if (exit.problem !== undefined) return { status: "failed", message: exit.problem, results };
  if (isExec) return { status: "completed", message: "", results };
  if (failure !== undefined) return { status: "failed", message: buffer.action.failed ?? failure, results };
  if (buffer.action.failed !== undefined) return { status: "failed", message: buffer.action.failed, results };
  return { status: "completed", message: "", results };
}

function outputs({ stdout, stderr }: Captured): Record<string, string> {
  return { ...(stdout ? { stdout } : {}), ...(stderr ? { stderr } : {}) };
}

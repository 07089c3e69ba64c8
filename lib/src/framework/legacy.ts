import { spawnSync } from "node:child_process";
import { constants, accessSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import type { DispatchContext } from "./context.ts";

/**
 * Runs an executable `hooks/NAME` or `actions/NAME` of the charm's own first, where there is one that did not lead here.
 * @returns its exit code, 0 if there is none
 */
export function runLegacyHook({ charmDir, dispatchPath }: DispatchContext): number {
  const hook = join(charmDir, dispatchPath);
  if (!isProgram(hook) || isOurs(hook, join(charmDir, "dispatch"))) return 0;
  const env = { ...process.env, OPERATOR_DISPATCH: "1" };
  const { status, signal, error } = spawnSync(hook, { cwd: charmDir, env, stdio: "inherit" });
  if (error) throw new Error(`Cannot run ${dispatchPath} of the charm: ${error.message}`);
  if (status === null) throw new Error(`Cannot go on after ${dispatchPath} of the charm: ended by ${signal}`);
  return status;
}

function isProgram(path: string): boolean {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return false;
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Without `dispatch` the agent started the hook itself, and that led here. */
const isOurs = (hook: string, dispatch: string): boolean =>
  !isProgram(dispatch) || realpathSync(hook) === realpathSync(dispatch);

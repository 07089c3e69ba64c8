import { spawnSync } from "node:child_process";
import { constants, accessSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { DispatchContext } from "./context.ts";

/**
 * Runs an executable `hooks/NAME` of the charm's own first, where there is one that is not a link back to us.
 * @returns its exit code, 0 if there is none
 */
export function runLegacyHook({ charmDir, dispatchPath, name }: DispatchContext): number {
  if (dispatchPath !== `hooks/${name}`) return 0;
  const hook = join(charmDir, dispatchPath);
  try {
    accessSync(hook, constants.X_OK);
  } catch {
    return 0;
  }
  if (realpathSync(hook) === realpathSync(join(charmDir, "dispatch"))) return 0;
  const env = { ...process.env, OPERATOR_DISPATCH: "1" };
  const { status } = spawnSync(hook, { cwd: charmDir, env, stdio: "inherit" });
  return status ?? 1;
}

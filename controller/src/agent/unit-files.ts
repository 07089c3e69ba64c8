/** Directories and hook tool links of a unit on its machine (juju.md 1.8). */
import { existsSync, lstatSync, mkdirSync, readlinkSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { hookToolNames } from "@cantrip/model";
import type { UnitPaths } from "./config.ts";

export function deployUnit(paths: UnitPaths, hookTool: string): void {
  for (const directory of [paths.charm, paths.state, paths.tools])
    mkdirSync(directory, { recursive: true, mode: 0o755 });
  for (const name of [...hookToolNames, "juju-exec", "juju-run"]) linkTo(join(paths.tools, name), hookTool);
}

export function removeUnit(paths: UnitPaths): void {
  rmSync(paths.tools, { recursive: true, force: true });
  rmSync(paths.root, { recursive: true, force: true });
}

/** `juju-exec` and `juju-run` for scripts on the machine that are not hooks. */
export function installCommands(directory: string, hookTool: string): void {
  if (!existsSync(directory)) return;
  for (const name of ["juju-exec", "juju-run"]) linkTo(join(directory, name), hookTool);
}

function linkTo(path: string, target: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isSymbolicLink() && readlinkSync(path) === target) return;
  if (found) rmSync(path, { recursive: true, force: true });
  symlinkSync(target, path);
}

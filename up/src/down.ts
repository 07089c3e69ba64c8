/** `cantrip down`: takes everything away that `up` made on this host, in the reverse order, and puts back what it changed. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { forgetController } from "@cantrip/controller/command";
import { alone } from "./alone.ts";
import { clientDirectory } from "./client.ts";
import { daemonOf } from "./controller.ts";
import { stop } from "./daemon.ts";
import { invoker, kubeconfigPath, type Invoker } from "./invoker.ts";
import { clusterFile } from "./kubectl.ts";
import { hostPaths, type Paths } from "./paths.ts";
import { Progress } from "./progress.ts";
import { readSettings, settingsFile, type Settings } from "./settings.ts";
import { machinesOf } from "./up.ts";

export interface DownOptions {
  /** also the caches: the next `up` builds everything again */
  readonly purge?: boolean;
  readonly quiet?: boolean;
}

/** Returns whether there was anything. */
export async function down({ purge = false, quiet = false }: DownOptions): Promise<boolean> {
  if (process.getuid?.() !== 0)
    throw new Error('Machines, bridges and mounts need root: run "sudo cantrip down"');
  return await alone(hostPaths(), () => takeDown(purge, quiet));
}

async function takeDown(purge: boolean, quiet: boolean): Promise<boolean> {
  const [paths, person, progress] = [hostPaths(), invoker(), new Progress({ quiet })];
  const settings = await readSettings(paths);
  try {
    if (settings) await progress.phase("controller", () => stop(daemonOf(paths, settings)));
    if (settings) await progress.phase("machines", () => removeMachines(paths, settings));
    if (settings) await progress.phase("files", () => removeFiles(paths, settings, person));
    if (purge) await progress.phase("caches", () => rm(paths.cache, { recursive: true, force: true }));
    return settings !== undefined || purge;
  } finally {
    progress.close();
  }
}

async function removeMachines(paths: Paths, settings: Settings): Promise<void> {
  const machines = machinesOf(paths, settings);
  await machines.cleanup();
  await machines.restore();
}

/** The settings go last: as long as they are there, `down` can be run again. */
async function removeFiles(paths: Paths, settings: Settings, person: Invoker): Promise<void> {
  const directory = clientDirectory(person);
  await rm(kubeconfigPath(person, settings.model), { force: true });
  await rm(clusterFile(directory), { force: true });
  forgetController(directory, settings.instance, person);
  const others = (await readdir(paths.state)).filter((name) => name !== settingsFile);
  for (const name of others) await rm(join(paths.state, name), { recursive: true, force: true });
  await rm(paths.state, { recursive: true, force: true });
}

/** Whether a machine runs, and as which processes: seen in /proc, starting from the launcher that its folder names. */
import { basename, join } from "node:path";
import { readJson } from "./files.ts";
import { rebootExitCode } from "./launcher.ts";
import { unitName } from "./names.ts";
import { allPids, argvOf, bootId, childrenOf, leaderOf, nspawnsBelow, statOf } from "./proc.ts";
import { run } from "./run.ts";
import { onSystemd } from "./systemd.ts";
import type { MachineStore } from "./store.ts";

export interface Running {
  launcherPid?: number;
  nspawnPid?: number;
  /** The machine's PID 1, as the host counts. */
  leader?: number;
}

export const isAnything = ({ launcherPid, nspawnPid }: Running): boolean =>
  launcherPid !== undefined || nspawnPid !== undefined;

export async function runningOf(store: MachineStore, name: string): Promise<Running> {
  const launcherPid = await launcherOf(store, name);
  const nspawnPid = await nspawnOf(store, name, launcherPid);
  const leader = nspawnPid === undefined ? undefined : await leaderOf(nspawnPid);
  return {
    ...(launcherPid === undefined ? {} : { launcherPid }),
    ...(nspawnPid === undefined ? {} : { nspawnPid }),
    ...(leader === undefined ? {} : { leader }),
  };
}

/** The launcher's pid, if the process on record is that very one. */
async function launcherOf(store: MachineStore, name: string): Promise<number | undefined> {
  const path = join(store.dir(name), "run");
  // A power cut may have left it empty; then nothing of it runs.
  const record = await readJson<{ pid: number; startTime: string; bootId: string }>(path).catch(
    () => undefined,
  );
  if (!record || record.bootId !== (await bootId())) return undefined;
  const stat = await statOf(record.pid);
  return stat?.startTime === record.startTime && stat.state !== "Z" ? record.pid : undefined;
}

/** nspawn is the launcher's child, or what the launcher became; if the launcher was killed, every process is looked at. */
async function nspawnOf(
  store: MachineStore,
  name: string,
  launcherPid: number | undefined,
): Promise<number | undefined> {
  const directory = join(store.dir(name), "root");
  if (launcherPid === undefined) {
    const launcherWasKilled = (await store.hasLaunched(name)) && (await store.lastExit(name)) === undefined;
    if (!launcherWasKilled) return undefined;
    return (await nspawnsBelow(store.dir(name))).find((candidate) => candidate.directory === directory)?.pid;
  }
  for (const pid of [launcherPid, ...(await childrenOf(launcherPid).catch((): number[] => []))]) {
    const argv = await argvOf(pid).catch((): string[] => []);
    if (basename(argv[0] ?? "") === "systemd-nspawn" && argv.includes(`--directory=${directory}`)) return pid;
  }
  return undefined;
}

/** Between the two halves of a reboot, systemd has no process for the machine: its unit, or the end on record, tells. */
export async function isRebooting(store: MachineStore, name: string): Promise<boolean> {
  if (!(await onSystemd())) return false;
  const lastExit = await store.lastExit(name);
  if (lastExit) return lastExit.code === rebootExitCode;
  if (!(await store.hasLaunched(name))) return false;
  const { stdout } = await run(["systemctl", "show", "--property=ActiveState", unitName(store.id, name)], {
    timeoutMs: 20_000,
  });
  return /=(active|activating|deactivating|reloading)$/m.test(stdout);
}

/** Processes of machines whatever their folders say: launchers and nspawns whose command names a path below ours. */
export async function strayPids(store: MachineStore): Promise<number[]> {
  const launchers = await launchersOf(store.machinesDir);
  const nspawns = await nspawnsBelow(store.machinesDir);
  return [...launchers, ...nspawns.map(({ pid }) => pid)];
}

/** Processes that run a launcher which lies below `folder`, or are about to. */
export async function launchersOf(folder: string): Promise<number[]> {
  const isLauncher = (arg: string) => arg.startsWith(`${folder}/`) && arg.endsWith("/launcher");
  const found = (await allPids()).map(async (pid) =>
    (await argvOf(pid).catch((): string[] => [])).some(isLauncher) ? [pid] : [],
  );
  return (await Promise.all(found)).flat();
}

/** What runs, read from /proc: the truth about machines, whoever started them and whatever was written down. */
import { readdir, readlink } from "node:fs/promises";
import { basename } from "node:path";
import { isGone, readText } from "./files.ts";

export interface ProcStat {
  comm: string;
  ppid: number;
  /** In clock ticks since boot: with the pid it names a process for ever. */
  startTime: string;
  state: string;
}

export function parseStat(text: string): ProcStat {
  // The command may hold spaces and brackets; the last bracket ends it.
  const end = text.lastIndexOf(")");
  const fields = text.slice(end + 2).split(" ");
  return {
    comm: text.slice(text.indexOf("(") + 1, end),
    state: fields[0] ?? "",
    ppid: Number(fields[1]),
    startTime: fields[19] ?? "",
  };
}

export async function statOf(pid: number): Promise<ProcStat | undefined> {
  const text = await readText(`/proc/${pid}/stat`);
  return text ? parseStat(text) : undefined;
}

export async function argvOf(pid: number): Promise<string[]> {
  return ((await readText(`/proc/${pid}/cmdline`)) ?? "").split("\0").slice(0, -1);
}

export async function allPids(): Promise<number[]> {
  return (await readdir("/proc")).filter((entry) => /^\d+$/.test(entry)).map(Number);
}

export async function childrenOf(pid: number): Promise<number[]> {
  const text = await readText(`/proc/${pid}/task/${pid}/children`);
  if (text !== undefined) return text.split(" ").filter(Boolean).map(Number);
  const stats = await Promise.all(
    (await allPids()).map(async (other) => ({ other, stat: await statOf(other) })),
  );
  return stats.filter(({ stat }) => stat?.ppid === pid).map(({ other }) => other);
}

export async function descendantsOf(pid: number): Promise<number[]> {
  const children = await childrenOf(pid);
  const below = await Promise.all(children.map(descendantsOf));
  return [...children, ...below.flat()];
}

export interface NspawnProcess {
  pid: number;
  /** The machine's disk, from `--directory=`. */
  directory: string;
}

/** Every systemd-nspawn whose machine's disk lies below `folder`. */
export async function nspawnsBelow(folder: string): Promise<NspawnProcess[]> {
  const found = await Promise.all(
    (await allPids()).map(async (pid) => {
      const argv = await argvOf(pid).catch(() => []);
      if (basename(argv[0] ?? "") !== "systemd-nspawn") return undefined;
      const directory = argv.find((arg) => arg.startsWith("--directory="))?.slice("--directory=".length);
      return directory?.startsWith(`${folder}/`) ? { pid, directory } : undefined;
    }),
  );
  const matches = found.filter((match) => match !== undefined);
  // nspawn's short-lived children carry the same arguments: the parent is the one that is no other's child.
  const stats = await Promise.all(matches.map(({ pid }) => statOf(pid)));
  const pids = new Set(matches.map(({ pid }) => pid));
  return matches.filter((_, index) => !pids.has(stats[index]?.ppid ?? 0) && stats[index]?.state !== "Z");
}

/** The host's pid of the machine's PID 1, once it is systemd and no longer nspawn preparing it. */
export async function leaderOf(nspawnPid: number): Promise<number | undefined> {
  for (const child of await childrenOf(nspawnPid)) {
    const status = (await readText(`/proc/${child}/status`)) ?? "";
    const isInit = /^NSpid:\s+\d+\s+1$/m.test(status);
    if (isInit && /^Name:\s+systemd$/m.test(status)) return child;
  }
  return undefined;
}

export async function namespaceOf(pid: number, kind: string): Promise<string | undefined> {
  try {
    return await readlink(`/proc/${pid}/ns/${kind}`);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

export const bootId = async (): Promise<string> =>
  ((await readText("/proc/sys/kernel/random/boot_id")) ?? "").trim();

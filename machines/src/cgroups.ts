/**
 * Control groups, by detection. On version 1 (also hybrid) every controller has a tree of its own: one group
 * `<controller>/cantrip-<id>/<machine>` in each. On version 2 there is one tree, and on a systemd host systemd makes the
 * machine's group (a transient unit with Delegate=yes), so that here is nothing to do.
 */
import { mkdir, readFile, readdir, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MachineTimeout } from "./errors.ts";
import { isGone, readText } from "./files.ts";
import type { MachineLimits } from "./port.ts";

export interface CgroupMount {
  version: 1 | 2;
  path: string;
  /** Of version 1: controllers, or `name=systemd`. */
  controllers: readonly string[];
}

/** From the text of /proc/self/mountinfo. */
export function parseCgroupMounts(mountinfo: string): CgroupMount[] {
  return mountinfo.split("\n").flatMap((line): CgroupMount[] => {
    const [left = "", right = ""] = line.split(" - ");
    const [type = "", , options = ""] = right.split(" ");
    const path = left.split(" ")[4] ?? "";
    if (type === "cgroup2") return [{ version: 2, path, controllers: [] }];
    if (type !== "cgroup") return [];
    const known = options
      .split(",")
      .filter(
        (option) => !/^(rw|ro|xattr|clone_children|cpuset_v2_mode|noprefix|release_agent=.*)$/.test(option),
      );
    return [{ version: 1, path, controllers: known }];
  });
}

export const cgroupMounts = async (): Promise<CgroupMount[]> =>
  parseCgroupMounts(await readFile("/proc/self/mountinfo", "utf8"));

/** Version 2 alone, as on every present systemd host; hybrid counts as version 1. */
export const isUnified = (mounts: readonly CgroupMount[]): boolean =>
  mounts.length > 0 && mounts.every((mount) => mount.version === 2);

const neededControllers = ["cpu", "cpuset", "memory", "pids"] as const;

/** What the kubelet asks for and no tree of this host offers. */
export async function missingControllers(mounts: readonly CgroupMount[]): Promise<string[]> {
  const offered = await Promise.all(
    mounts.map(async ({ version, path, controllers }) =>
      version === 1
        ? controllers
        : ((await readText(join(path, "cgroup.controllers"))) ?? "").trim().split(" "),
    ),
  );
  return neededControllers.filter((name) => !offered.flat().includes(name));
}

/** The groups that hold a machine, one per tree. */
export function machineGroups(mounts: readonly CgroupMount[], id: string, name: string): string[] {
  return mounts.map((mount) => join(mount.path, `cantrip-${id}`, name));
}

export async function createGroups(
  mounts: readonly CgroupMount[],
  id: string,
  name: string,
): Promise<string[]> {
  for (const mount of mounts) {
    for (const group of [join(mount.path, `cantrip-${id}`), join(mount.path, `cantrip-${id}`, name)]) {
      await mkdir(group, { recursive: true });
      if (mount.controllers.includes("cpuset")) await inheritCpuset(mount.path, group);
      if (mount.version === 2 && isUnified(mounts)) await delegate(join(group, ".."));
    }
  }
  return machineGroups(mounts, id, name);
}

/** A fresh cpuset of version 1 is empty and takes no process until it has processors and memory nodes. */
async function inheritCpuset(root: string, group: string): Promise<void> {
  for (const file of ["cpuset.cpus", "cpuset.mems"]) {
    if ((await readFile(join(group, file), "utf8")).trim() === "")
      await writeFile(join(group, file), await readFile(join(root, file), "utf8"));
  }
}

async function delegate(group: string): Promise<void> {
  const controllers = (await readFile(join(group, "cgroup.controllers"), "utf8"))
    .trim()
    .split(" ")
    .filter(Boolean);
  await writeFile(
    join(group, "cgroup.subtree_control"),
    controllers.map((controller) => `+${controller}`).join(" "),
  );
}

export async function applyLimits(
  mounts: readonly CgroupMount[],
  id: string,
  name: string,
  limits: MachineLimits,
): Promise<void> {
  // Beside controllers of version 1, the tree of version 2 has none.
  const withControllers = isUnified(mounts) ? mounts : mounts.filter(({ version }) => version === 1);
  for (const mount of withControllers) {
    const group = join(mount.path, `cantrip-${id}`, name);
    for (const [file, value] of limitFiles(mount, limits)) await writeFile(join(group, file), value);
  }
}

/** Which files of a group say the limits, and with which value. */
export function limitFiles(
  mount: CgroupMount,
  { memoryBytes, cpus, tasks }: MachineLimits,
): [file: string, value: string][] {
  const period = 100_000;
  const has = (controller: string) => mount.version === 2 || mount.controllers.includes(controller);
  const files: [string, string][] = [];
  if (memoryBytes !== undefined && has("memory"))
    files.push([mount.version === 2 ? "memory.max" : "memory.limit_in_bytes", `${memoryBytes}`]);
  if (tasks !== undefined && has("pids")) files.push(["pids.max", `${tasks}`]);
  if (cpus !== undefined && has("cpu")) {
    if (mount.version === 2) files.push(["cpu.max", `${Math.round(cpus * period)} ${period}`]);
    else files.push(["cpu.cfs_period_us", `${period}`], ["cpu.cfs_quota_us", `${Math.round(cpus * period)}`]);
  }
  return files;
}

/** The `cgroup.procs` files through which a process joins the groups of another one, from the text of its /proc/PID/cgroup. */
export function joinFiles(mounts: readonly CgroupMount[], procCgroup: string): string[] {
  return procCgroup.split("\n").flatMap((line) => {
    const [hierarchy = "", controllers = "", ...rest] = line.split(":");
    const path = rest.join(":");
    if (path === "") return [];
    const mount = mounts.find((candidate) =>
      hierarchy === "0"
        ? candidate.version === 2
        : candidate.version === 1 &&
          controllers.split(",").some((name) => candidate.controllers.includes(name)),
    );
    return mount ? [join(mount.path, path, "cgroup.procs")] : [];
  });
}

/** Every process in these groups and below. */
export async function processesIn(groups: readonly string[]): Promise<number[]> {
  const pids = new Set<number>();
  for (const group of groups) {
    for (const folder of await tree(group)) {
      const text = await readText(join(folder, "cgroup.procs")).catch(() => "");
      for (const pid of (text ?? "").split("\n").filter(Boolean)) pids.add(Number(pid));
    }
  }
  return [...pids];
}

/** Kills what is in the groups and removes them. @throws MachineTimeout naming the processes that would not die */
export async function removeGroups(groups: readonly string[], { timeoutMs = 10_000 } = {}): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const pids = await processesIn(groups);
    for (const pid of pids) kill(pid);
    const left = pids.length > 0 || (await removeEmpty(groups));
    if (!left) return;
    if (Date.now() > deadline)
      throw new MachineTimeout(
        `the control groups ${groups.join(", ")} are empty`,
        timeoutMs,
        `processes ${pids.join(" ")}`,
      );
    await sleep(20);
  }
}

function kill(pid: number): void {
  // 0 stands for a process that is not seen from here, and would mean our own group of processes.
  if (pid <= 1) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself in between.
  }
}

/** Removes the groups bottom up; true if one is still in use. */
async function removeEmpty(groups: readonly string[]): Promise<boolean> {
  let busy = false;
  for (const group of groups) {
    for (const folder of (await tree(group)).reverse()) {
      await rmdir(folder).catch((error: unknown) => {
        if (!isGone(error)) busy = true;
      });
    }
  }
  return busy;
}

async function tree(group: string): Promise<string[]> {
  try {
    const entries = await readdir(group, { withFileTypes: true });
    const below = await Promise.all(
      entries.filter((entry) => entry.isDirectory()).map((entry) => tree(join(group, entry.name))),
    );
    return [group, ...below.flat()];
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

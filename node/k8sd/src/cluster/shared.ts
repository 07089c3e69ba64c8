/** Undoes what a node does to places that it shares with other software; only for a machine that it has claimed. */
import { readFile, readdir, rm, rmdir } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Paths } from "../base/paths.ts";
import { run, ToolError } from "../base/run.ts";

export const leaveShared = (paths: Paths): [string, () => Promise<void>][] => [
  ["unmount pods", unmountPods],
  ["remove pods' control groups", removePodGroups],
  ["remove pod network namespaces", removePodNamespaces],
  ["remove kube-proxy's rules", removeProxyRules],
  ["remove the kubelet's rules", removeKubeletRules],
  ["remove files of containerd and the kubelet", () => removeFiles(paths)],
];

const POD_MOUNTS = /^\/(?:var\/lib\/kubelet|run\/containerd|var\/lib\/containerd\/.+)\//;

/** Mounts of pods and containers, the innermost first. */
async function unmountPods(): Promise<void> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  const points = lines
    .map((line) => (line.split(" ")[4] ?? "").replaceAll("\\040", " "))
    .filter((point) => POD_MOUNTS.test(point));
  for (const point of points.reverse()) await run(["umount", "--lazy", point]);
}

/** Where systemd made them for the kubelet, it would make them again for as long as it has their slices. */
async function removePodGroups(): Promise<void> {
  const list = [
    "systemctl",
    "list-units",
    "--all",
    "--plain",
    "--no-legend",
    "--type=slice",
    "kubepods*",
  ] as const;
  const slices = (await run(list)).split("\n").flatMap((line) => line.split(" ")[0] || []);
  if (slices.length > 0) await run(["systemctl", "stop", ...slices], { timeoutMs: 60_000 });
  const trees = ["/sys/fs/cgroup", ...(await foldersIn("/sys/fs/cgroup"))];
  for (const group of (await Promise.all(trees.map(foldersIn))).flat())
    if (basename(group).startsWith("kubepods")) await removeGroup(group);
}

async function removeGroup(group: string): Promise<void> {
  for (const inner of await foldersIn(group)) await removeGroup(inner);
  await rmdir(group).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
}

/** Not through links: where controllers share a tree, the names of the others are links to it. */
async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name));
}

/** Network namespaces that containerd made for pods; removing one removes its interfaces. */
async function removePodNamespaces(): Promise<void> {
  const names = await readdir("/run/netns").catch(() => [] as string[]);
  for (const name of names.filter((name) => name.startsWith("cni-")))
    await run(["ip", "netns", "delete", name]);
}

export async function removeProxyRules(): Promise<void> {
  const tables = await run(["nft", "list", "tables"]);
  const ours = tables
    .split("\n")
    .filter((line) => /^table (?:ip|ip6|inet) (?:kube-proxy|cni_hostport)$/.test(line));
  for (const line of ours)
    await run(["nft", "-f", "-"], { input: `${line.replace(/^table/, "delete table")}\n` });
}

/** The kubelet's chains among the rules of others, of each kind of iptables that this machine has. */
async function removeKubeletRules(): Promise<void> {
  for (const tool of ["iptables", "ip6tables"])
    for (const table of ["mangle", "nat", "filter"]) {
      const rules = await run([`${tool}-save`, "-t", table]).catch(withoutTool);
      const undo = undoingKubelet(rules);
      if (undo.length === 0) continue;
      const input = [`*${table}`, ...undo, "COMMIT", ""].join("\n");
      await run([`${tool}-restore`, "--noflush", "--wait", "5"], { input });
    }
}

/** A machine without the program, or whose kernel lacks the table, has no such rules. */
function withoutTool(error: unknown): string {
  if (error instanceof ToolError) return "";
  throw error;
}

/** Lines for iptables-restore: jumps into the kubelet's chains go first, then what the chains hold, then they. */
export function undoingKubelet(saved: string): string[] {
  const lines = saved.split("\n");
  const chains = lines.flatMap((line) => /^:(KUBE-[A-Z0-9-]+) /.exec(line)?.[1] ?? []);
  const jumps = lines.filter((line) => /^-A (?!KUBE-).* -j KUBE-/.test(line));
  return [
    ...jumps.map((line) => line.replace("-A", "-D")),
    ...chains.map((chain) => `-F ${chain}`),
    ...chains.map((chain) => `-X ${chain}`),
  ];
}

async function removeFiles(paths: Paths): Promise<void> {
  // Registries and drop-ins beside config.toml are an orchestrator's files.
  for (const path of [paths.kubernetes, join(paths.containerdConfig, "config.toml"), ...LOGS])
    await rm(path, { recursive: true, force: true });
  for (const directory of ["/var/lib/kubelet", "/var/lib/containerd", "/run/containerd", "/var/lib/cni"])
    await removeContents(directory);
  for (const name of ["conf.d", "hosts.d", ""])
    await rmdir(join(paths.containerdConfig, name)).catch(() => undefined);
}

const LOGS = ["/var/log/pods", "/var/log/containers"];

/** These may be mount points themselves: such a directory stays. */
async function removeContents(directory: string): Promise<void> {
  const entries = await readdir(directory).catch(() => [] as string[]);
  for (const entry of entries) await rm(join(directory, entry), { recursive: true, force: true });
  await rmdir(directory).catch(() => undefined);
}

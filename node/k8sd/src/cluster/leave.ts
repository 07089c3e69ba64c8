/**
 * Takes a node apart so that it can join again: services, containers, mounts, network, files, and its identity last.
 * Each step may be repeated, and a failing one does not stop the others: what could not be undone is reported.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { messageOf } from "../base/errors.ts";
import { forgetIdentity } from "../base/identity.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";
import { run } from "../base/run.ts";
import { cniConfigFile } from "../network/cni.ts";
import { removeNetwork } from "../network/agent.ts";
import { ALL_SERVICES, disable, stop } from "../node/services.ts";

export async function leave(paths: Paths): Promise<void> {
  let failures = await tryAll(paths);
  for (let again = 0; failures.length > 0 && again < 3; again += 1) {
    for (const failure of failures) log.warning(`cleaning up: ${failure}; trying again`);
    await sleep(1_000);
    failures = await tryAll(paths);
  }
  if (failures.length > 0) throw new Error(`Cannot leave the cluster completely: ${failures.join("; ")}`);
  await forgetIdentity(paths.identity);
}

/** Runs every step, whatever the others do; returns what failed. */
async function tryAll(paths: Paths): Promise<string[]> {
  const failures: string[] = [];
  for (const [name, step] of stepsOf(paths))
    await step().catch((error: unknown) => void failures.push(`${name}: ${messageOf(error)}`));
  return failures;
}

function stepsOf(paths: Paths): [string, () => Promise<void>][] {
  return [
    [
      "stop what starts containers",
      () => stop("kubelet", "kube-proxy", "kube-controller-manager", "kube-scheduler", "k8s-apiserver-proxy"),
    ],
    ["end containers", endContainers],
    ["stop services", () => stop("containerd", "kube-apiserver", "etcd")],
    ["keep services from starting", () => disable(paths, ...ALL_SERVICES)],
    ["unmount pods", unmountPods],
    ["remove pod network namespaces", removePodNamespaces],
    ["remove kube-proxy's rules", removeProxyRules],
    ["remove routes and rules", removeNetwork],
    ["remove files", () => removeFiles(paths)],
  ];
}

/** Shims of the CRI namespace and everything below them; they outlive containerd by design. */
function containerProcesses(): number[] {
  const shims = processes().filter(({ command }) =>
    /containerd-shim-runc-v2(\0|.*\0)-namespace\0k8s\.io\0/.test(command),
  );
  const all = processes();
  const below = (pid: number): number[] =>
    all.flatMap((p) => (p.parent === pid ? [...below(p.pid), p.pid] : []));
  return shims.flatMap(({ pid }) => [pid, ...below(pid)]);
}

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

function processes(): Process[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      try {
        const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
        const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
        return [{ pid: Number(entry), parent, command: readFileSync(`/proc/${entry}/cmdline`, "utf8") }];
      } catch {
        return [];
      }
    });
}

/** Killed from the shim down, so that none is started again; gone within a bound. */
async function endContainers(): Promise<void> {
  for (let round = 0; round < 50; round += 1) {
    const pids = containerProcesses();
    if (pids.length === 0) return;
    for (const pid of pids) signal(pid);
    await sleep(100);
  }
  throw new Error(`containers still run after 5 s: processes ${containerProcesses().join(", ")}`);
}

function signal(pid: number) {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}

const POD_MOUNTS = /^\/(?:var\/lib\/kubelet|run\/containerd|var\/lib\/containerd\/.+)\//;

/** Mounts of pods and containers, the innermost first. */
async function unmountPods(): Promise<void> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  const points = lines
    .map((line) => (line.split(" ")[4] ?? "").replaceAll("\\040", " "))
    .filter((point) => POD_MOUNTS.test(point));
  for (const point of points.reverse()) await run(["umount", "--lazy", point]);
}

/** Network namespaces that containerd made for pods; removing one removes its interfaces. */
async function removePodNamespaces(): Promise<void> {
  const names = await readdir("/run/netns").catch(() => [] as string[]);
  for (const name of names.filter((name) => name.startsWith("cni-")))
    await run(["ip", "netns", "delete", name]);
}

async function removeProxyRules(): Promise<void> {
  const tables = await run(["nft", "list", "tables"]);
  const ours = tables
    .split("\n")
    .filter((line) => /^table (?:ip|ip6|inet) (?:kube-proxy|cni_hostport)$/.test(line));
  for (const line of ours)
    await run(["nft", "-f", "-"], { input: `${line.replace(/^table/, "delete table")}\n` });
}

async function removeFiles(paths: Paths): Promise<void> {
  const links = await readdir(paths.cniBin).catch(() => [] as string[]);
  const own = links.map((name) => join(paths.cniBin, name)).filter(isOurLink);
  const lists = [
    paths.args,
    paths.kubernetes,
    paths.certificates,
    // Registries and drop-ins beside it are an orchestrator's files.
    join(paths.containerdConfig, "config.toml"),
    cniConfigFile(paths),
    "/run/cantrip",
    join(paths.common, "var/lib/etcd"),
    ...own,
  ];
  for (const path of lists) await rm(path, { recursive: true, force: true });
  for (const directory of ["/var/lib/kubelet", "/var/lib/containerd", "/run/containerd"])
    await removeContents(directory);
}

function isOurLink(path: string): boolean {
  try {
    return readlinkSync(path).startsWith("/opt/k8s/");
  } catch {
    return false;
  }
}

/** These may be mount points themselves, so the directory stays. */
async function removeContents(directory: string): Promise<void> {
  const entries = await readdir(directory).catch(() => [] as string[]);
  for (const entry of entries) await rm(join(directory, entry), { recursive: true, force: true });
}

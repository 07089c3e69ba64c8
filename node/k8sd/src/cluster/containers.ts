/**
 * Ends the containers of this node. Their shims outlive containerd by design, and shims of other clusters may run beside
 * them (in containers of this machine): ours are known by the program that they run.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly program: string;
  readonly namespace: string;
}

/** Killed from the shim down, so that none is started again; gone within a bound. */
export async function endContainers(packageRoot: string): Promise<void> {
  for (let round = 0; round < 50; round += 1) {
    const pids = containerProcesses(packageRoot);
    if (pids.length === 0) return;
    for (const pid of pids) signal(pid);
    await sleep(100);
  }
  throw new Error(`containers still run after 5 s: processes ${containerProcesses(packageRoot).join(", ")}`);
}

/** True for the shim of a node package, also of one that was replaced or deleted while its containers run. */
export const isOurShim = (program: string, packageRoot: string): boolean =>
  ["/opt/k8s/", "/opt/cantrip/packages/", `${packageRoot}/bin/`].some((home) => program.startsWith(home)) &&
  /\/containerd-shim-runc-v2(?: \(deleted\))?$/.test(program);

/** Our shims and everything below them. A machine within this one may run the same program: it has its own processes. */
function containerProcesses(packageRoot: string): number[] {
  const all = processes();
  const own = readlinkSync("/proc/self/ns/pid");
  const shims = all.filter(({ program, namespace }) => namespace === own && isOurShim(program, packageRoot));
  const below = (pid: number): number[] =>
    all.flatMap((p) => (p.parent === pid ? [...below(p.pid), p.pid] : []));
  return shims.flatMap(({ pid }) => [pid, ...below(pid)]);
}

function processes(): Process[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((entry) => {
      try {
        const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
        const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
        return [{ pid: Number(entry), parent, ...programOf(entry) }];
      } catch {
        return [];
      }
    });
}

/** Neither is there for threads of the kernel and for processes that have ended. */
function programOf(pid: string): Pick<Process, "program" | "namespace"> {
  try {
    return { program: readlinkSync(`/proc/${pid}/exe`), namespace: readlinkSync(`/proc/${pid}/ns/pid`) };
  } catch {
    return { program: "", namespace: "" };
  }
}

function signal(pid: number) {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}

/**
 * `cantrip up` from nothing to both nodes Ready and DNS answering, with warm caches, against the same topology started by hand
 * (by-hand.sh) from the same binaries and the same image in the same run; then the memory of what is not upstream.
 */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { against, type Benchmark, type Figure } from "./figure.ts";
import { statusLag } from "./status-lag.ts";

const top = join(import.meta.dirname, "../..");
const env = {
  CANTRIP_INSTANCE: "cantrip-bench",
  CANTRIP_STATE: "/var/lib/cantrip-bench",
  CANTRIP_DATA: "/var/lib/cantrip-bench-client",
  CANTRIP_KUBECONFIG: "/var/lib/cantrip-bench-client/kubeconfig",
};
const cantrip = (...argv: string[]) =>
  execa(join(top, "cantrip"), argv, { env, timeout: 3_600_000, stdin: "ignore" });

interface UpReport {
  readonly kubeconfig: string;
  readonly phases: readonly { readonly name: string; readonly ms: number }[];
  readonly image: string;
  readonly packageTree: string;
  readonly dnsAddress: string;
  readonly machines: readonly { readonly unit: string; readonly instance: string }[];
}

/** Seconds of `up` until DNS answers, its own phases, and the memory of what then runs. */
async function ours(): Promise<{ seconds: number; report: UpReport; memory: Memory[] }> {
  const began = performance.now();
  const { stdout } = await cantrip("up", "--format", "json");
  const report = JSON.parse(stdout) as UpReport;
  const control = report.machines.find(({ unit }) => unit === "k8s/0");
  const probe = readFileSync(join(import.meta.dirname, "dns-probe.py"));
  await execa(
    "nsenter",
    [
      "-t",
      String(await leaderOf(control?.instance ?? "")),
      "-a",
      "python3",
      "-",
      report.dnsAddress,
      "kubernetes.default.svc.cluster.local",
      "60",
    ],
    { input: probe },
  );
  const seconds = (performance.now() - began) / 1000;
  const memory = await Promise.all(report.machines.map(memoryOf));
  return {
    seconds,
    report,
    memory: [
      ...memory,
      {
        name: "controller (host)",
        own: pss((command) => command.includes(`${env.CANTRIP_STATE}/controller`)),
        upstream: 0,
      },
    ],
  };
}

async function byHand(image: string, tree: string): Promise<{ total: number; phases: Map<string, number> }> {
  const scratch = mkdtempSync(join(tmpdir(), "cantrip-by-hand-"));
  const { stdout } = await execa(join(import.meta.dirname, "by-hand.sh"), [image, tree, scratch], {
    timeout: 300_000,
  });
  const phases = new Map(
    [...stdout.matchAll(/^phase (\S+) ([\d.]+)$/gm)].map((match) => [match[1] ?? "", Number(match[2])]),
  );
  return { total: Number(/^total ([\d.]+)$/m.exec(stdout)?.[1]), phases };
}

async function leaderOf(instance: string): Promise<number> {
  const { stdout } = await execa("pgrep", ["-f", `^systemd-nspawn.*--hostname=${instance}( |$)`]);
  const children = await execa("pgrep", ["-P", stdout.split("\n")[0] ?? ""]);
  return Number(children.stdout.split("\n")[0]);
}

interface Memory {
  readonly name: string;
  /** MiB, proportional set size */
  readonly own: number;
  readonly upstream: number;
}

const upstream =
  /\/(etcd|kube-apiserver|kube-controller-manager|kube-scheduler|kubelet|kube-proxy|containerd|containerd-shim-runc-v2|coredns|pause)( |$)/;
const ofDebian = /systemd|dbus|agetty|sshd|cron/;

async function memoryOf({ unit, instance }: { unit: string; instance: string }): Promise<Memory> {
  const { stdout } = await execa("readlink", [`/proc/${await leaderOf(instance)}/ns/pid`]);
  const within = (pid: string): boolean => namespaceOf(pid) === stdout;
  return {
    name: unit,
    own: pss((command, pid) => within(pid) && !upstream.test(command) && !ofDebian.test(command)),
    upstream: pss((command, pid) => within(pid) && upstream.test(command)),
  };
}

/** Sum of the proportional set sizes of matching processes, MiB. */
function pss(match: (command: string, pid: string) => boolean): number {
  let kib = 0;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      if (command === "" || !match(command, pid)) continue;
      kib += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
    } catch {
      // The process ended while we looked.
    }
  }
  return kib / 1024;
}

function namespaceOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return "";
  }
}

export const up: Benchmark = async (say) => {
  await cantrip("down");
  try {
    say("filling the caches (not timed)");
    await cantrip("up", "--prepare");
    say("cantrip up …");
    const { seconds, report, memory } = await ours();
    say("a kubelet stopped and started: when the API shows it, and when the status …");
    const worker = report.machines.find(({ unit }) => unit === "k8s-worker/0");
    const kubectl = { file: join(report.packageTree, "bin/kubectl"), kubeconfig: report.kubeconfig };
    const lag = await statusLag({ cantrip, kubectl, unit: "k8s-worker/0", node: worker?.instance ?? "" });
    await cantrip("down");
    say("by hand …");
    const hand = await byHand(report.image, report.packageTree);
    const phases: Figure[] = report.phases.map(({ name, ms }) => ({
      name: `up: ${name}`,
      value: ms / 1000,
      unit: "s",
    }));
    const steps: Figure[] = [...hand.phases].map(([name, value]) => ({
      name: `by hand: ${name}`,
      value,
      unit: "s",
    }));
    const sizes = memory.map(({ name, own, upstream: rest }): Figure =>
      rest === 0
        ? { name: `memory, ${name}`, value: own, unit: "MiB" }
        : against(`memory of ours, ${name}`, own, "MiB", { name: "upstream on it", value: rest }),
    );
    return [
      against("up to Ready and DNS", seconds, "s", { name: "by hand", value: hand.total }, 3),
      ...phases,
      ...steps,
      { name: "status behind the API", value: lag, unit: "s", goal: "≤ 2.0 s", ok: lag <= 2 },
      ...sizes,
    ];
  } finally {
    await cantrip("down").catch(() => undefined);
    rmSync(env.CANTRIP_DATA, { recursive: true, force: true });
  }
};

/**
 * The node package alone: bootstrap and joins to Ready against the same binaries started by hand, and what our part of a
 * node costs while nothing happens.
 */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { openMachines, type Machines } from "@cantrip/machines";
import { buildPackage } from "@cantrip/node-package";
import { execa } from "execa";
import { boot } from "./boot.ts";
import { against, median, type Benchmark, type Figure } from "./figure.ts";

const rounds = 3;
const cacheDir = process.env["CANTRIP_CACHE"] ?? "/var/cache/cantrip";
const stateDir = "/var/lib/cantrip-bench-node";

const seconds = async (act: () => Promise<unknown>): Promise<number> => {
  const began = performance.now();
  await act();
  return (performance.now() - began) / 1000;
};

class Bench {
  readonly machines: Machines = openMachines({
    id: "ct-bench-node",
    bridge: "ctbenchnode0",
    subnet: "10.79.2.0/24",
    stateDir,
    cacheDir,
  });
  readonly tree: string;

  constructor(tree: string) {
    this.tree = tree;
  }

  async must(name: string, argv: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.machines.exec(name, argv, { timeoutMs: 240_000 });
    if (exitCode !== 0) throw new Error(`${argv.join(" ")} on ${name}: ${stderr}`);
    return stdout;
  }

  /** A booted machine with the package; the answer is how long the installation took. */
  async machine(name: string): Promise<number> {
    const binds = [{ source: `${cacheDir}/packages`, target: "/opt/cantrip/packages", readOnly: true }];
    await this.machines.create({ name, binds });
    await this.machines.start(name);
    await this.machines.waitBooted(name);
    return seconds(() => this.must(name, [`/opt/cantrip/packages/${basename(this.tree)}/install`]));
  }

  async ready(via: string, name: string): Promise<void> {
    const path = '{.status.conditions[?(@.type=="Ready")].status}';
    const deadline = performance.now() + 120_000;
    const argv = ["k8s", "kubectl", "get", "node", name, "--ignore-not-found", "-o", `jsonpath=${path}`];
    while ((await this.must(via, argv)) !== "True")
      if (performance.now() > deadline) throw new Error(`${name} is not Ready after 120 s`);
  }

  bootstrap(name: string): Promise<number> {
    return seconds(async () => {
      await this.must(name, ["k8s", "bootstrap"]);
      await this.ready(name, name);
    });
  }

  async join(name: string, ...more: string[]): Promise<number> {
    const token = (await this.must("c1", ["k8s", "get-join-token", name, ...more])).trim();
    return seconds(async () => {
      await this.must(name, ["k8s", "join-cluster", token]);
      await this.ready("c1", name);
    });
  }

  /** Processes of a machine by name of their program. */
  async processes(name: string): Promise<Process[]> {
    const leader = (await this.machines.get(name))?.leaderPid;
    const own = readlinkSync(`/proc/${leader}/ns/pid`);
    return allProcesses().filter(({ namespace }) => namespace === own);
  }
}

interface Process {
  readonly pid: string;
  readonly command: string;
  readonly namespace: string;
}

function allProcesses(): Process[] {
  return readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid))
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        return command === "" ? [] : [{ pid, command, namespace: readlinkSync(`/proc/${pid}/ns/pid`) }];
      } catch {
        // It ended while we looked.
        return [];
      }
    });
}

/** Proportional set size, MiB. */
const memoryOf = (processes: readonly Process[]) =>
  processes.reduce((sum, { pid }) => {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    return sum + Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? 0) / 1024;
  }, 0);

/** Seconds of CPU that processes have used so far. */
const cpuOf = (processes: readonly Process[]) =>
  processes.reduce((sum, { pid }) => {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return sum + (Number(fields[11]) + Number(fields[12])) / 100;
  }, 0);

const isOurs = ({ command }: Process) => /k8sd\.mjs|\/k8s-apiserver-proxy( |$)/.test(command);
const isUpstream = ({ command }: Process) =>
  /\/(etcd|kube-apiserver|kube-controller-manager|kube-scheduler|kubelet|kube-proxy|containerd)( |$)/.test(
    command,
  );

const IDLE_S = 30;

/** What a node costs while nothing happens. */
async function idle(bench: Bench, name: string, kind: string): Promise<Figure[]> {
  const all = await bench.processes(name);
  const [ours, upstream] = [all.filter(isOurs), all.filter(isUpstream)];
  const before = [cpuOf(ours), cpuOf(upstream)] as const;
  await new Promise((resolve) => setTimeout(resolve, IDLE_S * 1000));
  const share = (used: number, from: number) => ((used - from) / IDLE_S) * 100;
  const cpu = share(cpuOf(ours), before[0]);
  const memory = memoryOf(ours);
  const rest = { name: "upstream on it", value: memoryOf(upstream) };
  return [
    { ...against(`memory of k8sd, ${kind}`, memory, "MiB", rest), goal: "≤ 80 MiB", ok: memory <= 80 },
    {
      ...against(`idle CPU of k8sd, ${kind}`, cpu, "%", {
        name: "upstream on it",
        value: share(cpuOf(upstream), before[1]),
      }),
      goal: "< 1 % of a core",
      ok: cpu < 1,
    },
    against(`memory of all, ${kind}`, memoryOf(all), "MiB", rest),
  ];
}

/** Seconds from keys to a Ready node, without the machine's boot. */
async function byHand(image: string, tree: string): Promise<number> {
  const scratch = mkdtempSync(join(tmpdir(), "cantrip-by-hand-"));
  const { stdout } = await execa(join(import.meta.dirname, "by-hand.sh"), [image, tree, scratch, "1"], {
    timeout: 300_000,
  });
  const phase = (name: string) => Number(new RegExp(`^phase ${name} ([\\d.]+)$`, "m").exec(stdout)?.[1]);
  return phase("keys") + phase("api-server") + phase("nodes-ready");
}

export const node: Benchmark = async (say) => {
  say("building the package (not timed)");
  const { treeDir: tree } = await buildPackage({ cacheDir });
  const bench = new Bench(tree);
  try {
    await bench.machines.cleanup();
    await bench.machines.prepare();
    const image = join(cacheDir, "images", readdirSync(join(cacheDir, "images"))[0]!, "rootfs");
    const [ours, hand]: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round += 1) {
      say(`bootstrap, round ${round + 1} of ${rounds}: ours, by hand …`);
      await bench.machines.destroy("c1");
      await bench.machine("c1");
      ours.push(await bench.bootstrap("c1"));
      if (round < rounds - 1) await bench.machines.destroy("c1");
      else await bench.machines.stop("c1");
      hand.push(await byHand(image, tree));
    }
    await bench.machines.start("c1");
    await bench.machines.waitBooted("c1");
    await bench.ready("c1", "c1");
    const yardstick = { name: "bootstrap by hand", value: median(hand) };
    say("installing, joining …");
    const installed = await bench.machine("w1");
    const copied = await seconds(() => execa("cp", ["-a", tree, join(stateDir, "copy")]));
    const worker = await bench.join("w1", "--worker");
    await bench.machine("c2");
    const plane = await bench.join("c2");
    say(`idle for ${IDLE_S} s, twice …`);
    const cost = [
      ...(await idle(bench, "c1", "control plane of two")),
      ...(await idle(bench, "w1", "worker with its proxy")),
    ];
    await bench.machines.cleanup();
    return [
      against("bootstrap to Ready", median(ours), "s", yardstick, 1.25),
      against("join of a worker to Ready", worker, "s", yardstick),
      against("join of a control plane to Ready", plane, "s", yardstick),
      {
        ...against("package install, second machine", installed, "s", {
          name: "a copy of its files",
          value: copied,
        }),
        goal: "≤ 2.0 s",
        ok: installed <= 2,
      },
      ...cost,
      ...(await boot(say)),
    ];
  } finally {
    await bench.machines.cleanup();
    await bench.machines.restore();
    rmSync(stateDir, { recursive: true, force: true });
  }
};

/** The nspawn provider: the contract, and what is its own: what it leaves on the host, and what it survives. */
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openMachines, preflight, type MachinesOptions, type NspawnMachines } from "../src/index.ts";
import { nspawnName } from "../src/names.ts";
import { nspawnsBelow } from "../src/proc.ts";
import { must, run } from "../src/run.ts";
import { onSystemd } from "../src/systemd.ts";
import { machinesContract } from "./contract.ts";
import { patient } from "./patience.ts";

/** Two checkouts on one host test at once if they tell themselves apart. */
const instance = Number(process.env.CANTRIP_TEST_INSTANCE ?? 0);
const id = instance === 0 ? "ct-mach" : `ct-mach-${instance}`;
const bridge = `ctmach${instance}`;
const network = `10.78.${instance === 0 ? 1 : 160 + instance}`;
const outside = `10.78.${201 + instance}`;
const stateDir = await mkdtemp(join(tmpdir(), "ct-mach-"));
const options: MachinesOptions = {
  id,
  bridge,
  subnet: `${network}.0/24`,
  stateDir,
  cacheDir: process.env.CANTRIP_CACHE ?? "/var/cache/cantrip",
};
const open = (): NspawnMachines => openMachines(options);

const bound = { timeoutMs: patient(60_000) };
const hasSystemd = await onSystemd();

/** What the host would show of us. */
function traces(): string[] {
  const lines = (command: string, ...argv: string[]): string[] =>
    execFileSync(command, argv).toString().split("\n").filter(Boolean);
  const groups = lines("find", "/sys/fs/cgroup", "-maxdepth", "3", "-name", `cantrip-${id}`);
  const units = hasSystemd
    ? lines("systemctl", "list-units", "--all", "--plain", "--no-legend", `cantrip-machine-${id}-*`)
    : [];
  const mounts = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(stateDir));
  const folders = existsSync(join(stateDir, "by-name")) ? readdirSync(join(stateDir, "by-name")) : [];
  const processes = readdirSync("/proc")
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .map((pid) =>
      existsSync(`/proc/${pid}/cmdline`)
        ? readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")
        : "",
    )
    .filter((command) => command.includes(`${stateDir}/by-name`) && !command.includes("vitest"));
  const devices = existsSync(`/sys/class/net/${bridge}`) ? readdirSync(`/sys/class/net/${bridge}/brif`) : [];
  const mailboxes = ["gone", "mounts", "quick", "bound", "kubelet", "half", "left"]
    .map((name) => join("/run/systemd/nspawn/propagate", nspawnName(id, name)))
    .filter((mailbox) => existsSync(mailbox));
  return [...groups, ...units, ...mounts, ...folders, ...processes, ...devices, ...mailboxes];
}

afterAll(() => rm(stateDir, { recursive: true, force: true }));

machinesContract("nspawn", open, {
  addresses: { one: `${network}.50`, another: `${network}.77`, hosts: `${network}.1` },
});

describe("the host", () => {
  const machines = open();
  const sysctls = [
    "net/ipv4/ip_forward",
    "fs/inotify/max_user_instances",
    "vm/overcommit_memory",
    "kernel/panic",
  ];
  const values = () => sysctls.map((path) => readFileSync(join("/proc/sys", path), "utf8").trim());
  const before = values();

  beforeAll(() => machines.prepare());
  afterAll(async () => {
    await machines.cleanup();
    await machines.restore();
  });

  test("has nothing of a destroyed machine", async () => {
    await machines.create({ name: "gone" });
    await machines.start("gone");
    await machines.waitBooted("gone", bound);
    // Something that a plain kill of PID 1's children would miss: a pod-like group and a mount.
    await machines.exec("gone", [
      "sh",
      "-c",
      "d=/sys/fs/cgroup; [ ! -d $d/memory ] || d=$d/memory; mkdir -p $d/kubepods/x /mnt/t && mount -t tmpfs t /mnt/t && setsid sleep 900 &",
    ]);
    expect(traces()).not.toEqual([]);
    await machines.destroy("gone");
    expect(traces().filter((trace) => !trace.endsWith(`/cantrip-${id}`))).toEqual([]);
  });

  test("has no mount of a running machine either", async () => {
    await machines.create({ name: "mounts" });
    await machines.start("mounts");
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(stateDir);
    await machines.destroy("mounts");
  });

  test("a machine that has booted has its address", async () => {
    await machines.create({ name: "quick" });
    await machines.start("quick");
    await machines.waitBooted("quick", bound);
    const { stdout } = await machines.exec("quick", ["ip", "-4", "-brief", "address", "show", "host0"]);
    await machines.destroy("quick");
    expect(stdout).toContain(`${network}.`);
  });

  test("gets back what prepare and machines changed", async () => {
    await machines.create({ name: "kubelet" });
    await machines.start("kubelet");
    await machines.waitBooted("kubelet", bound);
    const flipped = before[2] === "1" ? "0" : "1";
    const { exitCode } = await machines.exec("kubelet", [
      "sysctl",
      "-qw",
      `vm.overcommit_memory=${flipped}`,
      "kernel.panic=10",
    ]);
    expect({ exitCode, now: values().slice(2) }).toEqual({ exitCode: 0, now: [flipped, "10"] });
    await machines.cleanup();
    await machines.restore();
    expect(traces()).toEqual([]);
    expect(existsSync(`/sys/class/net/${bridge}`)).toBe(false);
    expect((await run(["nft", "list", "tables"])).stdout).not.toContain(`cantrip-${id}\n`);
    expect(existsSync(join(stateDir, "host-changes.json"))).toBe(false);
    const others = existsSync("/run/cantrip/host/changes.json");
    // With another instance on the host, what both need stays until the last one leaves.
    if (!others) expect(values()).toEqual(before);
    await machines.prepare();
  });
});

describe("the way out", () => {
  const netns = `ctmach-out${instance}`;
  const machines = open();
  beforeAll(async () => {
    await must(["ip", "netns", "add", netns]);
    await must([
      "ip",
      "link",
      "add",
      `ctmach-h${instance}`,
      "type",
      "veth",
      "peer",
      "name",
      `ctmach-o${instance}`,
      "netns",
      netns,
    ]);
    await must(["ip", "address", "add", `${outside}.1/30`, "dev", `ctmach-h${instance}`]);
    await must(["ip", "link", "set", `ctmach-h${instance}`, "up"]);
    await must(["ip", "-n", netns, "address", "add", `${outside}.2/30`, "dev", `ctmach-o${instance}`]);
    await must(["ip", "-n", netns, "link", "set", `ctmach-o${instance}`, "up"]);
  });
  afterAll(async () => {
    await machines.cleanup();
    await machines.restore();
    await run(["ip", "netns", "delete", netns]);
    await run(["ip", "link", "delete", `ctmach-h${instance}`]);
  });
  afterEach(() => run(["nft", "delete", "table", "inet", `ctmach-fw${instance}`]));

  /** A server in the other network namespace that answers with the address it sees. It has no route back to machines. */
  async function withServer(action: () => Promise<void>): Promise<void> {
    const script = `require('net').createServer((c) => { c.on('error', () => 0); c.end(c.remoteAddress + '\\n'); }).listen(8000, '${outside}.2', () => console.log('up'))`;
    const server = spawn("ip", ["netns", "exec", netns, process.execPath, "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      await once(server.stdout, "data");
      await action();
    } finally {
      server.kill("SIGKILL");
    }
  }
  const ask = `import socket; s = socket.create_connection(('${outside}.2', 8000), ${Math.min(10, patient(3))}); print(s.recv(99).decode().strip())`;
  const reach = () => machines.exec("out", ["python3", "-c", ask], { timeoutMs: patient(20_000) });

  async function freshMachine(on: NspawnMachines): Promise<void> {
    await on.prepare();
    await on.destroy("out");
    await on.create({ name: "out" });
    await on.start("out");
    await on.waitBooted("out", bound);
  }

  test("reaches a host outside the machines' network under the host's address", async () => {
    await freshMachine(machines);
    await withServer(async () => {
      expect(await reach()).toEqual({ exitCode: 0, stdout: `${outside}.1\n`, stderr: "" });
    });
  });

  test("opens a firewall that drops what is forwarded, and closes it again", async () => {
    // Only our bridge meets the drop: other instances on this host go on.
    const chain = (hook: string, others: string) =>
      `chain ${hook} {\n type filter hook ${hook} priority 1; policy drop;\n ${others} accept\n}\n`;
    const forward = chain("forward", `iifname != "${bridge}" oifname != "${bridge}"`);
    const table = `table inet ctmach-fw${instance} {\n${forward}${chain("input", `iifname != "${bridge}"`)}}\n`;
    await must(["nft", "--file", "-"], { stdin: table });
    await withServer(async () => {
      expect((await reach()).exitCode).not.toBe(0);
      await machines.prepare();
      await machines.prepare();
      expect((await reach()).stdout).toBe(`${outside}.1\n`);
    });
    const ours = async () =>
      (await must(["nft", "list", "table", "inet", `ctmach-fw${instance}`])).match(
        new RegExp(`cantrip-${id}"`, "g"),
      )?.length ?? 0;
    expect(await ours()).toBe(3);
    await machines.kill("out");
    await machines.restore();
    expect(await ours()).toBe(0);
  });

  test("is cut where machines are offline, and no name server is named", async () => {
    const offline = openMachines({ ...options, nat: false });
    await freshMachine(offline);
    await withServer(async () => {
      expect((await reach()).exitCode).not.toBe(0);
    });
    expect((await offline.exec("out", ["cat", "/etc/resolv.conf"])).stdout).not.toMatch(/^nameserver/m);
    expect((await offline.exec("out", ["ping", "-c1", "-W2", `${network}.1`])).exitCode).toBe(0);
  });
});

describe("changes of the host", () => {
  /** With a /run and a network of its own: the settings in question are that network's. */
  async function inOwnNetwork(steps: string): Promise<unknown> {
    const source = `import { applyHostChanges, undoHostChanges } from ${JSON.stringify(join(import.meta.dirname, "../src/host-changes.ts"))};
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
execFileSync("mount", ["-t", "tmpfs", "tmpfs", "/run"]);
const paths = ["/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/ip_default_ttl", "/proc/sys/net/ipv4/tcp_fin_timeout"];
const seen = [];
const look = () => seen.push(paths.map((path) => Number(readFileSync(path, "utf8"))));
for (const [index, value] of [0, 64, 60].entries()) writeFileSync(paths[index], String(value));
const wanted = { "net.ipv4.ip_forward": 1, "net.ipv4.ip_default_ttl": 99, "net.ipv4.tcp_fin_timeout": 30 };
const apply = (id) => applyHostChanges(id, "/run/" + id + ".json", wanted);
const undo = (id) => undoHostChanges(id, "/run/" + id + ".json");
const loseShared = () => rmSync("/run/cantrip", { recursive: true });
${steps}
console.log(JSON.stringify({ seen, left: ["/run/a.json", "/run/b.json", "/run/cantrip"].filter((path) => existsSync(path)) }));`;
    const unshared = ["unshare", "--net", "--mount", "--propagation=private", "--"];
    return JSON.parse(await must([...unshared, process.execPath, "--input-type=module", "-e", source]));
  }
  const raised = [1, 99, 60];
  const original = [0, 64, 60];

  test("stay while another instance needs them, and are put back by the last unless somebody else set them since", async () => {
    const steps = `
await apply("a");
await apply("b");
look();
await undo("a");
look();
writeFileSync(paths[1], "77");
await undo("b");
look();`;
    expect(await inOwnNetwork(steps)).toEqual({ seen: [raised, raised, [0, 77, 60]], left: [] });
  });

  test("are put back by an instance whose own record names others that left no shared one", async () => {
    const steps = `
await apply("a");
await apply("b");
loseShared();
await undo("b");
look();`;
    expect(await inOwnNetwork(steps)).toEqual({ seen: [original], left: ["/run/a.json"] });
  });

  test("are remembered by an instance that applies them again after the shared record was lost", async () => {
    const steps = `
await apply("a");
await apply("b");
loseShared();
await apply("b");
look();
await undo("b");
look();`;
    expect(await inOwnNetwork(steps)).toEqual({ seen: [raised, original], left: ["/run/a.json"] });
  });

  test("are put back also after a process that made them was killed at any moment", async () => {
    const module = JSON.stringify(join(import.meta.dirname, "../src/host-changes.ts"));
    const maker = `import { applyHostChanges } from ${module};
console.log("go");
await applyHostChanges("a", "/run/a.json", JSON.parse(process.argv[1]));
setInterval(() => 0, 1000);`;
    const steps = `
const { spawn } = await import("node:child_process");
const { once } = await import("node:events");
const { setTimeout: sleep } = await import("node:timers/promises");
const argv = ["--input-type=module", "-e", ${JSON.stringify(maker)}, JSON.stringify(wanted)];
for (const delayMs of [0, 3, 6, 9, 12, 15, 20, 40]) {
  const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  await sleep(delayMs);
  child.kill("SIGKILL");
  await once(child, "exit");
  await undo("a");
  look();
}`;
    expect(await inOwnNetwork(steps)).toEqual({ seen: Array.from({ length: 8 }, () => original), left: [] });
  });

  test("are named by the preflight, with what stands in the way", async () => {
    const good = {
      subnet: `${network}.0/24`,
      podCidr: "10.79.0.0/16",
      serviceCidr: "10.152.183.0/24",
      bridge,
    };
    const findings = await preflight(good);
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
    await must(["ip", "link", "add", `ctmach-p${instance}`, "type", "bridge"]);
    try {
      await must(["ip", "address", "add", `10.79.${3 + instance}.1/24`, "dev", `ctmach-p${instance}`]);
      await must(["ip", "link", "set", `ctmach-p${instance}`, "up"]);
      expect(await preflight(good)).toContainEqual(
        expect.objectContaining({ id: "range.podCidr", severity: "error" }),
      );
    } finally {
      await must(["ip", "link", "delete", `ctmach-p${instance}`]);
    }
  });
});

describe("a host that lacks something", () => {
  const unfit = { ...options, id: "ct-unfit", bridge: "ctunfit0", stateDir: join(stateDir, "unfit") };
  const source = `import { openMachines } from ${JSON.stringify(join(import.meta.dirname, "../src/index.ts"))};
const said = await openMachines(${JSON.stringify(unfit)}).prepare().then(() => "prepared", (error) => error.message);
console.log(said);`;
  const node = [process.execPath, "--input-type=module", "-e", source];
  /** In a mount namespace of its own, after `script` has taken something away. */
  const without = (script: string) => {
    const unshared = ["unshare", "--mount", "--propagation=private", "--", "sh", "-ec"];
    return must([...unshared, `${script}\nexec "$@"`, "sh", ...node]);
  };
  const hidden = (
    folder: string,
    name: string,
  ) => `upper=$(mktemp -d); mount -t tmpfs tmpfs $upper; mkdir $upper/u $upper/w
mknod $upper/u/${name} c 0 0; mount -t overlay overlay -o lowerdir=${folder},upperdir=$upper/u,workdir=$upper/w ${folder}`;

  test.each([
    [
      "root",
      () => must(["setpriv", "--reuid=1000", "--clear-groups", "--", ...node]),
      ["Machines need root"],
    ],
    [
      "a capability",
      () => must(["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", "--", ...node]),
      ["Machines need CAP_SYS_ADMIN, which root does not have here"],
    ],
    [
      "packages",
      () => without(`${hidden("/usr/bin", "systemd-nspawn")}\n${hidden("/usr/sbin", "nft")}`),
      ["apt-get install systemd-container", "apt-get install nftables"],
    ],
    [
      "a feature of the kernel",
      () => without("f=$(mktemp); grep -v overlay /proc/filesystems >$f; mount --bind $f /proc/filesystems"),
      ["The host's kernel has no overlay"],
    ],
  ])("names %s before it is changed", async (_what, prepare, expected) => {
    const said = await prepare();
    for (const text of ["nothing was changed", ...expected]) expect(said).toContain(text);
    expect(existsSync(unfit.stateDir)).toBe(false);
    expect(existsSync("/sys/class/net/ctunfit0")).toBe(false);
  });
});

describe("iptables of Docker's kind", () => {
  test("is opened by iptables itself and closed without a trace", async () => {
    // In a network namespace of its own: the host's chains are not touched.
    const source = `import { openGates, closeGates, findDroppingChains } from ${JSON.stringify(join(import.meta.dirname, "../src/firewall.ts"))};
import { execFileSync } from "node:child_process";
const iptables = (...args) => execFileSync("iptables", args).toString();
for (const chain of ["FORWARD", "INPUT"]) iptables("-P", chain, "DROP");
iptables("-A", "FORWARD", "-i", "docker0", "-j", "ACCEPT");
const before = iptables("-S");
const found = await findDroppingChains();
await openGates("ct-mach", "ctmach0");
await openGates("ct-mach", "ctmach0");
const opened = iptables("-S");
await closeGates("ct-mach");
console.log(JSON.stringify({ found: found.map(({ chain }) => chain), before, opened, after: iptables("-S") }));`;
    const stdout = await must([
      "unshare",
      "--net",
      "--",
      process.execPath,
      "--input-type=module",
      "-e",
      source,
    ]);
    const { found, before, opened, after } = JSON.parse(stdout) as {
      found: string[];
      before: string;
      opened: string;
      after: string;
    };
    expect(found.sort()).toEqual(["FORWARD", "INPUT"]);
    expect(opened.split("\n").filter((line) => line.includes("ctmach0"))).toEqual([
      "-A INPUT -i ctmach0 -m comment --comment cantrip-ct-mach -j ACCEPT",
      "-A FORWARD -o ctmach0 -m comment --comment cantrip-ct-mach -j ACCEPT",
      "-A FORWARD -i ctmach0 -m comment --comment cantrip-ct-mach -j ACCEPT",
    ]);
    expect(after).toBe(before);
  });
});

describe("a killed process of ours", () => {
  const machines = open();
  const child = (code: string) => {
    const source = `import { openMachines } from ${JSON.stringify(join(import.meta.dirname, "../src/index.ts"))};
const machines = openMachines(${JSON.stringify(options)});
${code}`;
    return spawn(process.execPath, ["--input-type=module", "-e", source], {
      stdio: ["ignore", "pipe", "inherit"],
      detached: true,
    });
  };
  const killGroup = async (process_: ReturnType<typeof child>) => {
    process.kill(-(process_.pid ?? 0), "SIGKILL");
    if (process_.exitCode === null && process_.signalCode === null) await once(process_, "exit");
  };

  beforeAll(() => machines.prepare());
  afterAll(async () => {
    await machines.cleanup();
    await machines.restore();
  });

  test("leaves its machine running, and the next one finds it", async () => {
    const other = child(
      `await machines.create({ name: "stays" }); const m = await machines.start("stays"); await machines.waitBooted("stays", { timeoutMs: ${bound.timeoutMs} }); console.log(m.leaderPid); setInterval(() => 0, 1000);`,
    );
    const leaderPid = Number(String((await once(other.stdout, "data"))[0]));
    await killGroup(other);
    expect(await open().get("stays")).toMatchObject({ state: "running", leaderPid });
    expect((await machines.exec("stays", ["hostname"])).stdout).toBe("stays\n");
    await machines.exec("stays", ["systemctl", "reboot"]);
    await expect
      .poll(async () => (await machines.get("stays"))?.leaderPid ?? leaderPid, { timeout: patient(20_000) })
      .not.toBe(leaderPid);
    await machines.waitBooted("stays", bound);
    await machines.stop("stays");
    expect(await machines.get("stays")).toMatchObject({ state: "stopped" });
  });

  const phases = ["prepare", "create", "start", "destroy"] as const;
  const life = `const steps = {
  prepare: () => machines.prepare(),
  create: () => machines.create({ name: "half", files: Array.from({ length: 40 }, (_, i) => ({ path: "/srv/f" + i, content: "x".repeat(1e5) })) }),
  start: () => machines.start("half"),
  destroy: () => machines.destroy("half"),
};
for (const [phase, step] of Object.entries(steps)) { console.log(phase); await step(); }
setInterval(() => 0, 1000);`;

  /** Where a seed kills: in which phase, how far into it, and whether what the process had started is killed with it. */
  function killOf(seed: number): { phase: string; delayMs: number; alsoChildren: boolean } {
    const random = (salt: number) =>
      createHash("sha256").update(`${seed}/${salt}`).digest().readUInt32BE() / 2 ** 32;
    const phase = phases[seed % phases.length]!;
    const usualMs = { prepare: 300, create: 80, start: 300, destroy: 250 }[phase];
    return { phase, delayMs: Math.floor(patient(random(2) * usualMs)), alsoChildren: random(3) < 0.5 };
  }

  const firstSeed = Number(process.env.CANTRIP_SEED ?? 1);
  const seeds = Array.from(
    { length: Number(process.env.CANTRIP_KILLS ?? 8) },
    (_, index) => firstSeed + index,
  );
  const kills = seeds.map((seed) => ({ seed, ...killOf(seed) }));

  test.each(kills)(
    "$delayMs ms into $phase (seed $seed) leaves a whole machine or none, and nothing that cleanup would not find",
    async ({ phase, delayMs, alsoChildren }) => {
      await machines.cleanup();
      const other = child(life);
      // Its output is read on to its end: a closed pipe would be another death than the one that is meant.
      await new Promise<void>((begun) =>
        other.stdout.on(
          "data",
          (chunk: Buffer) => void (String(chunk).split("\n").includes(phase) && begun()),
        ),
      );
      await sleep(delayMs);
      if (alsoChildren) await killGroup(other);
      else other.kill("SIGKILL");
      await machines.prepare();
      const half = await machines.get("half");
      if (half) {
        await machines.start("half");
        await machines.waitBooted("half", bound);
        const { stdout } = await machines.exec("half", ["sh", "-c", "cat /srv/f* | wc -c; hostname"]);
        expect(stdout).toBe("4000000\nhalf\n");
        expect(await nspawnsBelow(join(stateDir, "by-name"))).toHaveLength(1);
      }
      await machines.cleanup();
      expect(traces()).toEqual([]);
      expect(existsSync(`/sys/class/net/${bridge}`)).toBe(false);
      expect((await run(["nft", "list", "tables"])).stdout).not.toContain(`cantrip-${id}\n`);
      await machines.prepare();
    },
  );

  // There the launcher becomes nspawn, and systemd ends what is left of its unit.
  const orphaned = hasSystemd
    ? "skipped: nspawn has no launcher of ours where systemd starts it"
    : "and of nspawn's launcher: the machine is found and ended all the same";
  test.skipIf(hasSystemd)(orphaned, async () => {
    await machines.create({ name: "orphan" });
    await machines.start("orphan");
    const launcher = JSON.parse(readFileSync(join(stateDir, "by-name/orphan/run"), "utf8")) as {
      pid: number;
    };
    process.kill(launcher.pid, "SIGKILL");
    expect(await machines.get("orphan")).toMatchObject({ state: "running" });
    await machines.waitBooted("orphan", bound);
    await machines.stop("orphan");
    expect(await nspawnsBelow(join(stateDir, "by-name"))).toEqual([]);
    await machines.destroy("orphan");
  });

  test("in the middle of making an image takes along what it had started", async () => {
    const cacheDir = join(stateDir, "cache");
    const source = `import { ensureImage } from ${JSON.stringify(join(import.meta.dirname, "../src/image.ts"))};
await ensureImage({ cacheDir: ${JSON.stringify(cacheDir)}, onProgress: (line) => console.log(line) });`;
    const other = spawn(process.execPath, ["--input-type=module", "-e", source], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    other.stdout.resume();
    await once(other.stdout, "data");
    const making = () =>
      run(["pgrep", "-fc", `mmdebstrap .*${cacheDir}`]).then(({ stdout }) => stdout.trim());
    await expect.poll(making, { timeout: patient(20_000) }).not.toBe("0");
    other.kill("SIGKILL");
    await expect.poll(making, { timeout: patient(10_000) }).toBe("0");
    // Unfinished, under a name that nobody takes for an image.
    expect(readdirSync(join(cacheDir, "images")).every((name) => /^[0-9a-f]{16}\..+/.test(name))).toBe(true);
    await rm(cacheDir, { recursive: true, force: true });
  });

  test("cleanup ends what runs and removes every trace", async () => {
    const other = child(
      `await machines.create({ name: "left" }); await machines.start("left"); console.log("up"); setInterval(() => 0, 1000);`,
    );
    await once(other.stdout, "data");
    await killGroup(other);
    expect(traces().length).toBeGreaterThan(3);
    await machines.cleanup();
    expect(traces()).toEqual([]);
    expect(existsSync(`/sys/class/net/${bridge}`)).toBe(false);
  });
});

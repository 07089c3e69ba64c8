/** What systemd-host.ts runs inside its emulated computer: a machine's life, step by step, each with its time. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { openMachines, preflight } from "../src/index.ts";

const options = {
  id: "vm",
  bridge: "ctvm0",
  subnet: "10.78.5.0/24",
  stateDir: "/var/lib/vm-machines",
  cacheDir: "/var/cache/cantrip",
};
const machines = openMachines(options);
const patience = { timeoutMs: 300_000 };
let failed = 0;

async function step(name: string, action: () => Promise<void>): Promise<void> {
  const started = Date.now();
  try {
    await action();
    console.log(`CHECK: ok, ${name} (${Date.now() - started} ms)`);
  } catch (error) {
    failed += 1;
    console.log(`CHECK: FAILED, ${name}:`, error);
  }
}

const sh = async (name: string, script: string): Promise<string> => {
  const { exitCode, stdout, stderr } = await machines.exec(name, ["sh", "-c", script], patience);
  equal(exitCode, 0, stderr);
  return stdout;
};

const host = (command: string): string => execFileSync("sh", ["-c", command]).toString();

const container = `mkdir -p /tmp/b/rootfs/bin && cd /tmp/b
for f in /bin/sh $(ldd /bin/sh | grep -o '/[^ ]*'); do mkdir -p "rootfs/$(dirname $f)"; cp -L $f rootfs/$f; done
runc spec && sed -i 's/"terminal": true/"terminal": false/; s/"sh"/"sh","-c","echo from a container"/' config.json
exec systemd-run --quiet --pipe --wait -p Delegate=yes runc run --bundle /tmp/b probe`;

async function life(): Promise<void> {
  await step("preflight finds no error", async () => {
    const findings = await preflight({
      subnet: options.subnet,
      podCidr: "10.1.0.0/16",
      serviceCidr: "10.152.183.0/24",
    });
    deepEqual(
      findings.filter(({ severity }) => severity === "error"),
      [],
    );
  });
  await step("prepare, create, start", async () => {
    await machines.prepare();
    await machines.create({ name: "n1", limits: { memoryBytes: 400 * 2 ** 20, cpus: 1, tasks: 400 } });
    await machines.start("n1");
  });
  await step("boots well", async () =>
    deepEqual(await machines.waitBooted("n1", patience), { state: "running", failedUnits: [] }),
  );
  await step("is a unit of systemd with a delegated group and its limits", async () => {
    const leader = (await machines.get("n1"))?.leaderPid;
    match(
      readFileSync(`/proc/${leader}/cgroup`, "utf8"),
      /^0::\/system.slice\/cantrip-machine-vm-n1.service\/payload/,
    );
    match(
      host("systemctl show cantrip-machine-vm-n1 -p MemoryMax,TasksMax,Delegate"),
      /Delegate=yes\nMemoryMax=419430400\nTasksMax=400/,
    );
  });
  await step("may make control groups and set sysctls", async () => {
    equal(
      await sh(
        "n1",
        "mkdir /sys/fs/cgroup/probe && rmdir /sys/fs/cgroup/probe && sysctl -n -w net.ipv4.ip_forward=1",
      ),
      "1\n",
    );
    match(
      await sh("n1", "cat /sys/fs/cgroup/cgroup.controllers; cat /proc/self/cgroup"),
      /cpu.*memory.*\n0::\/init.scope/,
    );
  });
  await step("runs a container", async () => equal(await sh("n1", container), "from a container\n"));
  await step("is bounded in memory", async () =>
    equal(await sh("n1", "python3 -c 'x = bytearray(600 * 2**20)' 2>/dev/null; echo $?"), "137\n"),
  );
  await step("comes back from a reboot, seen as one", async () => {
    const events: string[] = [];
    const before = (await machines.get("n1"))?.leaderPid;
    const unwatch = machines.watch(({ kind }) => events.push(kind));
    await sleep(2_000);
    await machines.exec("n1", ["systemctl", "reboot"], patience);
    for (let looks = 0; looks < 1_200; looks++) {
      const now = (await machines.get("n1"))?.leaderPid;
      if (now !== undefined && now !== before) break;
      await sleep(100);
    }
    await machines.waitBooted("n1", patience);
    unwatch();
    deepEqual(events, ["rebooted"]);
  });
  await step("stops, with its exit on record, and starts again", async () => {
    await machines.stop("n1", patience);
    const machine = await machines.get("n1");
    deepEqual([machine?.state, machine?.lastExit?.code], ["stopped", 0]);
    await machines.start("n1");
    await machines.waitBooted("n1", patience);
    await machines.kill("n1");
    await machines.destroy("n1");
    deepEqual(await machines.list(), []);
  });
}

async function afterKill(): Promise<void> {
  await step("survives the kill of the process that started it", async () => {
    const child = spawn(process.execPath, [import.meta.filename, "child"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await Promise.race([
      once(child.stdout, "data"),
      once(child, "exit").then(() => ok(false, "the child ended")),
    ]);
    child.kill("SIGKILL");
    await machines.waitBooted("stays", patience);
  });
  await step("cleanup and restore leave nothing", async () => {
    await machines.cleanup();
    await machines.restore();
    const units = host(
      "systemctl list-units --all --no-legend 'cantrip-machine*'; nft list tables; ip -br link show | grep ctvm0 || true",
    );
    deepEqual(
      [units, host("find /sys/fs/cgroup -name '*cantrip*'"), existsSync("/run/cantrip")],
      ["", "", false],
    );
    equal(readFileSync("/proc/sys/net/ipv4/ip_forward", "utf8"), "0\n");
  });
}

if (process.argv[2] === "child") {
  await machines.create({ name: "stays" });
  await machines.start("stays");
  console.log("up");
  setInterval(() => undefined, 1_000);
} else {
  await life();
  await afterKill();
  console.log(failed === 0 ? "CHECK: all held" : `CHECK: ${failed} failed`);
}

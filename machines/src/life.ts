/** Starting and ending a machine's processes. Callers hold the machine's lock. */
import { open, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { applyLimits, cgroupMounts, createGroups, machineGroups, removeGroups } from "./cgroups.ts";
import { MachineNotRunning, MachineTimeout } from "./errors.ts";
import { readText } from "./files.ts";
import { detachedArgv, nspawnArgv, systemdRunArgv, type LaunchSpec } from "./launcher.ts";
import { nspawnName, unitName } from "./names.ts";
import { mtuOut, type NetworkSpec } from "./network.ts";
import { detach, must, run } from "./run.ts";
import { isAnything, isRebooting, launchersOf, runningOf } from "./running.ts";
import type { MachineRecord, MachineStore } from "./store.ts";
import { gatewayOf } from "./subnet.ts";
import { onSystemd } from "./systemd.ts";

const hostPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** SIGRTMIN+4: systemd as PID 1 powers off. */
const sigPowerOff = 38;

export class MachineLife {
  readonly #store: MachineStore;
  readonly #network: NetworkSpec;

  constructor(store: MachineStore, network: NetworkSpec) {
    this.#store = store;
    this.#network = network;
  }

  async launch(record: MachineRecord): Promise<void> {
    const { id, bridge } = this.#network;
    const { name, machineId, binds } = record;
    const dir = this.#store.dir(name);
    const spec: LaunchSpec = { id, name, machineId, bridge, dir, sharedDir: this.#store.sharedDir, binds };
    await this.#endLeftovers(name);
    await this.#store.writeLauncher(name, await this.#networkFile(record));
    if (await onSystemd()) await must(systemdRunArgv(spec, record.image, record.limits, nspawnArgv(spec)));
    else await this.#detach(spec, record);
  }

  /**
   * What is left of a machine of which nothing is known to run: a launcher whose starter was killed before it had come to
   * life, processes of one that was killed without us, a cable whose network namespace outlives its last process for a while.
   */
  async #endLeftovers(name: string): Promise<void> {
    for (const pid of await launchersOf(this.#store.dir(name))) signalIfThere(pid, "SIGKILL");
    await this.#endGroups(name);
    await this.#removeCable(name);
  }

  async #networkFile({ address }: MachineRecord): Promise<string> {
    const { subnet } = this.#network;
    return `ADDRESS=${address}/${subnet.prefix}\nGATEWAY=${gatewayOf(subnet)}\nMTU=${await mtuOut()}\n`;
  }

  async #detach(spec: LaunchSpec, { image, limits }: MachineRecord): Promise<void> {
    const { id, name, dir } = spec;
    const mounts = await cgroupMounts();
    const groups = await createGroups(mounts, id, name);
    await applyLimits(mounts, id, name, limits);
    const output = await open(join(dir, "console.log"), "a", 0o640);
    try {
      const argv = detachedArgv(dir, image, groups, nspawnArgv(spec));
      detach(argv, { env: { PATH: hostPath, LANG: "C.UTF-8" }, output: output.fd });
    } finally {
      await output.close();
    }
  }

  /** @throws MachineNotRunning when it ended, MachineTimeout when neither happened */
  async waitLeader(name: string, timeoutMs = 60_000): Promise<number> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      // In this order: a launcher that had come to life before we looked for it, and is not there, has ended.
      const launched = await this.#store.hasLaunched(name);
      const running = await runningOf(this.#store, name);
      if (running.leader !== undefined) return running.leader;
      if (launched && !isAnything(running) && !(await isRebooting(this.#store, name))) {
        throw new MachineNotRunning(name, `wait for systemd (${await this.consoleTail(name)})`);
      }
      if (Date.now() > deadline) {
        throw new MachineTimeout(`machine "${name}" runs systemd`, timeoutMs, await this.consoleTail(name));
      }
      await sleep(10);
    }
  }

  /** Asks systemd in the machine to power off, and waits until nothing of it runs or the time is over. */
  async powerOff(name: string, timeoutMs: number): Promise<void> {
    const { leader } = await runningOf(this.#store, name);
    if (leader === undefined) return;
    signalIfThere(leader, sigPowerOff);
    const deadline = Date.now() + timeoutMs;
    while (Date.now() < deadline && isAnything(await runningOf(this.#store, name))) await sleep(20);
  }

  /** Kills whatever is left of a machine: first the launcher, so that it starts nothing anew. */
  async end(name: string): Promise<void> {
    const deadline = Date.now() + 10_000;
    for (let running = await runningOf(this.#store, name); ; running = await runningOf(this.#store, name)) {
      for (const pid of [running.launcherPid, running.nspawnPid, running.leader]) {
        if (pid !== undefined) signalIfThere(pid, "SIGKILL");
      }
      await this.#endGroups(name);
      if (!isAnything(running)) break;
      if (Date.now() > deadline)
        throw new MachineTimeout(`the processes of machine "${name}" are gone`, 10_000);
      await sleep(10);
    }
    await this.#removeCable(name);
    await this.#removeMailbox(name);
    await this.#store.forgetLaunch(name);
  }

  /** The host's end outlives the machine for as long as the kernel takes to end its namespace; the next start would fail. */
  async #removeCable(name: string): Promise<void> {
    const cable = `vb-${nspawnName(this.#network.id, name)}`;
    await run(["ip", "link", "delete", cable], { timeoutMs: 10_000 });
  }

  /** The empty folder by which nspawn lets mounts into a machine; one that was killed leaves it on the host. */
  async #removeMailbox(name: string): Promise<void> {
    const mailbox = join("/run/systemd/nspawn/propagate", nspawnName(this.#network.id, name));
    await rmdir(mailbox).catch(() => undefined);
  }

  /** systemd would start the machine again if this came in the middle of a reboot. */
  async #endGroups(name: string): Promise<void> {
    if (await onSystemd()) {
      const unit = unitName(this.#network.id, name);
      await run(["systemctl", "kill", "--signal=SIGKILL", unit], { timeoutMs: 20_000 });
      await run(["systemctl", "stop", unit], { timeoutMs: 20_000 });
    } else await removeGroups(machineGroups(await cgroupMounts(), this.#network.id, name));
  }

  async consoleTail(name: string): Promise<string> {
    const log = await readText(join(this.#store.dir(name), "console.log"));
    const lines = (log ?? "").trim().split("\n").slice(-5).join(" | ");
    return `last words on its console: ${lines || "none"}`;
  }
}

function signalIfThere(pid: number, signal: NodeJS.Signals | number): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

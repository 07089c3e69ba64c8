/**
 * Machines by systemd-nspawn: an overlay on the image, systemd as PID 1, an address on our bridge. A machine does not
 * depend on the process that started it; whether it runs is read from /proc, never remembered.
 */
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, mkdtemp, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { applyLimits, cgroupMounts, createGroups, machineGroups, removeGroups } from "./cgroups.ts";
import { enter, joinFailure, parsePasswd, root, type Entry, type User } from "./enter.ts";
import {
  HostCommandFailed,
  MachineInvalid,
  MachineNotFound,
  MachineNotRunning,
  MachineTimeout,
} from "./errors.ts";
import { readJson, readText, resolveInLayers, writeAtomic } from "./files.ts";
import { closeGates, openGates } from "./firewall.ts";
import { applyHostChanges, undoHostChanges } from "./host-changes.ts";
import { ensureImage } from "./image.ts";
import { detachedArgv, nspawnArgv, systemdRunArgv, type LaunchSpec, rebootExitCode } from "./launcher.ts";
import { withLock } from "./lock.ts";
import { checkBridgeName, checkInstanceId, checkMachineName, checkPath, unitName } from "./names.ts";
import {
  hostsBlock,
  makeBridge,
  makeTable,
  mtuOut,
  removeBridge,
  removeTable,
  resolvConf,
  type NetworkSpec,
} from "./network.ts";
import type {
  BootReport,
  ExecOptions,
  ExecResult,
  Machine,
  MachineEvent,
  MachineSpec,
  Machines,
} from "./port.ts";
import { allPids, argvOf, bootId, leaderOf, nspawnsBelow, statOf } from "./proc.ts";
import { detach, must, pipe, run } from "./run.ts";
import { MachineStore, type MachineRecord } from "./store.ts";
import { checkAddress, gatewayOf, parseSubnet, pickAddress } from "./subnet.ts";
import { watchMachines } from "./watch.ts";

export interface MachinesOptions {
  /** Tells instances on one host apart: in control groups, tables, locks. */
  id: string;
  bridge: string;
  /** Range of the machines, like 10.77.0.0/24; its first address is the host's. */
  subnet: string;
  stateDir: string;
  cacheDir: string;
  /** Name servers for the machines; the host's unless told. */
  dns?: readonly string[];
  /** False cuts machines off from the outside. */
  nat?: boolean;
  onProgress?: (line: string) => void;
}

interface Running {
  nspawnPid?: number;
  leader?: number;
  launcherPid?: number;
}

export function openMachines(options: MachinesOptions): NspawnMachines {
  return new NspawnMachines(options);
}

export class NspawnMachines implements Machines {
  readonly #options: MachinesOptions;
  readonly #network: NetworkSpec;
  readonly #store: MachineStore;

  constructor(options: MachinesOptions) {
    checkInstanceId(options.id);
    checkBridgeName(options.bridge);
    checkPath("the state folder", options.stateDir);
    checkPath("the cache folder", options.cacheDir);
    this.#options = options;
    this.#network = {
      id: options.id,
      bridge: options.bridge,
      subnet: parseSubnet(options.subnet),
      nat: options.nat ?? true,
    };
    this.#store = new MachineStore(options.stateDir);
  }

  /** The host's address on the machines' network. */
  get gateway(): string {
    return gatewayOf(this.#network.subnet);
  }

  async prepare(): Promise<void> {
    await this.#locked(async () => {
      await this.#store.prepare();
      await this.#store.sweep();
      await applyHostChanges(this.#options.id, this.#store.hostChanges);
      await makeBridge(this.#network);
      await makeTable(this.#network);
      await openGates(this.#options.id, this.#options.bridge);
      await this.#writeShared();
    });
    await this.ensureImage();
  }

  /** Makes the image if it is not in the cache; takes half a minute then. Part of prepare and create. */
  async ensureImage(): Promise<string> {
    const { cacheDir, onProgress } = this.#options;
    return await ensureImage({ cacheDir, ...(onProgress ? { onProgress } : {}) });
  }

  async create(spec: MachineSpec): Promise<Machine> {
    checkMachineName(spec.name);
    checkSpec(spec);
    const image = await this.ensureImage();
    await this.#locked(async () => {
      await this.#store.prepare();
      const others = await this.#store.records();
      if (others.some(({ name }) => name === spec.name))
        throw new MachineInvalid(
          `Cannot create machine "${spec.name}": there is one of that name; destroy it first`,
        );
      const taken = new Set([...others.map(({ address }) => address), this.gateway]);
      const address = spec.address ?? pickAddress(this.#network.subnet, taken);
      checkAddress(this.#network.subnet, address, taken);
      await this.#store.add(newRecord(spec, address, image), spec.files ?? []);
      await this.#writeShared();
    });
    await this.#announceNames();
    return await this.#machine(spec.name);
  }

  async start(name: string): Promise<Machine> {
    return await this.#lockedMachine(name, async (record) => {
      await this.#store.save({ ...record, desired: "up" });
      const running = await this.#running(name);
      if (!running.nspawnPid && !running.launcherPid) await this.#launch(record);
      await this.#waitLeader(name);
      return await this.#machine(name);
    });
  }

  async stop(name: string, { timeoutMs = 30_000 } = {}): Promise<void> {
    await this.#lockedMachine(name, async (record) => {
      await this.#store.save({ ...record, desired: "down" });
      const { leader } = await this.#running(name);
      if (leader !== undefined) await this.#powerOff(name, leader, timeoutMs);
      await this.#end(name);
    });
  }

  async kill(name: string): Promise<void> {
    await this.#lockedMachine(name, async (record) => {
      await this.#store.save({ ...record, desired: "down" });
      await this.#end(name);
    });
  }

  async destroy(name: string): Promise<void> {
    checkMachineName(name);
    if (!(await this.#store.record(name))) return;
    await this.#lockedMachine(name, async () => {
      await this.#end(name);
      await this.#locked(async () => {
        await this.#store.remove(name);
        await this.#writeShared();
      });
    });
    await this.#announceNames();
  }

  async list(): Promise<Machine[]> {
    const [records, nspawns] = await Promise.all([
      this.#store.records(),
      nspawnsBelow(this.#store.machinesDir),
    ]);
    return await Promise.all(
      records.map(async (record) => {
        const nspawn = nspawns.find(
          ({ directory }) => directory === join(this.#store.dir(record.name), "root"),
        );
        return await this.#describe(record, await this.#runningWith(record.name, nspawn?.pid));
      }),
    );
  }

  async get(name: string): Promise<Machine | undefined> {
    checkMachineName(name);
    const record = await this.#store.record(name);
    return record && (await this.#describe(record, await this.#running(name)));
  }

  async exec(name: string, argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    const { user, env, cwd, ...rest } = options;
    const entry = await this.#enter(name, argv, {
      ...(env ? { env } : {}),
      ...(cwd ? { cwd } : {}),
      ...(user ? { user } : {}),
    });
    const result = await run(entry.argv, {
      ...rest,
      env: entry.env,
      cwd: "/",
      what: `${argv[0]} in machine "${name}" ends`,
    });
    if (result.exitCode === 125 && result.stderr.includes(joinFailure))
      throw new MachineNotRunning(name, `run ${argv[0]}`);
    return result;
  }

  /** The host command and environment that run `argv` in the machine: for callers that need the process itself (a terminal, a pipe). */
  async execCommand(
    name: string,
    argv: readonly string[],
    options: Pick<ExecOptions, "user" | "env" | "cwd"> = {},
  ): Promise<Entry> {
    return await this.#enter(name, argv, options);
  }

  async copyIn(name: string, source: string, target: string): Promise<void> {
    const stats = await stat(source);
    if (stats.isDirectory()) {
      const unpack = await this.#enter(name, [
        "/bin/sh",
        "-c",
        'mkdir -p -- "$0" && exec tar -xpf - -C "$0"',
        target,
      ]);
      await pipe({ argv: ["tar", "--numeric-owner", "-C", source, "-cf", "-", "."] }, unpack);
      return;
    }
    const mode = (stats.mode & 0o7777).toString(8);
    const { exitCode, stderr } = await this.exec(name, ["/bin/sh", "-c", receiveFile, target, mode], {
      stdin: createReadStream(source),
    });
    if (exitCode !== 0)
      throw new HostCommandFailed([`copy ${source} to ${target} in machine "${name}"`], exitCode, stderr);
  }

  async copyOut(name: string, source: string, target: string): Promise<void> {
    const temporary = await mkdtemp(`${target}.`);
    try {
      const pack = await this.#enter(name, [
        "tar",
        "--numeric-owner",
        "-C",
        dirname(source),
        "-cf",
        "-",
        "--",
        basename(source),
      ]);
      await pipe(pack, { argv: ["tar", "--no-same-owner", "-C", temporary, "-xf", "-"] });
      await rename(join(temporary, basename(source)), target);
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }

  async logs(name: string, { lines = 200 } = {}): Promise<{ console: string; journal: string }> {
    const record = await this.#known(name);
    const log = await readText(join(this.#store.dir(name), "console.log"));
    const { leader } = await this.#running(name);
    const options = ["--no-pager", "--quiet", `--lines=${lines}`];
    const tail = (log ?? "").split("\n").slice(-lines).join("\n");
    if (leader !== undefined)
      return {
        console: tail,
        journal: (await this.exec(name, ["journalctl", ...options], { timeoutMs: 20_000 })).stdout,
      };
    const upper = join(this.#store.dir(name), "upper");
    const folder = join(upper, await resolveInLayers({ upper, lower: record.image }, "/var/log/journal"));
    return {
      console: tail,
      journal: (await run(["journalctl", ...options, `--directory=${folder}`], { timeoutMs: 20_000 })).stdout,
    };
  }

  async waitBooted(name: string, { timeoutMs = 60_000 } = {}): Promise<BootReport> {
    const deadline = Date.now() + timeoutMs;
    for (let state = "unknown"; ;) {
      const left = deadline - Date.now();
      if (left <= 0)
        throw new MachineTimeout(
          `machine "${name}" has booted`,
          timeoutMs,
          `systemd says ${state}; ${await this.#consoleTail(name)}`,
        );
      const { leader } = await this.#running(name);
      if (leader === undefined) await this.#waitLeader(name, left);
      const asked = await this.exec(name, ["systemctl", "is-system-running", "--wait"], {
        timeoutMs: left,
      }).catch(ignoreBootRace);
      state = asked?.stdout.trim() || state;
      if (state === "running") return { state, failedUnits: [] };
      if (state === "degraded" || state === "maintenance")
        return { state, failedUnits: await this.#failedUnits(name) };
      await sleep(20);
    }
  }

  watch(listener: (event: MachineEvent) => void): () => void {
    return watchMachines(() => this.list(), listener);
  }

  async cleanup({ keepDisks = false } = {}): Promise<void> {
    const names = new Set((await this.#store.records()).map(({ name }) => name));
    for (const name of names) await (keepDisks ? this.kill(name) : this.destroy(name));
    // What has no record any more: a machine whose folder was removed by hand, a launcher between two runs.
    for (const pid of await this.#strayPids()) process.kill(pid, "SIGKILL");
    await removeGroups(
      (await cgroupMounts()).map((mount) => join(mount.path, `cantrip-${this.#options.id}`)),
    );
    await this.#locked(() => this.#store.sweep());
    await closeGates(this.#options.id);
    await removeTable(this.#options.id);
    await removeBridge(this.#network);
  }

  async restore(): Promise<void> {
    const up = (await this.list()).filter(({ state }) => state !== "stopped").map(({ name }) => name);
    if (up.length > 0)
      throw new MachineInvalid(
        `Cannot restore the host: machines ${up.join(", ")} are running; stop them first`,
      );
    await closeGates(this.#options.id);
    await removeTable(this.#options.id);
    await removeBridge(this.#network);
    await removeGroups(
      (await cgroupMounts()).map((mount) => join(mount.path, `cantrip-${this.#options.id}`)),
    );
    await undoHostChanges(this.#options.id, this.#store.hostChanges);
  }

  // What follows is how.

  #locked<T>(action: () => Promise<T>): Promise<T> {
    return withLock(`machines/${this.#options.id}`, action);
  }

  async #lockedMachine<T>(name: string, action: (record: MachineRecord) => Promise<T>): Promise<T> {
    checkMachineName(name);
    return await withLock(
      `machines/${this.#options.id}/${name}`,
      async () => await action(await this.#known(name)),
    );
  }

  async #known(name: string): Promise<MachineRecord> {
    checkMachineName(name);
    const record = await this.#store.record(name);
    if (!record) throw new MachineNotFound(name);
    return record;
  }

  async #machine(name: string): Promise<Machine> {
    return await this.#describe(await this.#known(name), await this.#running(name));
  }

  async #describe(record: MachineRecord, { nspawnPid, leader, launcherPid }: Running): Promise<Machine> {
    const { name, address, machineId, createdAt, desired } = record;
    const machine: Machine = { name, address, machineId, createdAt, desired, state: "stopped" };
    if (leader !== undefined) return { ...machine, state: "running", leaderPid: leader };
    if (nspawnPid !== undefined || launcherPid !== undefined) return { ...machine, state: "starting" };
    if (await this.#isRebooting(name)) return { ...machine, state: "starting" };
    const lastExit = await this.#store.lastExit(name).catch(() => undefined);
    return lastExit ? { ...machine, lastExit } : machine;
  }

  async #running(name: string): Promise<Running> {
    const directory = join(this.#store.dir(name), "root");
    const nspawn = (await nspawnsBelow(this.#store.dir(name))).find(
      (candidate) => candidate.directory === directory,
    );
    return await this.#runningWith(name, nspawn?.pid);
  }

  async #runningWith(name: string, nspawnPid: number | undefined): Promise<Running> {
    const leader = nspawnPid === undefined ? undefined : await leaderOf(nspawnPid);
    const launcherPid = await this.#launcherPid(name);
    return {
      ...(nspawnPid ? { nspawnPid } : {}),
      ...(leader ? { leader } : {}),
      ...(launcherPid ? { launcherPid } : {}),
    };
  }

  /** The launcher's pid, if the process on record is that very one. */
  async #launcherPid(name: string): Promise<number | undefined> {
    const record = await readJson<{ pid: number; startTime: string; bootId: string }>(
      join(this.#store.dir(name), "run"),
    );
    if (!record || record.bootId !== (await bootId())) return undefined;
    const stat = await statOf(record.pid);
    return stat?.startTime === record.startTime && stat.state !== "Z" ? record.pid : undefined;
  }

  async #launch(record: MachineRecord): Promise<void> {
    const { id, bridge } = this.#options;
    const { name, machineId, image, binds, limits } = record;
    const dir = this.#store.dir(name);
    const spec: LaunchSpec = { id, name, machineId, bridge, dir, sharedDir: this.#store.sharedDir, binds };
    await this.#store.writeLauncher(name, await this.#networkFile(record));
    await this.#locked(() => this.#writeShared());
    if (await onSystemd()) {
      await must(systemdRunArgv(spec, image, limits, nspawnArgv(spec)));
      return;
    }
    const mounts = await cgroupMounts();
    await removeGroups(machineGroups(mounts, id, name));
    const groups = await createGroups(mounts, id, name);
    await applyLimits(mounts, id, name, limits);
    const output = await open(join(dir, "console.log"), "a", 0o640);
    try {
      detach(detachedArgv(dir, image, groups, nspawnArgv(spec)), {
        env: { PATH: hostPath, LANG: "C.UTF-8" },
        output: output.fd,
      });
    } finally {
      await output.close();
    }
  }

  async #networkFile({ address }: MachineRecord): Promise<string> {
    return `ADDRESS=${address}/${this.#network.subnet.prefix}\nGATEWAY=${this.gateway}\nMTU=${await mtuOut()}\n`;
  }

  /** @throws MachineNotRunning when it ended, MachineTimeout when neither happened */
  async #waitLeader(name: string, timeoutMs = 60_000): Promise<number> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      // In this order: a launcher that had come to life before we looked for it, and is not there, has ended.
      const launched = await this.#store.hasLaunched(name);
      const { leader, nspawnPid, launcherPid } = await this.#running(name);
      if (leader !== undefined) return leader;
      if (
        launched &&
        nspawnPid === undefined &&
        launcherPid === undefined &&
        !(await this.#isRebooting(name))
      ) {
        throw new MachineNotRunning(name, `wait for systemd (${await this.#consoleTail(name)})`);
      }
      if (Date.now() > deadline)
        throw new MachineTimeout(`machine "${name}" runs systemd`, timeoutMs, await this.#consoleTail(name));
      await sleep(10);
    }
  }

  /** Between the two halves of a reboot, systemd has no process for it. */
  async #isRebooting(name: string): Promise<boolean> {
    return (
      (await this.#store.lastExit(name).catch(() => undefined))?.code === rebootExitCode &&
      (await onSystemd())
    );
  }

  async #powerOff(name: string, leader: number, timeoutMs: number): Promise<void> {
    signalIfThere(leader, sigPowerOff);
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const { nspawnPid, launcherPid } = await this.#running(name);
      if (nspawnPid === undefined && launcherPid === undefined) return;
      if (Date.now() > deadline) return;
      await sleep(20);
    }
  }

  /** Kills whatever is left of a machine: first the launcher, so that it starts nothing anew. */
  async #end(name: string): Promise<void> {
    const { launcherPid, nspawnPid, leader } = await this.#running(name);
    for (const pid of [launcherPid, nspawnPid, leader]) if (pid !== undefined) signalIfThere(pid, "SIGKILL");
    if (await onSystemd()) await this.#endUnit(name);
    await removeGroups(await this.#groups(name));
    const deadline = Date.now() + 10_000;
    for (;;) {
      const left = await this.#running(name);
      if (!left.nspawnPid && !left.launcherPid) return;
      if (Date.now() > deadline)
        throw new MachineTimeout(`the processes of machine "${name}" are gone`, 10_000);
      for (const pid of [left.launcherPid, left.nspawnPid]) if (pid) signalIfThere(pid, "SIGKILL");
      await sleep(10);
    }
  }

  /** systemd would start it again if this came in the middle of a reboot. */
  async #endUnit(name: string): Promise<void> {
    const unit = unitName(this.#options.id, name);
    await run(["systemctl", "kill", "--signal=SIGKILL", unit], { timeoutMs: 20_000 });
    await run(["systemctl", "stop", unit], { timeoutMs: 20_000 });
  }

  async #groups(name: string): Promise<string[]> {
    const mounts = await cgroupMounts();
    return (await onSystemd()) ? [] : machineGroups(mounts, this.#options.id, name);
  }

  async #enter(
    name: string,
    argv: readonly string[],
    options: Pick<ExecOptions, "user" | "env" | "cwd"> = {},
  ): Promise<Entry> {
    await this.#known(name);
    const { leader } = await this.#running(name);
    if (leader === undefined) throw new MachineNotRunning(name, `run ${argv[0]}`);
    const user =
      options.user === undefined || options.user === "root"
        ? root
        : await this.#user(name, leader, options.user);
    try {
      return await enter(leader, argv, options, user);
    } catch (error) {
      if ((await statOf(leader)) === undefined) throw new MachineNotRunning(name, `run ${argv[0]}`);
      throw error;
    }
  }

  async #user(name: string, leader: number, user: string): Promise<User> {
    const { argv, env } = await enter(leader, ["getent", "passwd", user], {}, root);
    const { stdout } = await run(argv, {
      env,
      cwd: "/",
      timeoutMs: 10_000,
      what: `getent in machine "${name}" ends`,
    });
    const found = parsePasswd(stdout);
    if (!found)
      throw new MachineInvalid(
        `Cannot run a command as ${JSON.stringify(user)}: machine "${name}" has no such user`,
      );
    return found;
  }

  async #failedUnits(name: string): Promise<string[]> {
    const { stdout } = await this.exec(
      name,
      ["systemctl", "list-units", "--failed", "--plain", "--no-legend"],
      { timeoutMs: 10_000 },
    );
    return stdout
      .split("\n")
      .map((line) => line.split(" ")[0] ?? "")
      .filter(Boolean);
  }

  async #consoleTail(name: string): Promise<string> {
    const log = await readText(join(this.#store.dir(name), "console.log"));
    return `last words on its console: ${(log ?? "").trim().split("\n").slice(-5).join(" | ") || "none"}`;
  }

  async #writeShared(): Promise<void> {
    const { nat } = this.#network;
    const { dns } = this.#options;
    await writeAtomic(join(this.#store.sharedDir, "hosts"), hostsBlock(await this.#store.records()));
    await writeAtomic(
      join(this.#store.sharedDir, "resolv.conf"),
      await resolvConf({ nat, ...(dns ? { nameservers: dns } : {}) }),
    );
  }

  /** Machines that run learn the names now; one that is just starting reads them in its set-up. */
  async #announceNames(): Promise<void> {
    const running = (await this.list()).filter(({ state }) => state === "running");
    await Promise.allSettled(
      running.map(({ name }) => this.exec(name, ["/usr/lib/cantrip/update-hosts"], { timeoutMs: 5_000 })),
    );
  }

  async #strayPids(): Promise<number[]> {
    const launchers = await Promise.all(
      (await allPids()).map(async (pid) =>
        (await argvOf(pid).catch(() => [])).some(
          (arg) => arg.startsWith(`${this.#store.machinesDir}/`) && arg.endsWith("/launcher"),
        )
          ? pid
          : undefined,
      ),
    );
    const nspawns = await nspawnsBelow(this.#store.machinesDir);
    return [...launchers.filter((pid) => pid !== undefined), ...nspawns.map(({ pid }) => pid)];
  }
}

const hostPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** SIGRTMIN+4: systemd as PID 1 powers off. */
const sigPowerOff = 38;

const receiveFile = `set -eu
mkdir -p -- "$(dirname -- "$0")"
new=$(mktemp -- "$0.XXXXXX")
cat >"$new"
chmod "$1" "$new"
mv -fT -- "$new" "$0"`;

function newRecord(
  { name, binds = [], limits = {} }: MachineSpec,
  address: string,
  image: string,
): MachineRecord {
  const machineId = randomBytes(16).toString("hex");
  return {
    schema: 1,
    name,
    address,
    machineId,
    createdAt: new Date().toISOString(),
    desired: "down",
    image,
    binds,
    limits,
  };
}

/** @throws MachineInvalid */
function checkSpec({ name, files = [], binds = [], limits = {} }: MachineSpec): void {
  for (const { path } of files) {
    const inside =
      path.startsWith("/") && !path.includes("\0") && !path.endsWith("/") && !path.split("/").includes("..");
    if (!inside)
      throw new MachineInvalid(
        `Cannot put a file at ${JSON.stringify(path)} into machine "${name}": expected an absolute path without ".."`,
      );
  }
  for (const { source, target } of binds) {
    checkPath("the source of a bind", source);
    checkPath("the target of a bind", target);
  }
  for (const [limit, value] of Object.entries(limits)) {
    if (!(Number.isFinite(value) && value > 0))
      throw new MachineInvalid(
        `Cannot limit ${limit} of machine "${name}" to ${value}: expected a positive number`,
      );
  }
}

function signalIfThere(pid: number, signal: NodeJS.Signals | number): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** While a machine starts, its PID 1 may be replaced or its bus be missing: asked again. */
function ignoreBootRace(error: unknown): undefined {
  if (error instanceof MachineNotRunning || error instanceof MachineTimeout) return undefined;
  throw error;
}

const onSystemd = async (): Promise<boolean> =>
  (await lstat("/run/systemd/system").catch(() => undefined)) !== undefined;

/**
 * Machines by systemd-nspawn: an overlay on the image, systemd as PID 1, an address on our bridge. A machine does not
 * depend on the process that started it; whether it runs is read from /proc, never remembered.
 */
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { cgroupMounts, removeGroups } from "./cgroups.ts";
import type { Entry } from "./enter.ts";
import { HostUnfit, MachineInvalid, MachineNotFound, MachineNotRunning, MachineTimeout } from "./errors.ts";
import { writeAtomic } from "./files.ts";
import { closeGates, openGates } from "./firewall.ts";
import { applyHostChanges, undoHostChanges } from "./host-changes.ts";
import { ensureImage } from "./image.ts";
import { InsideMachines } from "./inside.ts";
import { MachineLife } from "./life.ts";
import { withLock } from "./lock.ts";
import { checkBridgeName, checkInstanceId, checkMachineName, checkPath } from "./names.ts";
import {
  hostsBlock,
  makeBridge,
  makeTable,
  removeBridge,
  removeTable,
  resolvConf,
  type NetworkSpec,
} from "./network.ts";
import { hostObstacles } from "./preflight.ts";
import type {
  BootReport,
  ExecOptions,
  ExecResult,
  Machine,
  MachineEvent,
  MachineSpec,
  Machines,
} from "./port.ts";
import { isAnything, isRebooting, runningOf, strayPids } from "./running.ts";
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

/** @throws MachineInvalid for a name, range or path that cannot be used */
export function openMachines(options: MachinesOptions): NspawnMachines {
  return new NspawnMachines(options);
}

export class NspawnMachines implements Machines {
  readonly #options: MachinesOptions;
  readonly #network: NetworkSpec;
  readonly #store: MachineStore;
  readonly #life: MachineLife;
  readonly #inside: InsideMachines;

  constructor(options: MachinesOptions) {
    checkInstanceId(options.id);
    checkBridgeName(options.bridge);
    checkPath("the state folder", options.stateDir);
    checkPath("the cache folder", options.cacheDir);
    const { id, bridge, subnet, nat = true } = options;
    this.#options = options;
    this.#network = { id, bridge, subnet: parseSubnet(subnet), nat };
    this.#store = new MachineStore(options.stateDir, id);
    this.#life = new MachineLife(this.#store, this.#network);
    this.#inside = new InsideMachines(this.#store);
  }

  /** The host's address on the machines' network. */
  get gateway(): string {
    return gatewayOf(this.#network.subnet);
  }

  /** @throws HostUnfit before anything is changed, naming all that the host lacks */
  async prepare(): Promise<void> {
    const obstacles = await hostObstacles();
    if (obstacles.length > 0) throw new HostUnfit(obstacles);
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
      await this.#store.add(await this.#newRecord(spec, image), spec.files ?? []);
      await this.#writeShared();
    });
    await this.#announceNames();
    return await this.#machine(spec.name);
  }

  async #newRecord(
    { name, address, binds = [], limits = {} }: MachineSpec,
    image: string,
  ): Promise<MachineRecord> {
    const others = await this.#store.records();
    if (others.some((other) => other.name === name)) {
      throw new MachineInvalid(
        `Cannot create machine "${name}": there is one of that name; destroy it first`,
      );
    }
    const taken = new Set([...others.map((other) => other.address), this.gateway]);
    const given = address ?? pickAddress(this.#network.subnet, taken);
    checkAddress(this.#network.subnet, given, taken);
    const [machineId, createdAt] = [randomBytes(16).toString("hex"), new Date().toISOString()];
    return { schema: 1, name, address: given, machineId, createdAt, desired: "down", image, binds, limits };
  }

  async start(name: string): Promise<Machine> {
    return await this.#lockedMachine(name, async (record) => {
      await this.#store.save({ ...record, desired: "up" });
      if (!isAnything(await runningOf(this.#store, name)) && !(await isRebooting(this.#store, name))) {
        await this.#locked(() => this.#writeShared());
        await this.#life.launch(record);
      }
      await this.#life.waitLeader(name);
      return await this.#machine(name);
    });
  }

  async stop(name: string, { timeoutMs = 30_000 } = {}): Promise<void> {
    await this.#lockedMachine(name, async (record) => {
      await this.#store.save({ ...record, desired: "down" });
      await this.#life.powerOff(name, timeoutMs);
      await this.#life.end(name);
    });
  }

  async kill(name: string): Promise<void> {
    await this.#lockedMachine(name, async (record) => {
      await this.#store.save({ ...record, desired: "down" });
      await this.#life.end(name);
    });
  }

  async destroy(name: string): Promise<void> {
    checkMachineName(name);
    if (!(await this.#store.record(name))) return;
    await this.#lockedMachine(name, async () => {
      await this.#life.end(name);
      await this.#locked(async () => {
        await this.#store.remove(name);
        await this.#writeShared();
      });
    });
    await this.#announceNames();
  }

  async list(): Promise<Machine[]> {
    return await Promise.all((await this.#store.records()).map((record) => this.#describe(record)));
  }

  async get(name: string): Promise<Machine | undefined> {
    checkMachineName(name);
    const record = await this.#store.record(name);
    return record && (await this.#describe(record));
  }

  async exec(name: string, argv: readonly string[], options: ExecOptions = {}): Promise<ExecResult> {
    return await this.#inside.exec(name, argv, options);
  }

  /** The host command and environment that run `argv` in the machine: for callers that need the process itself (a terminal, a pipe). */
  async execCommand(
    name: string,
    argv: readonly string[],
    place: Pick<ExecOptions, "user" | "env" | "cwd"> = {},
  ): Promise<Entry> {
    return await this.#inside.command(name, argv, place);
  }

  async copyIn(name: string, source: string, target: string): Promise<void> {
    await this.#inside.copyIn(name, source, target);
  }

  async copyOut(name: string, source: string, target: string): Promise<void> {
    await this.#inside.copyOut(name, source, target);
  }

  async logs(name: string, { lines = 200 } = {}): Promise<{ console: string; journal: string }> {
    return await this.#inside.logs(name, lines);
  }

  async waitBooted(name: string, { timeoutMs = 60_000 } = {}): Promise<BootReport> {
    const deadline = Date.now() + timeoutMs;
    for (let state = "unknown"; ;) {
      const left = deadline - Date.now();
      if (left <= 0) {
        const detail = `systemd says ${state}; ${await this.#life.consoleTail(name)}`;
        throw new MachineTimeout(`machine "${name}" has booted`, timeoutMs, detail);
      }
      await this.#life.waitLeader((await this.#known(name)).name, left);
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

  async #failedUnits(name: string): Promise<string[]> {
    const asked = await this.exec(name, ["systemctl", "list-units", "--failed", "--plain", "--no-legend"], {
      timeoutMs: 10_000,
    });
    return asked.stdout
      .split("\n")
      .map((line) => line.split(" ")[0] ?? "")
      .filter(Boolean);
  }

  watch(listener: (event: MachineEvent) => void): () => void {
    return watchMachines(() => this.list(), listener);
  }

  async cleanup({ keepDisks = false } = {}): Promise<void> {
    for (const { name } of await this.#store.records())
      await (keepDisks ? this.kill(name) : this.destroy(name));
    // What has no record any more: a machine whose folder was removed by hand, a launcher between two runs.
    for (const pid of await strayPids(this.#store)) process.kill(pid, "SIGKILL");
    await this.#locked(() => this.#store.sweep());
    await this.#removeNetwork();
  }

  async restore(): Promise<void> {
    const up = (await this.list()).filter(({ state }) => state !== "stopped").map(({ name }) => name);
    if (up.length > 0)
      throw new MachineInvalid(
        `Cannot restore the host: machines ${up.join(", ")} are running; stop them first`,
      );
    await this.#removeNetwork();
    await undoHostChanges(this.#options.id, this.#store.hostChanges);
  }

  async #removeNetwork(): Promise<void> {
    const { id } = this.#options;
    await removeGroups((await cgroupMounts()).map((mount) => join(mount.path, `cantrip-${id}`)));
    await closeGates(id);
    await removeTable(id);
    await removeBridge(this.#network);
  }

  #locked<T>(action: () => Promise<T>): Promise<T> {
    return withLock(`machines/${this.#options.id}`, action);
  }

  /** The machine's own lock; who needs the instance's as well takes it second. */
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
    return await this.#describe(await this.#known(name));
  }

  async #describe({ name, address, machineId, createdAt, desired }: MachineRecord): Promise<Machine> {
    const machine: Machine = { name, address, machineId, createdAt, desired, state: "stopped" };
    const running = await runningOf(this.#store, name);
    if (running.leader !== undefined) return { ...machine, state: "running", leaderPid: running.leader };
    if (isAnything(running) || (await isRebooting(this.#store, name)))
      return { ...machine, state: "starting" };
    const lastExit = await this.#store.lastExit(name);
    return lastExit ? { ...machine, lastExit } : machine;
  }

  async #writeShared(): Promise<void> {
    const { nat } = this.#network;
    const { dns } = this.#options;
    const { sharedDir } = this.#store;
    await writeAtomic(join(sharedDir, "hosts"), hostsBlock(await this.#store.records()));
    await writeAtomic(
      join(sharedDir, "resolv.conf"),
      await resolvConf({ nat, ...(dns ? { nameservers: dns } : {}) }),
    );
  }

  /** Machines that run learn the names now; one that is just starting reads them in its set-up. */
  async #announceNames(): Promise<void> {
    const running = (await this.list()).filter(({ state }) => state === "running");
    const update = ["/usr/lib/cantrip/update-hosts"];
    await Promise.allSettled(running.map(({ name }) => this.exec(name, update, { timeoutMs: 5_000 })));
  }
}

/** @throws MachineInvalid */
function checkSpec({ name, files = [], binds = [], limits = {} }: MachineSpec): void {
  for (const { path } of files) {
    const isInside =
      path.startsWith("/") && !path.includes("\0") && !path.endsWith("/") && !path.split("/").includes("..");
    if (isInside) continue;
    throw new MachineInvalid(
      `Cannot put a file at ${JSON.stringify(path)} into machine "${name}": expected an absolute path without ".."`,
    );
  }
  for (const { source, target } of binds) {
    checkPath("the source of a bind", source);
    checkPath("the target of a bind", target);
  }
  for (const [limit, value] of Object.entries(limits)) {
    if (Number.isFinite(value) && value > 0) continue;
    throw new MachineInvalid(
      `Cannot limit ${limit} of machine "${name}" to ${value}: expected a positive number`,
    );
  }
}

/** While a machine starts, its PID 1 may be replaced or its bus be missing: asked again. */
function ignoreBootRace(error: unknown): undefined {
  if (error instanceof MachineNotRunning || error instanceof MachineTimeout) return undefined;
  throw error;
}

/**
 * Makes the machines that models ask for, and takes down those that nobody needs. It compares, never remembers: killed at
 * any point, the next look continues. A machine that died is started again; one that was stopped on purpose stays.
 */
import { cpus, totalmem } from "node:os";
import { statfs } from "node:fs/promises";
import type { Machine as Instance, Machines } from "@cantrip/machines";
import type { Machine } from "@cantrip/model";
import type { LiveModel, Models } from "../models.ts";
import type { Accounts } from "../server/accounts.ts";
import { agentFiles } from "./agent-files.ts";
import type { MachinesConfig } from "./config.ts";

export interface ProvisionerOptions {
  readonly machines: Machines;
  readonly models: Models;
  readonly accounts: Accounts;
  readonly config: Pick<MachinesConfig, "machineBinds" | "parallel">;
  readonly caCert: string;
  /** `host:port` as reached from machines */
  readonly addresses: () => readonly string[];
  readonly newNonce: () => string;
  readonly log: (level: "info" | "warn" | "error", message: string) => void;
}

const by = { by: "provisioner" } as const;
const firstPauseMs = 2_000;
const longestPauseMs = 60_000;
const lookEveryMs = 5_000;

export class Provisioner {
  readonly #options: ProvisionerOptions;
  readonly #busy = new Set<string>();
  readonly #pauses = new Map<string, { until: number; ms: number }>();
  readonly #unsubscribe: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #again = false;
  #looking = false;

  constructor(options: ProvisionerOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { machines, models } = this.#options;
    await machines.prepare();
    await this.#destroyStrays();
    const follow = (model: LiveModel) =>
      this.#unsubscribe.push(
        model.subscribe(
          (events) => events.some((e) => /machine|unit|life/.test(e.event.type)) && this.look(),
        ),
      );
    for (const model of models.list()) follow(model);
    this.#unsubscribe.push(
      models.subscribe(({ kind, model }) => kind === "created" && follow(model)),
      machines.watch(() => this.look()),
    );
    this.#timer = setInterval(() => this.look(), lookEveryMs);
    this.look();
  }

  /** Ends when what is under way has ended; machines stay. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    for (let waited = 0; this.#busy.size > 0 && waited < 20_000; waited += 20)
      await new Promise((done) => setTimeout(done, 20));
  }

  look(): void {
    this.#again = true;
    if (this.#looking || this.#stopped) return;
    this.#looking = true;
    void this.#lookUntilQuiet().finally(() => (this.#looking = false));
  }

  async #lookUntilQuiet(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      await this.#lookOnce().catch((error: unknown) =>
        this.#options.log("error", `cannot compare machines with models: ${message(error)}`),
      );
    }
  }

  async #lookOnce(): Promise<void> {
    const instances = new Map((await this.#options.machines.list()).map((i) => [i.name, i]));
    for (const model of this.#options.models.list()) {
      for (const machine of Object.values(model.state.machines))
        this.#consider(model, machine, instances.get(machine.hostname));
    }
  }

  #consider(model: LiveModel, machine: Machine, instance: Instance | undefined): void {
    if (machine.life === "alive") {
      const { status } = machine.instanceStatus;
      if (status === "stopped") return;
      if (status !== "running") this.#task(model, machine, () => this.#make(model, machine));
      else if (!instance) this.#task(model, machine, () => this.#lost(model, machine));
      else if (instance.state === "stopped" && instance.desired === "up")
        this.#task(model, machine, () => this.#revive(model, machine));
      return;
    }
    const hasUnits = Object.values(model.state.units).some((u) => u.machine === machine.id);
    if (!hasUnits) this.#task(model, machine, () => this.#unmake(model, machine));
  }

  /** One task per machine, a few machines at once, and a pause after a failure. */
  #task(model: LiveModel, machine: Machine, body: () => Promise<void>): void {
    const { log } = this.#options;
    const { parallel = 2 } = this.#options.config;
    const key = machine.hostname;
    const pause = this.#pauses.get(key);
    if (
      this.#stopped ||
      this.#busy.has(key) ||
      this.#busy.size >= parallel ||
      (pause && pause.until > Date.now())
    )
      return;
    this.#busy.add(key);
    body()
      .then(() => this.#pauses.delete(key))
      .catch(async (error: unknown) => {
        const ms = Math.min((pause?.ms ?? firstPauseMs / 2) * 2, longestPauseMs);
        this.#pauses.set(key, { until: Date.now() + ms, ms });
        log(
          "error",
          `machine ${machine.id} of model "${model.name}": ${message(error)}; trying again in ${ms / 1000} s`,
        );
        const isMade = model.state.machines[machine.id]?.instanceStatus.status === "running";
        if (!isMade)
          await model.execute(
            {
              type: "machine-instance",
              machine: machine.id,
              status: "provisioning error",
              message: message(error),
            },
            by,
          );
      })
      .catch((error: unknown) => log("error", message(error)))
      .finally(() => {
        this.#busy.delete(key);
        this.look();
      });
  }

  async #make(model: LiveModel, machine: Machine): Promise<void> {
    const { machines, log } = this.#options;
    const name = machine.hostname;
    await model.execute(
      {
        type: "machine-instance",
        machine: machine.id,
        status: "allocating",
        message: "Starting container",
        instanceId: name,
      },
      by,
    );
    if (!(await machines.get(name))) {
      log("info", `creating machine ${name}`);
      await machines.create({
        name,
        files: this.#files(model, machine.id),
        binds: this.#options.config.machineBinds,
      });
    }
    const { address } = await machines.start(name);
    const hardware = await hostHardware();
    await model.execute(
      {
        type: "machine-instance",
        machine: machine.id,
        status: "running",
        message: "Running",
        instanceId: name,
        addresses: [address],
        hardware,
      },
      by,
    );
    log("info", `machine ${name} runs at ${address}`);
  }

  /** The password is kept (hashed) before the machine is made: a machine that exists can always log in. */
  #files(model: LiveModel, machine: string) {
    const { accounts, caCert, addresses, newNonce } = this.#options;
    const nonce = newNonce();
    const password = accounts.createMachine(model.uuid, machine, nonce);
    return agentFiles({ modelUuid: model.uuid, machine, addresses: addresses(), caCert, password, nonce });
  }

  async #revive(model: LiveModel, machine: Machine): Promise<void> {
    this.#options.log("warn", `machine ${machine.hostname} died: starting it again`);
    const { address } = await this.#options.machines.start(machine.hostname);
    await model.execute(
      {
        type: "machine-instance",
        machine: machine.id,
        status: "running",
        message: "Running",
        addresses: [address],
      },
      by,
    );
  }

  /** Its disk is gone: a new one would not be the same machine, so people decide. */
  async #lost(model: LiveModel, machine: Machine): Promise<void> {
    const text = `the machine "${machine.hostname}" no longer exists; remove it with --force and add a unit`;
    await model.execute(
      { type: "machine-instance", machine: machine.id, status: "stopped", message: text },
      by,
    );
  }

  async #unmake(model: LiveModel, machine: Machine): Promise<void> {
    const { machines, accounts, log } = this.#options;
    log("info", `destroying machine ${machine.hostname}`);
    await machines.destroy(machine.hostname);
    accounts.removeMachine(model.uuid, machine.id);
    await model.execute({ type: "machine-removed", machine: machine.id }, by);
  }

  /** Machines of this instance that no model knows: left by a controller that was killed. */
  async #destroyStrays(): Promise<void> {
    const { machines, models, log } = this.#options;
    const known = new Set(
      models.list().flatMap((m) => Object.values(m.state.machines).map((machine) => machine.hostname)),
    );
    for (const { name } of await machines.list()) {
      if (known.has(name)) continue;
      log("warn", `destroying machine ${name}: no model has it`);
      await machines.destroy(name);
    }
  }
}

async function hostHardware(): Promise<NonNullable<Machine["hardware"]>> {
  const disk = await statfs("/");
  const MiB = 1 << 20;
  return {
    arch: process.arch === "x64" ? "amd64" : process.arch,
    cores: cpus().length,
    memMiB: Math.floor(totalmem() / MiB),
    rootDiskMiB: Math.floor((disk.blocks * disk.bsize) / MiB),
  };
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

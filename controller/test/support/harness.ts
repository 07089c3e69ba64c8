/** A controller process with real machines, for system tests: its own instance, bridge, subnet, directories; gone at the end. */
import { spawn, type ChildProcess } from "node:child_process";
import { openSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { openMachines, type NspawnMachines } from "@cantrip/machines";
import type { Command, ModelState, Request } from "@cantrip/model";
import { buildAgentDirectory } from "../../src/agent-bundle.ts";
import type { LoggedEvent, LogRecord } from "../../src/models.ts";
import type { MachinesConfig } from "../../src/provision/config.ts";

const cache = process.env["CANTRIP_CACHE"] ?? "/var/cache/cantrip";

/** Two checkouts on one host test at once if they tell themselves apart: a number from 1 to 20. */
const checkout = Number(process.env["CANTRIP_TEST_INSTANCE"] ?? 0);

export interface HarnessOptions {
  /** Up to eight letters. */
  readonly name: string;
  /** Its own among all suites, from 30 to 39: part of the subnet and the port. */
  readonly number: number;
}

export class Harness {
  readonly directory: string;
  readonly machines: NspawnMachines;
  readonly #port: number;
  #process: ChildProcess | undefined;

  constructor(directory: string, machines: NspawnMachines, port: number) {
    this.directory = directory;
    this.machines = machines;
    this.#port = port;
  }

  static async open({ name, number }: HarnessOptions): Promise<Harness> {
    const place = number + 10 * checkout;
    const id = checkout === 0 ? `ct-${name}` : `ct-${name}-${checkout}`;
    const directory = await mkdtemp(join(tmpdir(), `${id}-`));
    const [bridge, subnet] = [`ct${name}${checkout}`, `10.79.${place}.0/24`];
    const instance = { id, bridge, subnet, stateDir: join(directory, "machines"), cacheDir: cache };
    const agentDir = join(directory, "agent");
    const runtimeDir = join(directory, "runtime");
    await mkdir(join(runtimeDir, "bin"), { recursive: true });
    await buildAgentDirectory({ directory: agentDir, cache: join(cache, "hooktool") });
    const config: MachinesConfig = {
      instance,
      machineBinds: [
        { source: agentDir, target: "/opt/cantrip/agent", readOnly: true },
        { source: runtimeDir, target: "/opt/cantrip/runtime", readOnly: true },
        { source: process.execPath, target: "/opt/cantrip/runtime/bin/node", readOnly: true },
      ],
    };
    await writeFile(join(runtimeDir, "bin", "node"), "");
    await writeFile(join(directory, "machines.json"), JSON.stringify(config));
    const harness = new Harness(directory, openMachines(instance), 17_100 + place);
    await harness.machines.cleanup();
    await harness.startController();
    return harness;
  }

  async startController(): Promise<void> {
    const log = openSync(join(this.directory, "daemon.log"), "a");
    const script = join(import.meta.dirname, "daemon.ts");
    const args = [
      join(this.directory, "state"),
      join(this.directory, "machines.json"),
      this.#socket,
      String(this.#port),
    ];
    this.#process = spawn(process.execPath, [script, ...args], { stdio: ["ignore", log, log] });
    await until(
      "the controller answers",
      () =>
        this.ask({ ask: "addresses" }).then(
          () => true,
          () => false,
        ),
      90_000,
    );
  }

  async killController(): Promise<void> {
    const child = this.#process;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((done) => child.once("exit", done));
    child.kill("SIGKILL");
    await gone;
  }

  async close(): Promise<void> {
    await this.killController();
    await this.machines.cleanup();
    await this.machines.restore();
    if (!process.env["CANTRIP_KEEP"]) await rm(this.directory, { recursive: true, force: true });
  }

  get log(): string {
    return readFileSync(join(this.directory, "daemon.log"), "utf8");
  }

  get #socket(): string {
    return join(this.directory, "control.sock");
  }

  /** One question, one answer, one connection. */
  ask<T>(question: object): Promise<T> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(this.#socket);
      socket.on("error", reject);
      socket.on("close", () => reject(new Error("the controller hung up")));
      createInterface({ input: socket })
        .on("error", reject)
        .once("line", (line) => {
          const { value, error, code } = JSON.parse(line) as { value: T; error?: string; code?: string };
          if (error === undefined) resolve(value);
          else reject(Object.assign(new Error(error), { code }));
          socket.end();
        });
      socket.write(`${JSON.stringify(question)}\n`);
    });
  }

  model(name: string): TestModel {
    return new TestModel(this, name);
  }
}

export class TestModel {
  readonly harness: Harness;
  readonly name: string;

  constructor(harness: Harness, name: string) {
    this.harness = harness;
    this.name = name;
  }

  create(): Promise<string> {
    return this.harness.ask({ ask: "create-model", model: this.name });
  }
  addCharm(path: string): Promise<string> {
    return this.harness.ask({ ask: "add-charm", model: this.name, path });
  }
  execute(request: Request | Omit<Command, "now">): Promise<unknown> {
    return this.harness.ask({ ask: "execute", model: this.name, request });
  }
  state(): Promise<ModelState> {
    return this.harness.ask({ ask: "state", model: this.name });
  }
  logs(): Promise<LogRecord[]> {
    return this.harness.ask({ ask: "logs", model: this.name });
  }
  async events(): Promise<LoggedEvent[]> {
    return (await this.harness.ask<{ events: LoggedEvent[] }>({ ask: "history", model: this.name })).events;
  }

  /** The hooks and actions that a unit has run, as the charm itself wrote them to its log. */
  async trace(unit: string): Promise<string[]> {
    const tag = `unit-${unit.replace("/", "-")}`;
    // juju-log puts the relation in front of the message.
    const lines = (await this.logs()).filter((r) => r.entity === tag);
    return lines.flatMap((r) => /(?:^|: )RAN (.*)$/.exec(r.message)?.[1] ?? []);
  }

  async waitFor(
    what: string,
    check: (state: ModelState) => unknown,
    timeoutMs = 60_000,
  ): Promise<ModelState> {
    let last: ModelState | undefined;
    try {
      await until(what, async () => Boolean(check((last = await this.state()))), timeoutMs);
    } catch (error) {
      const units = Object.values(last?.units ?? {}).map(
        (u) =>
          `${u.name}: ${u.agentStatus.status} ${u.agentStatus.message} / ${u.workloadStatus.status} ${u.workloadStatus.message}`,
      );
      const machines = Object.values(last?.machines ?? {}).map(
        (m) =>
          `machine ${m.id}: ${m.agentStatus.status} ${m.instanceStatus.status} ${m.instanceStatus.message}`,
      );
      const log = this.harness.log.split("\n").slice(-15);
      const lines = (await this.logs().catch(() => []))
        .slice(-25)
        .map((r) => `${r.entity} ${r.level} ${r.module} ${r.message}`);
      throw new Error([(error as Error).message, ...machines, ...units, ...lines, ...log].join("\n"), {
        cause: error,
      });
    }
    return last as ModelState;
  }

  waitIdle(...units: string[]): Promise<ModelState> {
    const isIdle = (state: ModelState, name: string) => {
      const unit = state.units[name];
      return unit?.agentStatus.status === "idle" && unit.uniter.started && !unit.uniter.current;
    };
    return this.waitFor(`${units.join(", ")} idle`, (state) => units.every((name) => isIdle(state, name)));
  }
}

export async function until(
  what: string,
  check: () => Promise<boolean> | boolean,
  timeoutMs: number,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs / 1000} s until ${what}`);
    await sleep(50);
  }
}

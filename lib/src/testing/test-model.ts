import {
  type ModelState,
  type Operation,
  type RecordedEvent,
  type Request,
  type Unit,
  createModel,
  displayedStatus,
  nextOperation,
  nextTimer,
  unitsOnMachine,
} from "@cantrip/model";
import type { CharmDefinition } from "../framework/definition.ts";
import { memoryStore } from "../framework/stored.ts";
import { type CharmSource, definitionIn, fixedTime } from "./dispatch.ts";
import { joinStatus } from "./given.ts";
import { MemoryHook } from "./memory-hook.ts";
import { MemoryJuju } from "./memory-juju.ts";
import { Mortal } from "./mortal.ts";
import { type TestedCharm, end, live } from "./process.ts";
import { withTrail } from "./recorded.ts";
import { seeded } from "./seeded.ts";
import type { ActionOutcome, State } from "./state.ts";
import { worldAt } from "./then.ts";

/** What a test model does otherwise than by default. */
export interface TestModelOptions {
  /** Decides whose turn it is, always: the same seed, the same run. Default 1. */
  readonly seed?: number;
  /** How likely an operation is to be killed, 0 to 1, at a point that the seed chooses. Default 0. */
  readonly kills?: number;
  /** When a charm's hook fails: the test does (the default), or the unit is in error until its retry is due, as in Juju. */
  readonly failures?: "throw" | "retry";
  readonly model?: { readonly name: string; readonly uuid: string };
}

/** What an application of a test model is made of. */
export interface Deployment<Fakes> extends CharmSource {
  /** Default: the charm's name. */
  readonly app?: string;
  readonly units?: number;
  readonly config?: State["config"];
  readonly resources?: State["resources"];
  /** The second argument of the charm's constructor, for each unit once. */
  readonly fakes?: (unit: string) => Fakes;
}

/** A model that is still busy after so many operations; the last of them are in `operations`. */
export class NotSettled extends Error {
  override readonly name = "NotSettled";
}

interface Deployed {
  readonly CharmType: TestedCharm<unknown>;
  readonly definition: CharmDefinition;
  readonly fakesOf: (unit: string) => unknown;
}

/** A hook that has begun: its process lives or has ended, and its commit is still to come. */
interface Running {
  readonly hook: MemoryHook;
  readonly process: Promise<void>;
  life?: Awaited<ReturnType<typeof live>>;
}
type Turn = () => void | Promise<void>;

const placesOfDeath = 40;
/** A process that takes longer waits for what others do: they get their turns meanwhile. */
const patienceMs = 500;

/**
 * A whole model in memory: several charms, each unit with its own agent, settling as the model says. Operators' commands are those
 * of the model. Hooks of different units overlap: one may begin before another's changes are committed, and one that waits in real time, for
 * half a second or more, lets the others go on; only then does what happens not follow from the seed alone.
 *
 * ```ts
 * const model = new TestModel({ seed: 7 });
 * await model.deploy(K8sCharm, { dir: k8s, fakes: (unit) => cluster.machine(unit) });
 * await model.deploy(K8sWorkerCharm, { dir: worker, units: 2, fakes: (unit) => cluster.machine(unit) });
 * model.do({ type: "integrate", endpoints: ["k8s:k8s-cluster", "k8s-worker:cluster"] });
 * await model.settle();
 * expect(model.status("k8s-worker/1")).toBe("active: Ready");
 * ```
 */
export class TestModel {
  /** What has run, in order: `k8s/0 cluster-relation-joined k8s/1`. */
  readonly operations: string[] = [];
  readonly #seed: number;
  readonly #random: () => number;
  readonly #kills: number;
  readonly #failures: "throw" | "retry";
  readonly #juju: MemoryJuju;
  readonly #charms = new Map<string, Deployed>();
  readonly #fakes = new Map<string, unknown>();
  readonly #stores = new Map<string, ReturnType<typeof memoryStore>>();
  readonly #running = new Map<string, Running>();
  readonly #actions = new Map<string, MemoryHook>();
  #thrown: { readonly error: unknown } | undefined;
  #now = fixedTime;
  #boots = 0;

  constructor({
    seed = 1,
    kills = 0,
    failures = "throw",
    model = { name: "test", uuid: "00000000-0000-4000-8000-000000000000" },
  }: TestModelOptions = {}) {
    this.#seed = seed;
    this.#random = seeded(seed);
    this.#kills = kills;
    this.#failures = failures;
    const state = createModel({ ...model, owner: "admin", now: this.#now, storage: true });
    this.#juju = new MemoryJuju(state, () => this.#now);
  }

  /** The whole of it, to look at. */
  get state(): ModelState {
    return this.#juju.state;
  }

  /** What has happened, in order: each event with its time and its cause, the hook of a unit or who else asked for it. */
  get events(): readonly RecordedEvent[] {
    return this.#juju.events;
  }

  /**
   * What an operator asks for.
   * @throws ModelError
   */
  do(request: Request): void {
    this.#juju.do(request, "user");
  }

  /** @throws ModelError */
  async deploy<Fakes>(CharmType: TestedCharm<Fakes>, deployment: Deployment<Fakes> = {}): Promise<void> {
    const { units = 1, config = {}, resources = {}, fakes } = deployment;
    const definition = await definitionIn(deployment);
    const { name } = definition.metadata;
    const application = deployment.app ?? name;
    const revision = Object.values(this.state.charms).filter((charm) => charm.name === name).length;
    const url = `local:${name}-${revision}`;
    this.#charms.set(url, {
      CharmType: CharmType as TestedCharm<unknown>,
      definition,
      fakesOf: fakes ?? (() => undefined),
    });
    const charm = { url, name, revision, sha256: "", size: 0, ...definition };
    this.#juju.do({ type: "add-charm", charm }, "user");
    const base = { name: "ubuntu", channel: "24.04" };
    this.#juju.do(
      { type: "deploy", application, charmUrl: url, units, base, settings: { ...config } },
      "user",
    );
    this.#juju.resources.set(application, resources);
  }

  /**
   * Until no unit has anything to do at this time.
   * @throws NotSettled, CommitRefused, and what a charm throws, with the calls of hook tools and the operations that led there
   */
  async settle({ most = 5000 }: { most?: number } = {}): Promise<void> {
    for (let left = most; ; left -= 1) {
      this.#tendMachines();
      this.#provide();
      const turn = await this.#nextTurn();
      if (turn === undefined) return;
      if (left === 0)
        throw this.#told(new NotSettled(`The model is not at rest after ${most} turns (seed ${this.#seed})`));
      await turn();
      const thrown = this.#thrown;
      this.#thrown = undefined;
      if (thrown !== undefined) throw this.#told(thrown.error);
      this.#now += 100;
    }
  }

  async #nextTurn(): Promise<Turn | undefined> {
    const turns = this.#turns();
    if (turns.length > 0) return turns[Math.floor(this.#random() * turns.length)];
    const waiting = [...this.#running.values()].map(({ process }) => process);
    return waiting.length === 0 ? undefined : () => Promise.race(waiting);
  }

  /** Time goes by: timers fire, and what they lead to settles. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    await this.settle();
    for (let due = nextTimer(this.state); due !== undefined && due <= until; due = nextTimer(this.state)) {
      this.#now = Math.max(this.#now, due);
      this.#juju.do({ type: "tick" }, "clock");
      await this.settle();
    }
    this.#now = Math.max(this.#now, until);
  }

  /** Runs an action, after everything else that is due has had its turn or beside it. */
  async run(unit: string, action: string, parameters: Record<string, unknown> = {}): Promise<ActionOutcome> {
    const before = new Set(Object.keys(this.state.operations));
    this.do({ type: "enqueue-action", requests: [{ receiver: unit, action, parameters }] });
    const queued = Object.values(this.state.operations).find(({ id }) => !before.has(id));
    const [id] = queued?.tasks ?? [];
    if (id === undefined) return { results: {}, log: [], failure: queued?.failures[0]?.message };
    await this.settle();
    const { status, message = "", results = {} } = this.state.tasks[id] ?? {};
    const log = this.#actions.get(id)?.effects.actionLines ?? [];
    return { results, log, failure: status === "completed" ? undefined : message };
  }

  /** As an operator is shown it: `active: Ready`, `error: hook failed: "install"`. */
  status(unit: string): string {
    return joinStatus(displayedStatus(this.state, this.#unit(unit)).workload);
  }

  /** The model as one unit stands in it: what a test of `dispatch` can be given. */
  unit(name: string): State {
    const { values: stored, notices: deferred } = this.#store(name).data;
    const world = worldAt(this.#juju, name, { stored, deferred });
    if (world === undefined) throw new Error(`There is no unit ${name}`);
    return world;
  }

  #unit(name: string): Unit {
    const unit = this.state.units[name];
    if (unit === undefined) throw new Error(`There is no unit ${name}`);
    return unit;
  }

  #store(unit: string): ReturnType<typeof memoryStore> {
    const store = this.#stores.get(unit) ?? memoryStore();
    this.#stores.set(unit, store);
    return store;
  }

  /** All that may come next. */
  #turns(): Turn[] {
    const { units, applications } = this.state;
    const commits = [...this.#running.values()].flatMap((running): Turn[] =>
      running.life === undefined ? [] : [() => this.#commit(running)],
    );
    const beginnings = Object.keys(units).flatMap((name): Turn[] => {
      if (this.#running.has(name)) return [];
      const operation = nextOperation(this.state, name, this.#now);
      return operation === undefined ? [] : [() => this.#begin(name, operation)];
    });
    const candidates = Object.values(units).filter(
      ({ life, application }) => life === "alive" && applications[application]?.leader === undefined,
    );
    const elect =
      ({ name, application }: Unit): Turn =>
      () =>
        this.#juju.do({ type: "elect-leader", application, unit: name }, "agent");
    return [...commits, ...beginnings, ...candidates.map(elect)];
  }

  async #begin(unit: string, { id }: Operation): Promise<void> {
    this.#juju.do({ type: "start-operation", unit, operationId: id }, "agent");
    const { current } = this.#unit(unit).uniter;
    if (current === undefined) return;
    if (current.kind === "run-hook" || current.kind === "run-action") await this.#live(unit, current);
    else
      this.#juju.do(
        { type: "finish-operation", unit, operationId: id, outcome: { kind: "success" } },
        "agent",
      );
  }

  async #live(unit: string, operation: Operation): Promise<void> {
    const mortal = this.#random() < this.#kills ? new Mortal(this.#random() * placesOfDeath) : new Mortal();
    const hook = new MemoryHook(this.#juju, unit, operation);
    if (operation.taskId !== undefined) this.#actions.set(operation.taskId, hook);
    const line = this.operations.push(labelOf(hook)) - 1;
    const running: Running = { hook, process: this.#process(hook, mortal, line) };
    this.#running.set(unit, running);
    await orSoon(running.process);
  }

  async #process(hook: MemoryHook, mortal: Mortal, line: number): Promise<void> {
    const { unit } = hook;
    try {
      const life = await live(hook, { ...this.#program(unit), store: this.#store(unit), mortal });
      if (mortal.death !== undefined) this.operations[line] += `, killed ${mortal.death}`;
      const running = this.#running.get(unit);
      if (running !== undefined) running.life = life;
    } catch (error) {
      this.#running.delete(unit);
      this.#failed(error);
    }
  }

  #program(unit: string): { CharmType: TestedCharm<unknown>; definition: CharmDefinition; fakes: unknown } {
    const { charmUrl } = this.#unit(unit);
    const deployed = this.#charms.get(charmUrl);
    if (deployed === undefined) throw new Error(`No charm ${charmUrl} was deployed by this test`);
    if (!this.#fakes.has(unit)) this.#fakes.set(unit, deployed.fakesOf(unit));
    return { ...deployed, fakes: this.#fakes.get(unit) };
  }

  #commit({ hook, life }: Running): void {
    this.#running.delete(hook.unit);
    try {
      if (life !== undefined) end(hook, life);
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error: unknown): void {
    if (this.#failures === "throw") this.#thrown ??= { error };
  }

  #told(error: unknown): unknown {
    return withTrail(error, { seed: this.#seed, operations: this.operations.slice(-30) });
  }

  /** Machines come up, come back, and go. */
  #tendMachines(): void {
    for (const { id, life, agentStatus } of Object.values(this.state.machines)) {
      const units = unitsOnMachine(this.state, id);
      const isRebooting = units.some((unit) => unit.agentStatus.status === "rebooting");
      if (life !== "alive" && units.length === 0)
        this.#juju.do({ type: "machine-removed", machine: id }, "provisioner");
      else if (agentStatus.status !== "started" || isRebooting) this.#boot(id);
    }
  }

  #provide(): void {
    for (const { id, location } of Object.values(this.state.storage?.instances ?? {}))
      if (location === undefined)
        this.#juju.do(
          { type: "storage-provisioned", storage: id, location: `/var/lib/juju/storage/${id}` },
          "agent",
        );
  }

  #boot(machine: string): void {
    this.#boots += 1;
    const number = Number(machine) + 1;
    const addresses = [`10.0.${number >> 8}.${number & 255}`];
    const bootId = `boot-${this.#boots}`;
    this.#juju.do(
      { type: "machine-agent", machine, status: "started", message: "", bootId, addresses },
      "agent",
    );
  }
}

async function orSoon(process: Promise<void>): Promise<void> {
  const soon = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => soon.resolve(undefined), patienceMs);
  await Promise.race([process, soon.promise]);
  clearTimeout(timer);
}

/** `web/0 db-relation-changed pg/1`, `web/0 backup` */
function labelOf({ unit, view: { hook, action } }: MemoryHook): string {
  const { name = "", remoteUnit, remoteApplication, secretId, storageId } = hook ?? { name: action?.name };
  return [unit, name, remoteUnit ?? remoteApplication ?? secretId ?? storageId ?? ""].join(" ").trimEnd();
}

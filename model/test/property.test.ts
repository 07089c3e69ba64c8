/** Any sequence of commands, crashes of hooks among them, keeps what charms rely on. */
import { deepEqual, equal, ok } from "node:assert/strict";
import * as fc from "fast-check";
import { test } from "vitest";
import { ModelError, apply, createModel, nextOperation, nextTimer, record } from "../src/index.ts";
import type {
  Command,
  HookInfo,
  ModelEvent,
  ModelState,
  OperationOutcome,
  RecordedEvent,
  Source,
  StorageInstance,
} from "../src/index.ts";
import { charm, lb, web } from "./support/charms.ts";
import { histories } from "./support/histories.ts";
import { base, uuid } from "./support/world.ts";

type Step =
  | { do: Record<string, unknown> & { type: string } }
  | {
      run: number;
      outcome: "success" | "failure" | "interrupted" | "writes" | "app-writes" | "reboot" | "leave";
    }
  /** a machine has made an instance that was asked for; an operator takes one away: the nth that there is */
  | { provide: number }
  | { detach: number }
  | { wait: number };

const pg = charm("pg", {
  provides: { db: { interface: "pgsql" } },
  peers: { cluster: { interface: "pg" } },
  storage: { data: { type: "filesystem" }, logs: { type: "block", multiple: { range: "0-3" } } },
});

const applications = fc.constantFrom("web", "pg", "lb");
const unit = fc.tuple(applications, fc.nat(3)).map(([name, number]) => `${name}/${number}`);
const pair = fc.constantFrom(["web:db", "pg:db"], ["lb:spare", "web:site"], ["lb:back", "web:site"]);
const charmUrls: Record<string, string> = { web: web.url, pg: pg.url, lb: lb.url };

const commands = fc.oneof(
  applications.map((application) => ({
    type: "deploy",
    application,
    charmUrl: charmUrls[application],
    units: 1,
    base,
  })),
  fc.record({ type: fc.constant("add-unit"), application: applications, count: fc.constantFrom(1, 2) }),
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("remove-unit"),
      unit,
      force: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.constant(true)),
    }),
  },
  fc.record({ type: fc.constant("remove-application"), application: applications }),
  fc.record({ type: fc.constant("integrate"), endpoints: pair }),
  fc.record({ type: fc.constant("remove-relation"), endpoints: pair, force: fc.boolean() }),
  fc.record({
    type: fc.constant("set-config"),
    application: fc.constant("web"),
    settings: fc.record({ port: fc.nat(9) }),
    reset: fc.constant([]),
  }),
  fc.record({ type: fc.constant("resolve"), unit, retry: fc.boolean() }),
  fc.record({ type: fc.constant("wake-unit"), unit, hook: fc.constant("update-status") }),
  fc
    .tuple(applications, unit)
    .map(([application, each]) => ({ type: "elect-leader", application, unit: each })),
  unit.map((each) => ({ type: "depose-leader", application: each.split("/")[0], unit: each })),
  unit.map((receiver) => ({
    type: "enqueue-action",
    requests: [{ receiver, action: "ping", parameters: {} }],
  })),
  fc.record({
    type: fc.constant("machine-agent"),
    machine: fc.nat(3).map(String),
    status: fc.constant("started"),
    message: fc.constant(""),
    bootId: fc.nat(2).map(String),
  }),
  fc.record({
    type: fc.constant("add-storage"),
    unit: fc.nat(3).map((number) => `pg/${number}`),
    name: fc.constantFrom("logs", "logs", "data"),
    count: fc.constantFrom(1, 2),
  }),
  fc.constant({ type: "tick" }),
);

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 2,
      arbitrary: commands.map((command) => ({ do: command as Record<string, unknown> & { type: string } })),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        run: fc.nat(7),
        outcome: fc.constantFrom(
          "success",
          "success",
          "success",
          "writes",
          "app-writes",
          "failure",
          "interrupted",
          "reboot",
          "leave",
        ) as fc.Arbitrary<"success">,
      }),
    },
    { weight: 1, arbitrary: fc.record({ provide: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.record({ detach: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ wait: fc.nat(400_000) }) },
  ),
  { maxLength: 60, size: "max" },
);

const { numRuns, timeout } = histories(240);

/** Told over all runs: a history in which little happens proves little. */
const told = new Map<string, number>();

/** What a unit has been told of one relation. */
interface Story {
  created: boolean;
  broken: boolean;
  /** a hook of it was skipped, so it counts as told */
  members: Map<string, "joined" | "changed">;
}

const genesis = () => createModel({ uuid, name: "m", owner: "admin", now: 0, storage: true });

class Machinery {
  state: ModelState = genesis();
  now = 1000;
  readonly log: RecordedEvent[] = [];
  readonly stories = new Map<string, Story>();
  /** Instances of storage that their units have been told of; and of their end. */
  readonly attached = new Set<string>();
  readonly detached = new Set<string>();

  constructor() {
    for (const charm of [web, pg, lb]) this.do({ type: "add-charm", charm });
  }

  do(command: Record<string, unknown>): void {
    const before = JSON.stringify(this.state);
    let recorded: RecordedEvent[];
    try {
      recorded = record(this.state, { ...command, now: this.now } as unknown as Command, sourceOf(command));
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
      equal(JSON.stringify(this.state), before);
      return;
    }
    equal(JSON.stringify(this.state), before);
    for (const each of recorded) this.checkCause(each, command);
    const events = recorded.map(({ event }) => event);
    if (command["type"] === "resolve") this.tellSkipped(command["unit"] as string, events);
    for (const event of events) apply(this.state, event);
    this.log.push(...recorded);
    for (const name of Object.keys(this.state.machines))
      if (command["type"] === "deploy" || command["type"] === "add-unit") this.boot(name);
  }

  /** Who, and by which command; of what a hook has done, which hook of which unit. */
  checkCause({ at, cause, event }: RecordedEvent, command: Record<string, unknown>): void {
    const { type, unit } = command;
    equal(at, this.now);
    deepEqual([cause.command, cause.by], [type, sourceOf(command).by]);
    if (type !== "finish-operation") return equal(cause.operationId, undefined, `${event.type} of no hook`);
    const { current } = this.state.units[unit as string]?.uniter ?? {};
    deepEqual(
      [cause.unit, cause.hook, cause.operationId],
      [unit, current?.hook?.name ?? current?.kind, command["operationId"]],
    );
  }

  boot(machine: string): void {
    if (this.state.machines[machine]?.agentStatus.status !== "started")
      this.do({
        type: "machine-agent",
        machine,
        status: "started",
        message: "",
        bootId: "0",
        addresses: ["10.0.0.1"],
      });
  }

  tellSkipped(name: string, events: readonly ModelEvent[]): void {
    const hook = this.state.units[name]?.uniter.failed?.operation.hook;
    if (hook && events.some(({ type }) => type === "hook-skipped")) this.tell(name, hook);
  }

  run(index: number, outcome: string): void {
    const names = Object.keys(this.state.units);
    const name = names[index % Math.max(names.length, 1)];
    const known = name === undefined ? undefined : this.state.units[name];
    if (name === undefined || !known) return;
    const running = known.uniter.current;
    const operation = nextOperation(this.state, name, this.now);
    if (!operation) return;
    equal(operation, running ?? operation, "a unit has one operation at a time");
    if (!running) this.do({ type: "start-operation", unit: name, operationId: operation.id });
    const { uniter } = this.state.units[name] ?? known;
    equal(uniter.current?.id, operation.id);
    if (operation.hook && !running) this.check(name, operation.hook);
    if (outcome === "leave") return;
    const finish = {
      type: "finish-operation",
      unit: name,
      operationId: operation.id,
      outcome: outcomeOf(outcome, operation.hook),
    };
    const failedBefore = JSON.stringify(uniter.failed);
    this.do(finish);
    const after = this.state.units[name]?.uniter;
    const isDone =
      after === undefined ||
      (after.current === undefined &&
        (after.failed === undefined || JSON.stringify(after.failed) === failedBefore));
    if (operation.hook && isDone && outcome !== "interrupted" && outcome !== "failure")
      this.tell(name, operation.hook);
    const length = this.log.length;
    this.do(finish);
    equal(this.log.length, length, "finishing twice does nothing");
  }

  instances(unitName?: string): StorageInstance[] {
    const all = Object.values(this.state.storage?.instances ?? {});
    return all.filter((each) => unitName === undefined || each.unit === unitName);
  }

  provide(which: (instance: StorageInstance, index: number) => boolean): void {
    const asked = this.instances().filter(({ location }) => location === undefined);
    for (const { id } of asked.filter(which))
      this.do({ type: "storage-provisioned", storage: id, location: `/srv/${id}` });
  }

  detach(index: number): void {
    const storage = this.instances()[index]?.id;
    if (storage !== undefined) this.do({ type: "detach-storage", storage });
  }

  story(name: string, id: number): Story {
    const key = `${name} ${id}`;
    const story = this.stories.get(key) ?? { created: false, broken: false, members: new Map() };
    this.stories.set(key, story);
    return story;
  }

  /** Two applications that know each other, before anything goes wrong. */
  warm(): this {
    this.do({ type: "deploy", application: "web", charmUrl: web.url, units: 2, base });
    this.do({ type: "deploy", application: "pg", charmUrl: pg.url, units: 1, base });
    this.do({ type: "add-storage", unit: "pg/0", name: "logs", count: 2 });
    this.do({ type: "elect-leader", application: "web", unit: "web/0" });
    this.do({ type: "integrate", endpoints: ["web:db", "pg:db"] });
    this.comeToRest();
    return this;
  }

  /** The order of a relation's hooks, from the unit's view. */
  check(
    name: string,
    { name: hook, relationId: id, remoteUnit: member, storageId: storage }: HookInfo,
  ): void {
    const unit = this.state.units[name];
    ok(unit);
    if (hook === "start")
      ok(unit.uniter.installed && unit.uniter.configHash !== undefined, "start comes after config-changed");
    const kind = hook.replace(/^.*-(?:relation|storage)-/, "");
    told.set(kind, (told.get(kind) ?? 0) + 1);
    this.checkStorage(name, hook, storage);
    if (id === undefined) return;
    const story = this.story(name, id);
    const isPeer = this.state.relations[id]?.endpoints.length === 1;
    ok(!story.broken, `${hook} of ${name} after broken`);
    if (hook.endsWith("-created")) ok(!story.created, "created comes once");
    else ok(story.created, `${hook} of ${name} before created`);
    if (hook.endsWith("-joined"))
      ok(unit.uniter.started && !story.members.has(member ?? ""), "joined comes once");
    if (hook.endsWith("-changed") && member !== undefined)
      ok(story.members.has(member), "changed comes after joined");
    if (hook.endsWith("-departed"))
      equal(story.members.get(member ?? ""), "changed", "departed comes after joined and changed");
    if (hook.endsWith("-broken"))
      ok(!isPeer && story.members.size === 0, "broken comes last, and not among peers");
  }

  /** Storage is there, and told of, before the charm is installed; all of it is let go of before the charm is stopped. */
  checkStorage(name: string, hook: string, id: string | undefined): void {
    const own = this.instances(name);
    if (hook === "install")
      for (const { id: each, life, location } of own)
        ok(life !== "alive" || (location && this.attached.has(each)), `${each} is there before install`);
    if (hook === "stop" || hook === "remove")
      for (const { id: each } of own) ok(!this.attached.has(each), `${each} is let go of before ${hook}`);
    if (id === undefined) return;
    const instance = own.find((each) => each.id === id);
    ok(instance?.location, `${hook} of ${id}, which is there, and is the unit's own`);
    ok(!this.detached.has(id), `${hook} of ${id} after its end`);
    equal(
      this.attached.has(id),
      hook.endsWith("-detaching"),
      `${hook} of ${id}: attached once, then detached`,
    );
  }

  tell(name: string, { name: hook, relationId: id, remoteUnit: member, storageId }: HookInfo): void {
    if (storageId !== undefined) this[hook.endsWith("-attached") ? "attached" : "detached"].add(storageId);
    if (id === undefined) return;
    const story = this.story(name, id);
    if (hook.endsWith("-created")) story.created = true;
    if (hook.endsWith("-joined")) story.members.set(member ?? "", "joined");
    if (hook.endsWith("-changed") && member !== undefined) story.members.set(member, "changed");
    if (hook.endsWith("-departed")) story.members.delete(member ?? "");
    if (hook.endsWith("-broken")) story.broken = true;
  }

  /** With hooks that succeed and no new wishes, all units come to rest. */
  comeToRest(): void {
    this.do({ type: "set-model-config", values: { "automatically-retry-hooks": true }, reset: [] });
    for (let rounds = 0; ; rounds += 1) {
      ok(rounds < 3000, "units come to rest");
      this.provide(() => true);
      for (const machine of Object.keys(this.state.machines))
        if (
          Object.values(this.state.units).some(
            (each) => each.machine === machine && each.agentStatus.status === "rebooting",
          )
        )
          this.do({
            type: "machine-agent",
            machine,
            status: "started",
            message: "",
            bootId: `rest-${rounds}`,
          });
      const busy = Object.keys(this.state.units).findIndex(
        (each) => nextOperation(this.state, each, this.now) !== undefined,
      );
      if (busy >= 0) this.run(busy, "success");
      else if (Object.values(this.state.units).some(({ uniter }) => uniter.failed)) this.resolveAll();
      else return;
    }
  }

  resolveAll(): void {
    for (const [name, { uniter }] of Object.entries(this.state.units))
      if (uniter.failed) this.do({ type: "resolve", unit: name, retry: true });
  }
}

const agents = new Set(["machine-agent", "start-operation", "finish-operation", "elect-leader"]);
const clocks = new Set(["tick", "depose-leader"]);

function sourceOf({ type }: Record<string, unknown>): Source {
  if (agents.has(type as string)) return { by: "agent" };
  return clocks.has(type as string) ? { by: "clock" } : { by: "user", user: "admin" };
}

function outcomeOf(outcome: string, hook: HookInfo | undefined): OperationOutcome {
  const writes = (bag: "unit" | "application") => ({
    relations: hook?.relationId === undefined ? {} : { [hook.relationId]: { [bag]: { key: hook.name } } },
    state: { set: { last: hook?.name ?? "" }, delete: [] },
    ports: { open: [], close: [] },
    secrets: [],
  });
  if (outcome === "failure") return { kind: "failure", message: "exit status 1" };
  if (outcome === "interrupted") return { kind: "interrupted" };
  if (outcome === "reboot") return { kind: "reboot", requeue: false };
  if (outcome === "writes") return { kind: "success", changes: writes("unit") };
  if (outcome === "app-writes") return { kind: "success", changes: writes("application") };
  return { kind: "success" };
}

function play(machinery: Machinery, sequence: readonly Step[]): void {
  for (const step of sequence) {
    machinery.now += 1;
    if ("wait" in step) machinery.now += step.wait;
    else if ("do" in step) machinery.do(step.do);
    else if ("provide" in step) machinery.provide((_, index) => index === step.provide);
    else if ("detach" in step) machinery.detach(step.detach);
    else machinery.run(step.run, step.outcome);
  }
}

test("orders of hooks hold in any history, and every history comes to rest", { timeout }, () => {
  fc.assert(
    fc.property(steps, fc.boolean(), (sequence, warm) => {
      const machinery = warm ? new Machinery().warm() : new Machinery();
      play(machinery, sequence);
      machinery.comeToRest();
      for (const { life, name } of Object.values(machinery.state.units))
        equal(life, "alive", `${name} is gone at rest`);
      for (const { life, id } of Object.values(machinery.state.relations))
        equal(life, "alive", `relation ${id} is gone at rest`);
      for (const { id, life, unit: owner } of machinery.instances()) {
        equal(life, "alive", `storage ${id} is gone at rest`);
        ok(machinery.state.units[owner]?.uniter.storage?.includes(id), `${owner} has been told of ${id}`);
      }
    }),
    { numRuns },
  );
  for (const kind of [
    "joined",
    "changed",
    "departed",
    "broken",
    "stop",
    "remove",
    "leader-elected",
    "update-status",
    "attached",
    "detaching",
    "install",
  ])
    ok((told.get(kind) ?? 0) > 20, `${kind} was told ${told.get(kind) ?? 0} times only`);
});

test("a log that is replayed gives the same state, also through JSON", () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const machinery = new Machinery();
      play(machinery, sequence);
      const replayed = genesis();
      for (const { event } of JSON.parse(JSON.stringify(machinery.log)) as RecordedEvent[])
        apply(replayed, event);
      deepEqual(replayed, machinery.state);
      deepEqual(JSON.parse(JSON.stringify(replayed)), replayed);
    }),
    { numRuns: 40 },
  );
});

test("timers never fire twice for the same date", () => {
  fc.assert(
    fc.property(steps, (sequence) => {
      const machinery = new Machinery();
      play(machinery, sequence);
      machinery.now += 10_000_000;
      machinery.do({ type: "tick" });
      const next = nextTimer(machinery.state);
      ok(next === undefined || next > machinery.now);
    }),
    { numRuns: 40 },
  );
});

test("events of strangers change nothing and throw nothing", () => {
  const machinery = new Machinery();
  const before = JSON.stringify(machinery.state);
  for (const event of [
    { type: "unheard-of" },
    { type: "unit-status-set", unit: "nobody/0" },
    { type: "__proto__" },
    { type: "constructor" },
    { type: "relation-data-set", relation: 7, unit: "a/0", bag: "unit", set: {}, remove: [] },
  ])
    apply(machinery.state, event as never);
  equal(JSON.stringify(machinery.state), before);
});

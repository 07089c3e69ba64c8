import { deepEqual, equal } from "node:assert/strict";
import { test } from "vitest";
import type { HookChanges } from "../src/index.ts";
import { displayedStatus } from "../src/index.ts";
import { pg, web } from "./support/charms.ts";
import { World, refusal } from "./support/world.ts";

const related = async () => {
  const world = await new World().deploy(web, 2).deploy(pg).elect("web/0").elect("pg/0").settle();
  world.do({ type: "integrate", endpoints: ["web", "pg"] });
  await world.settle();
  world.taken();
  return world;
};
/** One more config-changed of a unit, with the given work in it. */
async function inHook(
  world: World,
  unit: string,
  work: (hook: Parameters<World["script"]>[0]) => Promise<void>,
) {
  const application = unit.split("/")[0] ?? "";
  world.do({ type: "set-trust", application, trust: !world.state.applications[application]?.trust });
  world.script = async (hook) => {
    if (hook.unit === unit && hook.name === "config-changed") await work(hook);
  };
  await world.settle();
  world.script = () => {};
}
const bag = (world: World, unit: string, id = 2) => world.state.relations[id]?.unitBags[unit];

test("a write reaches the other side, not the writer and not its peers", async () => {
  const world = await related();
  await inHook(world, "web/0", async ({ ask }) => void (await ask("relation-set", "-r", "db:2", "host=a")));
  deepEqual(world.taken(), [
    "web/0 config-changed",
    "web/1 config-changed",
    "pg/0 db-relation-changed(web/0)",
  ]);
});

test("among peers a write reaches the others", async () => {
  const world = await related();
  await inHook(
    world,
    "web/0",
    async ({ ask }) => void (await ask("relation-set", "-r", "peers:0", "host=a")),
  );
  deepEqual(world.taken(), [
    "web/0 config-changed",
    "web/1 config-changed",
    "web/1 peers-relation-changed(web/0)",
  ]);
});

test("the leader's write to the peers' application bag reaches all but the leader", async () => {
  const world = await related();
  await inHook(
    world,
    "web/0",
    async ({ ask }) => void (await ask("relation-set", "-r", "peers:0", "--app", "k=v")),
  );
  deepEqual(world.taken(), [
    "web/0 config-changed",
    "web/1 config-changed",
    "web/1 peers-relation-changed(app web)",
  ]);
  world.elect("web/1");
  await world.settle();
  deepEqual(world.taken(), ["web/1 leader-elected"]);
});

test("writes that change nothing wake nobody; deleted keys are gone", async () => {
  const world = await related();
  await inHook(world, "web/0", async ({ ask }) => void (await ask("relation-set", "-r", "2", "a=1", "b=2")));
  const version = bag(world, "web/0")?.version;
  world.taken();
  await inHook(world, "web/0", async ({ ask }) => void (await ask("relation-set", "-r", "2", "a=1", "c=")));
  equal(bag(world, "web/0")?.version, version);
  deepEqual(world.taken("pg/0"), []);
  await inHook(world, "web/0", async ({ ask }) => void (await ask("relation-set", "-r", "2", "a=")));
  equal(bag(world, "web/0")?.values["a"], undefined);
});

test("several writes between two hooks of a reader come as one", async () => {
  const world = await related();
  const reading = async (value: string) => {
    world.do({ type: "set-trust", application: "web", trust: !world.state.applications["web"]?.trust });
    world.script = async ({ ask, name }) => {
      if (name === "config-changed") await ask("relation-set", "-r", "2", `host=${value}`);
    };
    await world.step("web/0");
  };
  await reading("a");
  await reading("b");
  world.script = () => {};
  await world.settle();
  deepEqual(world.taken("pg/0"), ["db-relation-changed(web/0)"]);
});

test("a failed hook keeps its status and loses its writes", async () => {
  const world = await related();
  await inHook(world, "web/0", async ({ ask, tool }) => {
    await ask("relation-set", "-r", "2", "host=a");
    await ask("state-set", "k=v");
    await ask("open-port", "80");
    await ask("secret-add", "--owner", "unit", "token=one");
    await ask("status-set", "maintenance", "working");
    await ask("application-version-set", "1.2");
    equal((await tool("status-get")).stdout, "maintenance\n");
    throw new Error("exit status 1");
  });
  equal(bag(world, "web/0")?.values["host"], undefined);
  const { charmState, openPorts, workloadStatus, workloadVersion } = world.unit("web/0");
  deepEqual([charmState, openPorts, world.state.secrets], [{}, [], {}]);
  deepEqual([workloadStatus.message, workloadVersion], ["working", "1.2"]);
  equal(displayedStatus(world.state, world.unit("web/0")).workload.status, "error");
});

test("leadership lost during a hook: the commit is refused whole, and tried again", async () => {
  const world = await related();
  await inHook(world, "web/0", async ({ ask }) => {
    await ask("relation-set", "-r", "peers:0", "--app", "claim=web/0");
    await ask("relation-set", "-r", "peers:0", "mine=1");
    world.elect("web/1");
  });
  deepEqual(world.state.relations[0]?.applicationBags, {});
  equal(bag(world, "web/0", 0)?.values["mine"], undefined);
  equal(world.unit("web/0").uniter.failed?.operation.hook?.name, "config-changed");
  world.do({ type: "resolve", unit: "web/0", retry: true });
  await world.settle();
  equal(world.unit("web/0").uniter.failed, undefined);
});

test("a leader-elected that failed is dropped when leadership goes elsewhere", async () => {
  const world = new World().deploy(web, 2).elect("web/0");
  world.script = ({ name, unit }) => {
    if (name === "leader-elected" && unit === "web/0") throw new Error("exit status 1");
  };
  await world.settle();
  equal(world.unit("web/0").agentStatus.status, "error");
  world.elect("web/1");
  equal(world.unit("web/0").agentStatus.status, "idle");
  world.script = () => {};
  world.taken();
  await world.settle();
  deepEqual(world.taken("web/0").slice(0, 2), ["config-changed", "start"]);
});

test("leadership that returns is told again; a dying unit is not elected", async () => {
  const world = await new World().deploy(web, 2).elect("web/0").settle();
  world.taken();
  world.do({ type: "depose-leader", application: "web", unit: "web/0" });
  world.elect("web/0");
  await world.settle();
  deepEqual(world.taken(), ["web/0 leader-elected"]);
  world.do({ type: "remove-unit", unit: "web/1" });
  equal(
    refusal(() => world.elect("web/1")),
    'bad request: unit "web/1" cannot lead "web": expected a living unit of it',
  );
  world.do({ type: "remove-unit", unit: "web/0", force: true });
  equal(world.state.applications["web"]?.leader, undefined);
});

test("ports of one machine are no two units'", async () => {
  const world = await new World().deploy(web).settle();
  world.do({ type: "add-unit", application: "web", count: 1, placement: ["0"] });
  await world.settle();
  await inHook(world, "web/0", async ({ ask }) => void (await ask("open-port", "80-90/tcp")));
  await inHook(world, "web/0", async ({ ask }) => void (await ask("open-port", "80-90/tcp")));
  equal(world.unit("web/0").uniter.failed, undefined);
  await inHook(world, "web/1", async ({ ask }) => void (await ask("open-port", "85")));
  equal(
    world.unit("web/1").uniter.failed?.message,
    'committing requested changes failed: cannot open 85/tcp (unit "web/1"): port ranges 80-90/tcp ("web/0") and 85/tcp ("web/1") conflict',
  );
  await inHook(world, "web/0", async ({ ask }) => void (await ask("close-port", "80-90/tcp")));
  deepEqual(world.unit("web/0").openPorts, []);
});

const hostile = (changes: unknown) => async () => {
  const world = await related();
  world.do({ type: "set-trust", application: "web", trust: true });
  const operation = world.start("web/0");
  world.finish("web/0", operation, { kind: "success", changes: changes as HookChanges });
  return world;
};

test.each([
  [null],
  [{}],
  [{ relations: { 99: { unit: { a: "b" } } } }],
  [{ relations: { __proto__: { unit: { a: "b" } } } }],
  [{ state: { set: {} } }],
  [{ ports: {} }],
])("changes that are not all there are taken as far as they go: %j", async (changes) => {
  const world = await hostile(changes)();
  equal(world.unit("web/0").uniter.failed, undefined);
});

test.each([
  [{ relations: { 2: { unit: { a: 5 } } } }],
  [{ state: { set: { a: "x".repeat(3_000_000) }, delete: [] } }],
  [{ state: { set: { a: "ü".repeat(1_500_000) }, delete: [] } }],
  [{ secrets: [{ kind: "explode" }] }],
  [{ secrets: [{ kind: "add", id: "nope", owner: "unit", contentId: "c", checksum: "s" }] }],
  [{ secrets: [{ kind: "add", id: "s0000000000000000001", owner: "unit", content: { token: "t" } }] }],
  [{ secrets: [{ kind: "grant", id: "s0000000000000000001", relation: 2 }] }],
  [{ relations: { 2: { application: { a: "b" } } }, state: { set: { a: "b" }, delete: [] } }],
] as [unknown][])("changes that cannot be committed fail the hook and leave nothing: %#", async (changes) => {
  const world = await related();
  world.do({ type: "depose-leader", application: "web", unit: "web/0" });
  world.do({ type: "set-trust", application: "web", trust: true });
  const operation = world.start("web/0");
  world.finish("web/0", operation, { kind: "success", changes: changes as HookChanges });
  equal(world.unit("web/0").uniter.failed?.operation.hook?.name, "config-changed");
  deepEqual([world.unit("web/0").charmState, world.state.secrets], [{}, {}]);
});

test("keys that JavaScript has plans for are keys like any other", async () => {
  const world = await related();
  await inHook(world, "web/0", async ({ ask }) => {
    await ask("relation-set", "-r", "2", "__proto__=p", "constructor=c", "toString=t", "hasOwnProperty=h");
    await ask("state-set", "__proto__=p");
    equal(await ask("relation-get", "-r", "2", "__proto__", "web/0"), "p");
    equal(await ask("relation-get", "-r", "2", "valueOf", "web/0"), "");
  });
  const { values } = bag(world, "web/0") ?? { values: {} };
  equal(Object.getOwnPropertyDescriptor(values, "__proto__")?.value, "p");
  equal(Object.getPrototypeOf(values), Object.prototype);
  equal(values["constructor"], "c");
  await inHook(world, "web/0", async ({ ask }) => {
    equal(await ask("state-get", "__proto__"), "p");
    equal(JSON.parse(await ask("relation-get", "-r", "2", "--format=json", "-", "web/0"))["toString"], "t");
    await ask("relation-set", "-r", "2", "__proto__=");
  });
  equal(Object.hasOwn(bag(world, "web/0")?.values ?? {}, "__proto__"), false);
  for (const name of ["__proto__", "constructor", "toString"])
    equal(
      refusal(() => world.do({ type: "remove-unit", unit: name })),
      `not found: unit "${name}" not found`,
    );
});

test("large values pass through bags as they are", async () => {
  const world = await related();
  const value = "x".repeat(1_000_000);
  await inHook(world, "web/0", async ({ ask }) => {
    world.stdin = JSON.stringify({ value });
    await ask("relation-set", "-r", "2", "--file", "-");
    world.stdin = undefined;
  });
  equal(bag(world, "web/0")?.values["value"], value);
});

test("commands of a juju-exec commit by themselves, or are refused", async () => {
  const world = await related();
  const changes = { ...world.hook("web/1", { id: "", kind: "run-hook" }).buffer.changes };
  changes.relations = { 2: { unit: { host: "a" } } };
  world.do({ type: "commit-exec", unit: "web/1", changes });
  equal(bag(world, "web/1")?.values["host"], "a");
  changes.relations = { 2: { unit: { host: "b" }, application: { a: "b" } } };
  equal(
    refusal(() => world.do({ type: "commit-exec", unit: "web/1", changes })),
    'unauthorized access: cannot write application settings of relation 2: unit "web/1" is not the leader',
  );
  equal(bag(world, "web/1")?.values["host"], "a");
});

test("the leader's settings reach the others by leader-settings-changed, at once", async () => {
  const world = await related();
  await inHook(world, "web/0", async ({ ask }) => void (await ask("leader-set", "db=main")));
  deepEqual(world.taken("web/1").includes("leader-settings-changed"), true);
  await inHook(world, "web/1", async ({ ask }) => equal(await ask("leader-get", "db"), "main"));
});

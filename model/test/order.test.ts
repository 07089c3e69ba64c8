import { deepEqual, equal } from "node:assert/strict";
import { test } from "vitest";
import { pg, web } from "./support/charms.ts";
import { World } from "./support/world.ts";

const settled = async () => {
  const world = new World().deploy(web, 2);
  return world.elect("web/0").settle();
};
const withDatabase = async () => {
  const world = await settled();
  await world.deploy(pg).elect("pg/0").settle();
  world.taken();
  world.do({ type: "integrate", endpoints: ["web", "pg"] });
  return world.settle();
};

test("new units: install, relations created, leadership, configuration, start, and only then their peers", async () => {
  const world = await settled();
  const { trace } = world;
  const of = (unit: string) => trace.filter((line) => line.startsWith(unit)).map((line) => line.slice(6));
  deepEqual(of("web/0"), [
    "install",
    "peers-relation-created",
    "leader-elected",
    "config-changed",
    "start",
    "peers-relation-joined(web/1)",
    "peers-relation-changed(web/1)",
  ]);
  deepEqual(of("web/1"), [
    "install",
    "peers-relation-created",
    "config-changed",
    "start",
    "peers-relation-joined(web/0)",
    "peers-relation-changed(web/0)",
  ]);
});

test("a relation: created, joined, changed, and changed once more for an application bag that is not empty", async () => {
  const world = await settled();
  await world.deploy(pg).elect("pg/0").settle();
  world.taken();
  world.script = async ({ name, ask }) => {
    if (name === "db-relation-created" && (await ask("is-leader")) === "True")
      await ask("relation-set", "--app", "schema=one");
  };
  world.do({ type: "integrate", endpoints: ["web:db", "pg:db"] });
  await world.settle();
  const of = (unit: string) =>
    world.trace.filter((line) => line.startsWith(unit)).map((line) => line.slice(unit.length + 1));
  const expected = [
    "db-relation-created",
    "db-relation-changed(app pg)",
    "db-relation-joined(pg/0)",
    "db-relation-changed(pg/0)",
  ];
  deepEqual(of("web/0").sort(), expected.toSorted());
  deepEqual(of("web/1").sort(), expected.toSorted());
  equal(of("web/0")[0], "db-relation-created");
});

test("configuration, an action and a new charm, each as the reference trace has it", async () => {
  const world = await settled();
  world.taken();
  world.do({ type: "set-config", application: "web", settings: { port: "81" }, reset: [] });
  await world.settle();
  deepEqual(world.taken(), ["web/0 config-changed", "web/1 config-changed"]);
  world.do({ type: "enqueue-action", requests: [{ receiver: "web/0", action: "ping", parameters: {} }] });
  await world.settle();
  deepEqual(world.taken(), ["web/0 actions/ping"]);
  const next = { ...web, url: "local:web-1", revision: 1 };
  world.do({ type: "add-charm", charm: next });
  world.do({ type: "set-charm", application: "web", charmUrl: next.url });
  await world.settle();
  deepEqual(world.taken("web/1"), ["upgrade-charm", "config-changed"]);
  equal(world.unit("web/1").charmUrl, "local:web-1");
});

test("the end of a relation: departed from each member, then broken, then the relation is gone", async () => {
  const world = await withDatabase();
  world.taken();
  world.do({ type: "remove-relation", endpoints: ["web", "pg"] });
  await world.settle();
  const lines = [...world.trace];
  deepEqual(
    lines.filter((line) => line.startsWith("web/0")),
    ["web/0 db-relation-departed(pg/0; departing pg/0)", "web/0 db-relation-broken"],
  );
  deepEqual(
    lines.filter((line) => line.startsWith("pg/0")),
    [
      "pg/0 db-relation-departed(web/0; departing web/0)",
      "pg/0 db-relation-departed(web/1; departing web/1)",
      "pg/0 db-relation-broken",
    ],
  );
  deepEqual(
    Object.values(world.state.relations).map(({ endpoints }) => endpoints.length),
    [1, 1],
  );
});

test("the end of a unit: relations, stop, remove; its counterparts depart it meanwhile; then its machine goes", async () => {
  const world = await withDatabase();
  world.taken();
  world.do({ type: "remove-unit", unit: "web/1" });
  await world.settle();
  const of = (unit: string) =>
    world.trace.filter((line) => line.startsWith(unit)).map((line) => line.slice(unit.length + 1));
  deepEqual(of("web/1"), [
    "db-relation-departed(pg/0; departing web/1)",
    "db-relation-broken",
    "peers-relation-departed(web/0; departing web/1)",
    "stop",
    "remove",
  ]);
  deepEqual(of("web/0"), ["peers-relation-departed(web/1; departing web/1)"]);
  deepEqual(of("pg/0"), ["db-relation-departed(web/1; departing web/1)"]);
  deepEqual(Object.keys(world.state.units), ["web/0", "pg/0"]);
  equal(world.state.machines["1"]?.life, "dying");
  world.do({ type: "machine-removed", machine: "1" });
  deepEqual(Object.keys(world.state.machines), ["0", "2"]);
  deepEqual(Object.keys(world.state.relations[2]?.unitBags ?? {}), ["web/0", "pg/0"]);
});

test("the end of an application takes its relations, and the other side hears broken", async () => {
  const world = await withDatabase();
  world.taken();
  world.do({ type: "remove-application", application: "pg" });
  await world.settle();
  equal(world.state.applications["pg"], undefined);
  deepEqual(world.taken("web/0"), ["db-relation-departed(pg/0; departing pg/0)", "db-relation-broken"]);
  deepEqual(Object.keys(world.state.relations), ["0"]);
});

test("a unit that was never installed goes without stop and remove", async () => {
  const world = new World().deploy(web);
  await world.step("web/0");
  world.do({ type: "remove-unit", unit: "web/0" });
  await world.settle();
  deepEqual(world.taken(), []);
  deepEqual(world.state.units, {});
});

test("a unit whose machine never came is gone at once", () => {
  const world = new World();
  world.do({ type: "add-charm", charm: web });
  world.do({
    type: "deploy",
    application: "web",
    charmUrl: web.url,
    units: 1,
    base: { name: "ubuntu", channel: "24.04" },
  });
  world.do({ type: "remove-application", application: "web" });
  deepEqual([world.state.units, world.state.applications], [{}, {}]);
  equal(world.state.machines["0"]?.life, "dying");
});

test("during install no relation is seen; from then on all that are entered", async () => {
  const world = new World().deploy(web);
  const seen: Record<string, string> = {};
  world.script = async ({ name, ask }) => {
    seen[name] ??= await ask("relation-ids", "peers", "--format=json");
  };
  await world.settle();
  equal(seen["install"], "[]");
  equal(seen["config-changed"], '["peers:0"]');
});

test("nothing joins before start, whatever the other side has reached", async () => {
  const world = new World().deploy(web, 2);
  while (await world.step("web/0"));
  deepEqual(world.taken("web/0"), ["install", "peers-relation-created", "config-changed", "start"]);
  for (const _ of [1, 2, 3]) await world.step("web/1");
  deepEqual(world.taken("web/1"), ["install", "peers-relation-created"]);
  await world.step("web/0");
  deepEqual(world.taken("web/0"), ["peers-relation-joined(web/1)"]);
});

test("a model ends with its last machine", async () => {
  const world = await withDatabase();
  world.do({ type: "destroy-model" });
  await world.settle();
  for (const machine of Object.keys(world.state.machines)) world.do({ type: "machine-removed", machine });
  equal(world.state.life, "dead");
});

test("a unit that left while its joining was failing is read until it has departed", async () => {
  const world = await new World().deploy(web, 2).settle();
  world.do({ type: "add-unit", application: "web", count: 1 });
  world.up();
  for (let step = 0; step < 3; step += 1) await world.step("web/2");
  world.script = () => Promise.reject(new Error("not now"));
  await world.step("web/0");
  equal(world.unit("web/0").uniter.failed?.operation.hook?.remoteUnit, "web/2");
  world.script = () => {};
  world.do({ type: "remove-unit", unit: "web/2", force: false });
  await world.settle();
  equal(world.state.units["web/2"], undefined);
  world.do({ type: "resolve", unit: "web/0", retry: true });
  const told: unknown[] = [];
  world.script = ({ unit, name, view }) => {
    if (unit === "web/0") told.push([name, view.relations[0]?.bags["web/2"]?.["private-address"]]);
  };
  await world.settle();
  deepEqual(told, [
    ["peers-relation-joined", "10.0.0.3"],
    ["peers-relation-changed", "10.0.0.3"],
    ["peers-relation-departed", "10.0.0.3"],
  ]);
  deepEqual(Object.keys(world.state.relations[0]?.unitBags ?? {}), ["web/0", "web/1"]);
});

import { deepEqual, equal } from "node:assert/strict";
import { test } from "vitest";
import { charm, lb, pg, web } from "./support/charms.ts";
import { World, base, refusal } from "./support/world.ts";

const deploying = (metadata: Record<string, unknown>, extra: Record<string, unknown> = {}) => {
  const world = new World();
  const given = charm("app", metadata);
  world.do({ type: "add-charm", charm: given });
  return refusal(() =>
    world.do({ type: "deploy", application: "app", charmUrl: given.url, units: 1, base, ...extra }),
  );
};
const k8s =
  'not supported: Charm cannot be deployed because: charm requires feature "k8s-api" but model does not support it';

test.each([
  [{ assumes: ["k8s-api"] }, k8s],
  [{ assumes: [{ "all-of": ["juju >= 3.1", "k8s-api"] }] }, k8s],
  [{ containers: { c: {} } }, k8s],
  [
    { assumes: ["juju >= 4.0"] },
    'not supported: Charm cannot be deployed because: charm requires feature "juju" (version >= 4.0) but model currently supports version 3.6.11',
  ],
  [
    { subordinate: true, requires: { host: { interface: "juju-info", scope: "container" } } },
    "not implemented: subordinate charms are not implemented: app",
  ],
  [
    { storage: { data: { type: "filesystem" } } },
    'not implemented: storage is not implemented: app requires "data"',
  ],
])("a charm that cannot be deployed says why: %j", (metadata, why) => {
  equal(deploying(metadata), why);
});

test.each([
  [{ assumes: ["juju >= 3.1"] }],
  [{ assumes: [{ "any-of": ["k8s-api", "juju >= 3.1"] }] }],
  [{ storage: { data: { type: "filesystem", multiple: { range: "0-" } } } }],
])("a charm that can be deployed: %j", (metadata) => {
  const given = charm("app", metadata);
  equal(Object.keys(new World().deploy(given).state.units)[0], "app/0");
});

test.each([
  [{ application: "web" }, 'already exists: cannot add application "web": application already exists'],
  [{ application: "Bad_Name" }, 'bad request: invalid application name "Bad_Name"'],
  [{ application: "a", charmUrl: "local:none-0" }, 'not found: charm "local:none-0" not found'],
  [{ application: "a", settings: { port: "many" } }, 'bad request: option "port" expected int, got "many"'],
  [{ application: "a", settings: { debug: 1 } }, 'bad request: option "debug" expected boolean, got 1'],
  [{ application: "a", settings: { colour: "red" } }, 'bad request: unknown option "colour"'],
  [{ application: "a", placement: ["9"] }, "not found: machine 9 not found"],
  [
    { application: "a", placement: ["lxd:0"] },
    'not implemented: placement "lxd:0" is not implemented: expected a machine id',
  ],
  [{ application: "a", bindings: { "": "beta" } }, 'not found: space "beta" not found'],
  [{ application: "a", units: -1 }, "bad request: cannot add -1 units at once: expected 0 to 1000"],
])("a deploy that is refused changes nothing: %j", (given, why) => {
  const world = new World().deploy(web);
  const before = JSON.stringify(world.state);
  equal(
    refusal(() => world.do({ type: "deploy", charmUrl: web.url, units: 1, base, ...given })),
    why,
  );
  equal(JSON.stringify(world.state), before);
});

test("units go to machines of their own, or where they are placed", () => {
  const world = new World().deploy(web, 2);
  world.do({ type: "add-unit", application: "web", count: 2, placement: ["0"] });
  deepEqual(
    Object.values(world.state.units).map(({ name, machine }) => `${name}@${machine}`),
    ["web/0@0", "web/1@1", "web/2@0", "web/3@2"],
  );
  equal(world.state.machines["2"]?.hostname, "juju-3c4b5a-2");
});

test("numbers of units are not used again while the application lives", async () => {
  const world = await new World().deploy(web, 2).settle();
  world.do({ type: "remove-unit", unit: "web/1" });
  await world.settle();
  world.do({ type: "add-unit", application: "web", count: 1 });
  deepEqual(Object.keys(world.state.units), ["web/0", "web/2"]);
});

test("configuration is typed, reset, and told once for several edits", async () => {
  const world = await new World().deploy(web).settle();
  world.taken();
  world.do({
    type: "set-config",
    application: "web",
    settings: { port: "81", debug: "True", ratio: "0.5", title: "1" },
    reset: [],
  });
  deepEqual(world.state.applications["web"]?.settings, { port: 81, debug: true, ratio: 0.5, title: "1" });
  world.do({ type: "set-config", application: "web", settings: {}, reset: ["port", "ratio"] });
  deepEqual(world.state.applications["web"]?.settings, { debug: true, title: "1" });
  deepEqual(
    world.do({ type: "set-config", application: "web", settings: { title: "1" }, reset: ["port"] }),
    [],
  );
  await world.settle();
  deepEqual(world.taken(), ["web/0 config-changed"]);
  equal(
    refusal(() =>
      world.do({ type: "set-config", application: "web", settings: { title: "2" }, reset: ["nope"] }),
    ),
    'bad request: unknown option "nope"',
  );
});

test("an edit during config-changed leads to another; one that is undone meanwhile does not", async () => {
  const world = await new World().deploy(web).settle();
  const set = (port: number) =>
    world.do({ type: "set-config", application: "web", settings: { port }, reset: [] });
  set(81);
  const first = world.start("web/0");
  set(82);
  world.finish("web/0", first);
  const second = world.start("web/0");
  set(83);
  set(82);
  world.finish("web/0", second);
  equal(world.next("web/0"), undefined);
});

test("trust and new addresses are told by config-changed; addresses reach the bags", async () => {
  const world = await new World().deploy(web).settle();
  world.taken();
  world.do({ type: "set-trust", application: "web", trust: true });
  await world.settle();
  world.do({ type: "machine-agent", machine: "0", status: "started", message: "", addresses: ["10.9.9.9"] });
  await world.settle();
  deepEqual(world.taken(), ["web/0 config-changed", "web/0 config-changed"]);
  deepEqual(world.state.relations[0]?.unitBags["web/0"]?.values, {
    "egress-subnets": "10.9.9.9/32",
    "ingress-address": "10.9.9.9",
    "private-address": "10.9.9.9",
  });
});

test("a resource upgrades the units, the same bytes do not", async () => {
  const world = await new World().deploy(web).settle();
  world.taken();
  const resource = { name: "blob", sha256: "a", sha384: "b", size: 1, filename: "blob.tar", uploadedAt: 1 };
  world.do({ type: "set-resource", application: "web", resource });
  world.do({ type: "set-resource", application: "web", resource });
  await world.settle();
  deepEqual(world.taken(), ["web/0 upgrade-charm", "web/0 config-changed"]);
  equal(
    refusal(() =>
      world.do({ type: "set-resource", application: "web", resource: { ...resource, name: "other" } }),
    ),
    'not found: resource "other" not found',
  );
});

test("a charm that would break a relation is refused; options that change their type are dropped", async () => {
  const world = await new World().deploy(web).deploy(pg).settle();
  world.do({ type: "integrate", endpoints: ["web", "pg"] });
  world.do({ type: "set-config", application: "web", settings: { port: 81, title: "t" }, reset: [] });
  const peers = { peers: { peers: { interface: "web-peers" } } };
  const without = charm("web", peers, { revision: 1 });
  world.do({ type: "add-charm", charm: without });
  equal(
    refusal(() => world.do({ type: "set-charm", application: "web", charmUrl: without.url })),
    'bad request: cannot upgrade application "web" to charm "local:web-1": would break relation "web:db pg:db"',
  );
  const requires = { requires: { db: { interface: "pgsql" } } };
  const other = charm(
    "web",
    { ...peers, ...requires },
    { revision: 2, options: { port: { type: "string" }, title: { type: "string" } } },
  );
  world.do({ type: "add-charm", charm: other });
  world.do({ type: "set-charm", application: "web", charmUrl: other.url });
  deepEqual(world.state.applications["web"]?.settings, { title: "t" });
});

test.each([
  [["web", "nope"], 'not found: application "nope" not found'],
  [["web:nope", "pg"], 'not found: application "web" has no "nope" relation'],
  [["web", "web"], 'bad request: cannot relate application "web" to itself'],
  [["pg", "lb"], "not found: no relations found"],
  [
    ["web", "lb"],
    'bad request: ambiguous relation: "web lb" could refer to "lb:back web:site"; "lb:spare web:site"',
  ],
  [
    ["web:db", "pg:db"],
    'already exists: cannot add relation "web:db pg:db": relation web:db pg:db already exists',
  ],
  [
    ["lb:back", "other:site"],
    "quota limit exceeded: establishing a new relation for lb:back would exceed its maximum relation limit of 1",
  ],
  [["web:", "pg"], 'bad request: invalid endpoint "web:"'],
] as [[string, string], string][])("integrate %j is refused", (endpoints, why) => {
  const world = new World().deploy(web).deploy(pg).deploy(lb).deploy(web, 1, "other");
  world.do({ type: "integrate", endpoints: ["pg", "web"] });
  world.do({ type: "integrate", endpoints: ["lb:back", "web"] });
  equal(
    refusal(() => world.do({ type: "integrate", endpoints })),
    why,
  );
});

test("relations that cannot be removed", () => {
  const world = new World().deploy(web).deploy(pg);
  equal(
    refusal(() => world.do({ type: "remove-relation", endpoints: ["web", "pg"] })),
    'not found: relation "web pg" not found',
  );
  equal(
    refusal(() => world.do({ type: "remove-relation", id: 9 })),
    "not found: relation 9 not found",
  );
  equal(
    refusal(() => world.do({ type: "remove-relation", id: 0 })),
    'bad request: cannot destroy relation "web:peers": is a peer relation',
  );
});

test("machines: units keep them, force takes both; one that was asked for stays", async () => {
  const world = await new World().deploy(web).settle();
  equal(
    refusal(() => world.do({ type: "remove-machine", machine: "0" })),
    'machine has assigned units: machine 0 has unit "web/0" assigned',
  );
  world.do({ type: "remove-machine", machine: "0", force: true });
  deepEqual([world.state.units, world.state.machines["0"]?.life], [{}, "dying"]);
  world.do({ type: "add-machine", base });
  world.do({ type: "add-unit", application: "web", count: 1, placement: ["1"] });
  world.do({ type: "remove-unit", unit: "web/1" });
  await world.up().settle();
  equal(world.state.machines["1"]?.life, "alive");
});

test("model configuration knows its types and bounds", () => {
  const world = new World();
  const set = (values: Record<string, string | boolean>) => () =>
    world.do({ type: "set-model-config", values, reset: [] });
  equal(refusal(set({ uuid: "x" })), 'bad request: cannot change value: "uuid"');
  equal(
    refusal(set({ "automatically-retry-hooks": "no" })),
    'bad request: automatically-retry-hooks: expected bool, got "no"',
  );
  equal(
    refusal(set({ "update-status-hook-interval": "10s" })),
    "bad request: update-status-hook-interval 10s must be from 1m to 60m",
  );
  set({ "update-status-hook-interval": "1m" })();
});

test("the statuses of a unit on its way", async () => {
  const world = new World();
  world.do({ type: "add-charm", charm: web });
  world.do({ type: "deploy", application: "web", charmUrl: web.url, units: 1, base });
  const seen = [world.unit("web/0").workloadStatus.message];
  world.up();
  seen.push(world.unit("web/0").workloadStatus.message);
  world.do({ type: "unit-agent", unit: "web/0", status: "idle", message: "" });
  seen.push(world.unit("web/0").workloadStatus.message);
  equal(world.unit("web/0").agentStatus.status, "allocating");
  await world.step("web/0");
  world.finish("web/0", world.start("web/0"));
  seen.push(world.unit("web/0").workloadStatus.message);
  await world.settle();
  deepEqual(seen, [
    "waiting for machine",
    "installing agent",
    "agent initialising",
    "installing charm software",
  ]);
  equal(world.unit("web/0").workloadStatus.status, "unknown");
});

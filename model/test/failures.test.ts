import { deepEqual, equal } from "node:assert/strict";
import { test } from "vitest";
import { displayedApplicationStatus, displayedStatus, nextTimer } from "../src/index.ts";
import { pg, web } from "./support/charms.ts";
import { World, refusal } from "./support/world.ts";

const failing = (hook: string) => (world: World) => {
  world.script = ({ name }) => {
    if (name === hook) throw new Error("exit status 1");
  };
  return world;
};
const shown = (world: World, name: string) => {
  const { workload, agent } = displayedStatus(world.state, world.unit(name));
  return `${workload.status}: ${workload.message} / ${agent.status}`;
};

test("a failed hook shows as an error over the charm's own status, which comes back", async () => {
  const world = failing("config-changed")(new World().deploy(web));
  world.do({ type: "set-status", unit: "web/0", status: "active", message: "fine" });
  await world.settle();
  equal(shown(world, "web/0"), 'error: hook failed: "config-changed" / idle');
  equal(displayedApplicationStatus(world.state, world.state.applications["web"]!).status, "error");
  equal(world.unit("web/0").agentStatus.status, "error");
  deepEqual(world.unit("web/0").agentStatus.data, { hook: "config-changed" });
  equal(world.unit("web/0").workloadStatus.message, "fine");
  world.script = () => {};
  world.do({ type: "resolve", unit: "web/0", retry: true });
  await world.settle();
  equal(shown(world, "web/0"), "active: fine / idle");
});

test("a failed hook of a relation names the other side", async () => {
  const world = await new World().deploy(web).deploy(pg).settle();
  failing("db-relation-joined")(world).do({ type: "integrate", endpoints: ["web", "pg"] });
  await world.settle();
  equal(shown(world, "web/0"), 'error: hook failed: "db-relation-joined" for pg:db / idle');
  deepEqual(world.unit("web/0").agentStatus.data, {
    hook: "db-relation-joined",
    "relation-id": 2,
    remote: "pg:db",
    "remote-unit": "pg/0",
  });
});

test("retries come after 5 s, then twice as long each time, 5 min at most", async () => {
  const world = await failing("install")(new World().deploy(web)).settle();
  const delays: number[] = [];
  for (let attempt = 0; attempt < 9; attempt += 1) {
    const at = nextTimer(world.state) ?? 0;
    delays.push(Math.round((at - world.now) / 1000));
    world.now = at - 1;
    equal(world.next("web/0"), undefined);
    world.now = at;
    world.do({ type: "tick" });
    equal(nextTimer(world.state), undefined);
    await world.step("web/0");
    world.now -= 10;
  }
  deepEqual(delays, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
  world.script = () => {};
  world.do({ type: "resolve", unit: "web/0", retry: true });
  await world.settle();
  equal(world.unit("web/0").uniter.failed, undefined);
});

test("without automatic retries a unit waits for its operator", async () => {
  const world = new World().deploy(web);
  world.do({ type: "set-model-config", values: { "automatically-retry-hooks": false }, reset: [] });
  await failing("install")(world).settle();
  equal(nextTimer(world.state), undefined);
});

test("resolved without a retry counts the hook as run", async () => {
  const world = await failing("install")(new World().deploy(web)).settle();
  world.taken();
  world.do({ type: "resolve", unit: "web/0", retry: false });
  await world.settle();
  deepEqual(world.taken(), ["web/0 peers-relation-created", "web/0 config-changed", "web/0 start"]);
});

test("a joined that was skipped is followed by changed, and later by departed", async () => {
  const world = await new World().deploy(web).deploy(pg).settle();
  failing("db-relation-joined")(world).do({ type: "integrate", endpoints: ["web", "pg"] });
  await world.settle();
  world.taken();
  world.do({ type: "resolve", unit: "web/0", retry: false });
  await world.settle();
  deepEqual(world.taken("web/0"), ["db-relation-changed(pg/0)"]);
});

test("resolving a unit that is not in error is refused", async () => {
  const world = await new World().deploy(web).settle();
  equal(
    refusal(() => world.do({ type: "resolve", unit: "web/0", retry: true })),
    'bad request: unit "web/0" is not in an error state',
  );
});

test("a unit in error runs actions, and nothing else", async () => {
  const world = await failing("config-changed")(new World().deploy(web)).settle();
  world.do({ type: "set-config", application: "web", settings: { port: 81 }, reset: [] });
  world.do({ type: "enqueue-action", requests: [{ receiver: "web/0", action: "ping", parameters: {} }] });
  world.taken();
  await world.settle();
  deepEqual(world.taken(), ["web/0 actions/ping"]);
  equal(world.unit("web/0").agentStatus.status, "error");
});

test("a dying unit in error stays until it is resolved, or is forced away", async () => {
  for (const force of [false, true]) {
    const world = await new World().deploy(web).settle();
    failing("config-changed")(world);
    world.do({ type: "set-config", application: "web", settings: { port: 81 }, reset: [] });
    await world.settle();
    world.do({ type: "remove-unit", unit: "web/0" });
    await world.settle();
    equal(world.unit("web/0").life, "dying");
    if (force) world.do({ type: "remove-unit", unit: "web/0", force });
    else world.do({ type: "resolve", unit: "web/0", retry: false });
    world.taken();
    await world.settle();
    deepEqual(world.taken(), force ? [] : ["web/0 stop", "web/0 remove"]);
    deepEqual(world.state.units, {});
  }
});

test("a forced charm reaches a unit in error; the hook is tried again and upgrade-charm is not run", async () => {
  const world = await failing("install")(new World().deploy(web)).settle();
  world.do({ type: "add-charm", charm: { ...web, url: "local:web-1", revision: 1 } });
  world.do({ type: "set-charm", application: "web", charmUrl: "local:web-1" });
  equal(world.next("web/0"), undefined);
  world.do({ type: "set-charm", application: "web", charmUrl: "local:web-1", forceUnits: true });
  equal(world.next("web/0")?.kind, "upgrade-charm-files");
  await world.settle();
  world.script = () => {};
  world.taken();
  world.do({ type: "resolve", unit: "web/0", retry: true });
  await world.settle();
  deepEqual(world.taken().slice(0, 3), [
    "web/0 install",
    "web/0 peers-relation-created",
    "web/0 config-changed",
  ]);
  equal(world.unit("web/0").charmUrl, "local:web-1");
});

test("an interrupted hook is no error: it comes again", async () => {
  const world = new World().deploy(web);
  await world.step("web/0");
  const install = world.start("web/0");
  equal(world.unit("web/0").agentStatus.message, "running install hook");
  world.finish("web/0", install, { kind: "interrupted" });
  equal(world.unit("web/0").uniter.failed, undefined);
  const again = world.next("web/0");
  deepEqual([again?.hook?.name, again?.id], ["install", "3.install"]);
});

test("a joined that was interrupted is told in full although its unit is gone", async () => {
  const world = await new World().deploy(web, 1).settle();
  world.do({ type: "add-unit", application: "web", count: 1 });
  world.up();
  while (await world.step("web/1")) if (world.trace.at(-1) === "web/1 start") break;
  const joined = world.start("web/0");
  equal(joined.hook?.name, "peers-relation-joined");
  world.finish("web/0", joined, { kind: "interrupted" });
  world.do({ type: "remove-unit", unit: "web/1", force: true });
  world.taken();
  await world.settle();
  deepEqual(world.taken("web/0"), [
    "peers-relation-joined(web/1)",
    "peers-relation-changed(web/1)",
    "peers-relation-departed(web/1; departing web/1)",
  ]);
  deepEqual(Object.keys(world.state.relations[0]?.unitBags ?? {}), ["web/0"]);
});

test("after a reboot, start comes first; nothing runs until then", async () => {
  const world = await new World().deploy(web).settle();
  world.do({ type: "set-config", application: "web", settings: { port: 81 }, reset: [] });
  const operation = world.start("web/0");
  world.finish("web/0", operation, { kind: "reboot", requeue: true });
  equal(world.unit("web/0").agentStatus.status, "rebooting");
  equal(world.next("web/0"), undefined);
  world.do({ type: "machine-agent", machine: "0", status: "started", message: "", bootId: "2" });
  world.taken();
  await world.settle();
  deepEqual(world.taken(), ["web/0 start", "web/0 config-changed"]);
});

test("an agent that is lost shows nothing of its workload, and comes back as it was", async () => {
  const world = await new World().deploy(web).settle();
  world.do({ type: "set-status", unit: "web/0", status: "active", message: "fine" });
  world.do({
    type: "unit-agent",
    unit: "web/0",
    status: "lost",
    message: "agent is not communicating with the server",
  });
  equal(shown(world, "web/0"), "unknown: agent lost, see 'juju show-status-log web/0' / lost");
  world.do({ type: "unit-agent", unit: "web/0", status: "idle", message: "" });
  equal(shown(world, "web/0"), "active: fine / idle");
});

test("operations are started and finished once", async () => {
  const world = new World().deploy(web);
  const operation = world.start("web/0");
  deepEqual(world.do({ type: "start-operation", unit: "web/0", operationId: operation.id }), []);
  equal(
    refusal(() => world.do({ type: "start-operation", unit: "web/0", operationId: "9.stop" })),
    'not found: cannot start operation "9.stop" of unit "web/0": its next is "1.install-charm"',
  );
  world.finish("web/0", operation);
  deepEqual(
    world.do({
      type: "finish-operation",
      unit: "web/0",
      operationId: operation.id,
      outcome: { kind: "success" },
    }),
    [],
  );
  equal(
    refusal(() =>
      world.do({
        type: "finish-operation",
        unit: "web/0",
        operationId: "2.install",
        outcome: { kind: "success" },
      }),
    ),
    'not found: unit "web/0" has not started operation "2.install"',
  );
});

test("update-status comes by its timer, gives way to other hooks, and can be asked for", async () => {
  const world = await new World().deploy(web).settle();
  world.taken();
  const at = nextTimer(world.state) ?? 0;
  const delay = at - world.now;
  equal(delay > 230_000 && delay < 370_000, true);
  world.now = at;
  world.do({ type: "tick" });
  world.do({ type: "set-config", application: "web", settings: { port: 81 }, reset: [] });
  await world.settle();
  deepEqual(world.taken(), ["web/0 config-changed"]);
  world.now = nextTimer(world.state) ?? 0;
  world.do({ type: "tick" });
  equal(world.next("web/0")?.hook?.name, "update-status");
  const events = world.start("web/0");
  equal(world.unit("web/0").agentStatus.status, "idle");
  world.do({ type: "wake-unit", unit: "web/0", hook: "update-status" });
  world.finish("web/0", events);
  world.do({ type: "set-config", application: "web", settings: { port: 82 }, reset: [] });
  await world.settle();
  deepEqual(world.taken(), ["web/0 config-changed", "web/0 update-status"]);
});

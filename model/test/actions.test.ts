import { deepEqual, equal } from "node:assert/strict";
import { test } from "vitest";
import { validate } from "../src/schema/validate.ts";
import { web } from "./support/charms.ts";
import { World, refusal } from "./support/world.ts";

const run = (
  world: World,
  ...requests: { receiver: string; action: string; parameters?: Record<string, unknown> }[]
) => {
  world.do({ type: "enqueue-action", requests: requests.map((request) => ({ parameters: {}, ...request })) });
  const operation = Object.values(world.state.operations).at(-1)!;
  return { ...operation, all: operation.tasks.map((id) => world.state.tasks[id]!) };
};
const ready = async () => new World().deploy(web, 2).elect("web/1").settle();

test("an operation and its tasks share one counter; defaults are filled in; leader is resolved", async () => {
  const world = await ready();
  const { id, all, summary } = run(
    world,
    { receiver: "web/0", action: "ping" },
    { receiver: "web/leader", action: "ping", parameters: { count: 3 } },
  );
  deepEqual([id, ...all.map((task) => `${task.id} ${task.receiver}`)], ["1", "2 web/0", "3 web/1"]);
  deepEqual(
    all.map(({ parameters }) => parameters),
    [{ count: 1 }, { count: 3 }],
  );
  equal(summary, "ping run on unit-web-0,unit-web-1");
});

test("requests that cannot run are failures of the operation", async () => {
  const { failures, all } = run(
    await ready(),
    { receiver: "web/0", action: "dance" },
    { receiver: "web/9", action: "ping" },
    { receiver: "pg/leader", action: "ping" },
    { receiver: "web/0", action: "ping", parameters: { count: "many" } },
    { receiver: "web/0", action: "__proto__" },
  );
  deepEqual(
    failures.map(({ message }) => message),
    [
      'action "dance" not defined on unit "web/0"',
      'unit "web/9" not found',
      'could not determine leader for "pg"',
      'validation failed: (root).count : must be of type integer, given "many"',
      'action "__proto__" not defined on unit "web/0"',
    ],
  );
  deepEqual(all, []);
});

test("actions wait until the unit is installed, and then run one after the other", async () => {
  const world = new World().deploy(web);
  run(world, { receiver: "web/0", action: "ping" }, { receiver: "web/0", action: "ping" });
  await world.settle();
  deepEqual(world.taken().slice(0, 4), [
    "web/0 install",
    "web/0 peers-relation-created",
    "web/0 actions/ping",
    "web/0 actions/ping",
  ]);
});

test("a task runs, logs and ends with its results, and the unit is free again", async () => {
  const world = await ready();
  const { all } = run(world, { receiver: "web/0", action: "ping", parameters: { host: "a" } });
  const id = all[0]!.id;
  const operation = world.start("web/0");
  deepEqual([operation.kind, operation.taskId], ["run-action", id]);
  equal(world.unit("web/0").agentStatus.message, "running action ping");
  const hook = world.hook("web/0", operation);
  equal(await hook.ask("action-get", "host"), "a");
  await hook.ask("action-set", "out.first=1", "out.second=2");
  await hook.ask("relation-set", "-r", "peers:0", "seen=1");
  world.do({ type: "task-log", task: id, message: "half way" });
  const result = { status: "completed", message: "", results: hook.buffer.action.results } as const;
  world.do({ type: "finish-task", task: id, result, changes: hook.buffer.changes });
  const task = world.state.tasks[id]!;
  deepEqual(
    [task.status, task.results, task.log[0]?.message],
    ["completed", { out: { first: "1", second: "2" } }, "half way"],
  );
  equal(world.unit("web/0").agentStatus.status, "idle");
  equal(world.state.relations[0]?.unitBags["web/0"]?.values["seen"], "1");
  deepEqual(world.do({ type: "finish-task", task: id, result }), []);
});

test("a commit that fails makes the task fail, not the unit", async () => {
  const world = await ready();
  const { all } = run(world, { receiver: "web/0", action: "ping" });
  world.start("web/0");
  const changes = {
    ...world.hook("web/0", world.unit("web/0").uniter.current!).buffer.changes,
    relations: { 0: { application: { a: "b" } } },
  };
  const result = {
    status: "completed",
    message: "",
    results: { "return-code": 0, stderr: "warning\n" },
  } as const;
  world.do({ type: "finish-task", task: all[0]!.id, result, changes });
  const task = world.state.tasks[all[0]!.id]!;
  deepEqual(
    [task.status, task.message, task.results["return-code"]],
    ["failed", "committing requested changes failed", 1],
  );
  equal(
    task.results["stderr"],
    'warning\ncannot write application settings of relation 0: unit "web/0" is not the leader',
  );
  equal(world.unit("web/0").agentStatus.status, "idle");
});

test("tasks that end without a result", async () => {
  const world = await ready();
  const { all } = run(world, { receiver: "web/0", action: "ping" }, { receiver: "web/0", action: "ping" });
  world.finish("web/0", world.start("web/0"), { kind: "interrupted" });
  world.finish("web/0", world.start("web/0"), {
    kind: "failure",
    message: 'action not implemented on unit "web/0"',
  });
  deepEqual(
    all.map(({ id }) => `${world.state.tasks[id]?.status}: ${world.state.tasks[id]?.message}`),
    ["failed: action terminated", 'failed: action not implemented on unit "web/0"'],
  );
});

test("cancelling: at once before the start, by abort after it, not at all after the end", async () => {
  const world = await ready();
  const [first, second] = run(
    world,
    { receiver: "web/0", action: "ping" },
    { receiver: "web/0", action: "ping" },
  ).all;
  world.start("web/0");
  for (const task of [first!, second!]) world.do({ type: "cancel-task", task: task.id });
  deepEqual(
    [world.state.tasks[first!.id]?.status, world.state.tasks[second!.id]?.status],
    ["aborting", "cancelled"],
  );
  world.do({ type: "finish-task", task: first!.id, result: { status: "aborted", message: "", results: {} } });
  deepEqual(world.do({ type: "cancel-task", task: first!.id }), []);
  equal(world.next("web/0"), undefined);
  equal(
    refusal(() => world.do({ type: "cancel-task", task: "99" })),
    'not found: task "99" not found',
  );
});

test("commands run on units by the same queue, on machines by their agents", async () => {
  const world = await ready();
  const { all, failures } = run(
    world,
    { receiver: "web/0", action: "juju-exec", parameters: { command: "hostname" } },
    { receiver: "1", action: "juju-exec", parameters: { command: "hostname" } },
    { receiver: "7", action: "juju-exec" },
  );
  equal(failures[0]?.message, "machine 7 not found");
  world.start("web/0");
  equal(world.unit("web/0").agentStatus.message, "running commands");
  const id = all[1]!.id;
  world.do({ type: "start-task", task: id });
  world.do({
    type: "finish-task",
    task: id,
    result: { status: "completed", message: "", results: { "return-code": 0 } },
  });
  equal(world.state.tasks[id]?.status, "completed");
});

test("tasks of a unit that goes end with it; results go when they are old", async () => {
  const world = await ready();
  const { all } = run(world, { receiver: "web/0", action: "ping" });
  world.do({ type: "remove-unit", unit: "web/0", force: true });
  equal(world.state.tasks[all[0]!.id]?.status, "cancelled");
  world.now += 15 * 86_400_000;
  run(world, { receiver: "web/1", action: "ping" });
  deepEqual([Object.keys(world.state.operations), Object.keys(world.state.tasks)], [["3"], ["4"]]);
});

test.each([
  [{ type: "string" }, 5, ["(root) : must be of type string, given 5"]],
  [{ type: "number" }, 5, []],
  [{ type: "integer" }, 5.5, ["(root) : must be of type integer, given 5.5"]],
  [{ enum: ["a", "b"] }, "c", ['(root) : must match one of the enum values ["a","b"], given "c"']],
  [{ minimum: 1, exclusiveMinimum: true }, 1, ["(root) : must be greater than 1, given 1"]],
  [{ exclusiveMaximum: 5 }, 5, ["(root) : must be less than 5, given 5"]],
  [{ multipleOf: 0.1 }, 0.3, []],
  [{ pattern: "^a+$" }, "b", ["(root) : does not match pattern '^a+$'"]],
  [{ pattern: "(" }, "b", []],
  [{ minLength: 2 }, "😀", ["(root) : must have at least 2 characters"]],
  [{ items: { type: "string" } }, ["a", 1], ["(root).1 : must be of type string, given 1"]],
  [{ uniqueItems: true }, [{ a: 1 }, { a: 1 }], ["(root) : items must be unique"]],
  [{ required: ["a"] }, {}, ['(root) : "a" property is missing and required, given {}']],
  [
    { properties: { a: {} }, additionalProperties: false },
    { b: 1 },
    ['(root) : additional property "b" is not allowed, given {"b":1}'],
  ],
  [
    { patternProperties: { "^x-": { type: "string" } } },
    { "x-a": 1 },
    ["(root).x-a : must be of type string, given 1"],
  ],
  [
    { anyOf: [{ type: "string" }, { type: "null" }] },
    1,
    ["(root) : must validate at least one schema (anyOf)"],
  ],
  [
    { oneOf: [{ minimum: 1 }, { minimum: 2 }] },
    3,
    ["(root) : must validate one and only one schema (oneOf)"],
  ],
  [{ not: { type: "null" } }, null, ["(root) : must not validate the schema (not)"]],
  [{ required: ["constructor"] }, {}, ['(root) : "constructor" property is missing and required, given {}']],
] as [unknown, unknown, string[]][])("%j says of %j: %j", (schema, value, problems) => {
  deepEqual(validate(schema, value), problems);
});

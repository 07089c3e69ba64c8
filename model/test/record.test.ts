/** What is said of an event: when it came to be, and why. */
import { deepEqual, equal } from "node:assert/strict";
import { beforeEach, describe, test } from "vitest";
import { record } from "../src/index.ts";
import type { Cause, Request, Source } from "../src/index.ts";
import { web } from "./support/charms.ts";
import { World } from "./support/world.ts";

let world: World;
beforeEach(() => {
  world = new World().deploy(web);
});

/** The one cause of all that the command brings about. */
function causeOf(request: Request, source: Source): Cause {
  const recorded = record(world.state, { ...request, now: world.now }, source);
  const [first] = recorded;
  if (!first) throw new Error(`${request.type} brought nothing about`);
  for (const { at, cause } of recorded) deepEqual([at, cause], [world.now, first.cause]);
  return first.cause;
}

const says = { type: "set-status", unit: "web/0", status: "active", message: "hi" } as const;

describe("the cause of an event", () => {
  test("is the user, and the command", () => {
    deepEqual(causeOf({ type: "add-unit", application: "web", count: 2 }, { by: "user", user: "ann" }), {
      by: "user",
      user: "ann",
      command: "add-unit",
    });
  });

  test("is the hook that the unit runs, for what is said in it and for what it commits", () => {
    const { id } = world.start("web/0");
    world.finish("web/0", { id, kind: "install-charm" });
    const operation = world.start("web/0");
    const hook = { by: "agent", unit: "web/0", hook: "install", operationId: operation.id } as const;
    deepEqual(causeOf(says, { by: "agent" }), { ...hook, command: "set-status" });
    const outcome = { kind: "success" } as const;
    deepEqual(
      causeOf(
        { type: "finish-operation", unit: "web/0", operationId: operation.id, outcome },
        { by: "agent" },
      ),
      { ...hook, command: "finish-operation" },
    );
  });

  test("is the action, for its task", async () => {
    await world.settle();
    world.do({ type: "enqueue-action", requests: [{ receiver: "web/0", action: "ping", parameters: {} }] });
    const { id, taskId = "" } = world.start("web/0");
    equal(id.includes("run-action"), true);
    deepEqual(causeOf({ type: "task-log", task: taskId, message: "half" }, { by: "agent" }), {
      by: "agent",
      unit: "web/0",
      hook: "run-action",
      operationId: id,
      command: "task-log",
    });
  });

  test.each<[string, Request, Source]>([
    ["what nobody's hook has said", says, { by: "agent" }],
    [
      "what its agent says of itself",
      { type: "unit-agent", unit: "web/0", status: "lost", message: "" },
      { by: "agent" },
    ],
    [
      "an election that its agent brought about",
      { type: "elect-leader", application: "web", unit: "web/0" },
      { by: "agent" },
    ],
  ])("is the agent of the unit, for %s", (what, request, source) => {
    if (what !== "what nobody's hook has said") world.start("web/0");
    deepEqual(causeOf(request, source), { by: "agent", unit: "web/0", command: request.type });
  });

  test("is not the hook that a unit runs while others act on the unit", () => {
    world.elect("web/0");
    world.start("web/0");
    deepEqual(causeOf({ type: "depose-leader", application: "web", unit: "web/0" }, { by: "clock" }), {
      by: "clock",
      command: "depose-leader",
    });
    deepEqual(causeOf({ type: "remove-unit", unit: "web/0" }, { by: "user" }), {
      by: "user",
      command: "remove-unit",
    });
  });

  test("needs no event: what changes nothing is not recorded", () => {
    deepEqual(record(world.state, { type: "tick", now: world.now }, { by: "clock" }), []);
  });
});

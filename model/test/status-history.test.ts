/** What an event says in the history of statuses. */
import { deepEqual, equal } from "node:assert/strict";
import { test } from "vitest";
import { statusEntries, statusEvents } from "../src/index.ts";
import type { ModelEvent, Request } from "../src/index.ts";
import { web } from "./support/charms.ts";
import { World } from "./support/world.ts";

const cause = {
  by: "agent",
  unit: "web/0",
  hook: "start",
  operationId: "5.start",
  command: "set-status",
} as const;

function history(events: readonly ModelEvent[]) {
  return events.flatMap((event) => statusEntries({ at: 7, cause, event }));
}

test.each<[kind: string, entity: string, request: Request, status: string]>([
  ["workload", "web/0", { type: "set-status", unit: "web/0", status: "active", message: "hi" }, "active"],
  [
    "application",
    "web",
    { type: "set-application-status", unit: "web/0", status: "waiting", message: "hi" },
    "waiting",
  ],
  ["juju-unit", "web/0", { type: "unit-agent", unit: "web/0", status: "lost", message: "hi" }, "lost"],
  ["juju-machine", "0", { type: "machine-agent", machine: "0", status: "down", message: "hi" }, "down"],
  ["machine", "0", { type: "machine-instance", machine: "0", status: "running", message: "hi" }, "running"],
])("a status of the kind %s is of %s, with its cause", (kind, entity, request, status) => {
  const world = new World().deploy(web).elect("web/0");
  deepEqual(history(world.do(request)), [{ kind, entity, at: world.now, status, message: "hi", cause }]);
});

test("data of a status stay with it", async () => {
  const world = new World().deploy(web);
  world.script = ({ name }) => {
    if (name === "install") throw new Error("no");
  };
  await world.settle();
  const entry = history(world.log).findLast(({ kind }) => kind === "juju-unit");
  deepEqual([entry?.status, entry?.data], ["error", { hook: "install" }]);
});

test("it begins with what is shown from the first moment on", () => {
  const world = new World().deploy(web);
  const begun = history(world.log).map(({ kind, entity, status, message }) => [
    kind,
    entity,
    status,
    message,
  ]);
  const { units, machines } = world.state;
  const shown = [
    ["workload", "web/0", "waiting", "waiting for machine"],
    ["juju-unit", "web/0", "allocating", ""],
    ["juju-machine", "0", "pending", machines["0"]?.agentStatus.message],
    ["machine", "0", "pending", machines["0"]?.instanceStatus.message],
  ];
  for (const entry of shown)
    deepEqual(
      begun.find(([kind]) => kind === entry[0]),
      entry,
    );
  equal(history(world.log).find(({ kind }) => kind === "workload")?.at, units["web/0"]?.createdAt);
});

test("events that set no status are not part of it", () => {
  const world = new World().deploy(web, 2).elect("web/0");
  const types = new Set<string>(Object.values(statusEvents).flat());
  const others = world.log.filter(({ type }) => !types.has(type));
  equal(history(others).length, 0);
  equal(others.length > 5, true);
  deepEqual(history([{ type: "constructor" } as never]), []);
});

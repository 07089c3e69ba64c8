/** Storage: there before a unit is installed, told of when it comes and before it goes, added to by hooks and operators. */
import { deepEqual, equal } from "node:assert/strict";
import { describe, test } from "vitest";
import { hookEnvironment } from "../src/index.ts";
import { charm } from "./support/charms.ts";
import { StorageWorld, World, refusal } from "./support/world.ts";

const db = charm("db", {
  storage: {
    data: { type: "filesystem" },
    logs: { type: "block", multiple: { range: "0-2" } },
  },
});
const paths = {
  charmDir: "/charm",
  toolsDir: "/tools",
  socket: "/socket",
  contextId: "context",
  apiAddresses: [],
  version: "3.6.11",
  path: "/bin",
};

async function running(): Promise<StorageWorld> {
  const world = new StorageWorld();
  world.deploy(db).elect("db/0");
  await world.provide().settle();
  world.taken();
  return world;
}

describe("required storage", () => {
  test("is there, and told of, before install", async () => {
    const world = new StorageWorld();
    world.deploy(db).elect("db/0");
    await world.settle();
    deepEqual(world.taken("db/0"), []);
    await world.provide().settle();
    deepEqual(world.taken("db/0"), [
      "data-storage-attached",
      "install",
      "leader-elected",
      "config-changed",
      "start",
    ]);
  });

  test("each unit has its own, with a number of its own", () => {
    const world = new StorageWorld();
    world.deploy(db, 2);
    deepEqual(
      Object.values(world.state.storage?.instances ?? {}).map(({ id, unit, kind }) => [id, unit, kind]),
      [
        ["data/0", "db/0", "filesystem"],
        ["data/1", "db/1", "filesystem"],
      ],
    );
  });

  test("is let go before relations and stop, and goes with the unit", async () => {
    const world = await running();
    world.do({ type: "remove-unit", unit: "db/0" });
    await world.settle();
    deepEqual(world.taken("db/0"), ["data-storage-detaching", "stop", "remove"]);
    deepEqual(world.ids, []);
  });

  test("cannot be detached below what the charm requires", async () => {
    const world = await running();
    equal(
      refusal(() => world.do({ type: "detach-storage", storage: "data/0" })),
      'bad request: cannot detach storage "data/0": charm requires at least 1 of "data"',
    );
  });

  test("is refused by name where machines provide none", () => {
    equal(
      refusal(() => new World().deploy(db)),
      'not implemented: storage is not implemented: db requires "data"',
    );
  });
});

describe("further storage", () => {
  test("of an operator comes when it is there, and goes when it is told", async () => {
    const world = await running();
    world.do({ type: "add-storage", unit: "db/0", name: "logs", count: 2 });
    await world.settle();
    deepEqual(world.taken("db/0"), []);
    await world.provide().settle();
    deepEqual(world.taken("db/0"), ["logs-storage-attached", "logs-storage-attached"]);
    world.do({ type: "detach-storage", storage: "logs/1" });
    await world.settle();
    deepEqual(world.taken("db/0"), ["logs-storage-detaching"]);
    deepEqual(world.ids, ["data/0", "logs/2"]);
  });

  test("that the charm was never told of goes without a word", async () => {
    const world = await running();
    world.do({ type: "add-storage", unit: "db/0", name: "logs", count: 1 });
    world.do({ type: "detach-storage", storage: "logs/1" });
    await world.provide().settle();
    deepEqual([world.taken("db/0"), world.ids], [[], ["data/0"]]);
  });

  test("whose hook failed can be taken away, and the unit goes on", async () => {
    const world = await running();
    world.do({ type: "add-storage", unit: "db/0", name: "logs", count: 1 });
    world.script = ({ name }) => {
      if (name === "logs-storage-attached") throw new Error("no");
    };
    await world.provide().settle();
    equal(world.unit("db/0").agentStatus.status, "error");
    world.do({ type: "detach-storage", storage: "logs/1" });
    await world.settle();
    equal(world.unit("db/0").agentStatus.status, "idle");
  });

  test("comes again after a hook that was cut off", async () => {
    const world = await running();
    world.do({ type: "add-storage", unit: "db/0", name: "logs", count: 1 });
    world.provide().finish("db/0", world.start("db/0"), { kind: "interrupted" });
    await world.settle();
    deepEqual(world.taken("db/0"), ["logs-storage-attached"]);
  });

  test.each([
    ["a charm does not define", { name: "nope", count: 1 }, 'not found: charm storage "nope" not found'],
    [
      "is too much",
      { name: "logs", count: 3 },
      'bad request: cannot add storage "logs": at most 2 instances supported, 3 specified',
    ],
    [
      "is nothing",
      { name: "logs", count: 0 },
      'bad request: cannot add storage "logs": expected a count from 1 to 100',
    ],
  ])("that %s is refused", async (_, request, message) => {
    const world = await running();
    equal(
      refusal(() => world.do({ type: "add-storage", unit: "db/0", ...request })),
      message,
    );
  });
});

describe("a hook", () => {
  test("sees its storage, in tools and environment", async () => {
    const world = await running();
    world.do({ type: "add-storage", unit: "db/0", name: "logs", count: 1 });
    const seen: unknown[] = [];
    world.script = async ({ ask, view }) => {
      const { JUJU_STORAGE_ID, JUJU_STORAGE_LOCATION, JUJU_STORAGE_KIND } = hookEnvironment(view, paths);
      seen.push([JUJU_STORAGE_ID, JUJU_STORAGE_LOCATION, JUJU_STORAGE_KIND]);
      seen.push(await ask("storage-list", "--format=json"), await ask("storage-list", "data"));
      seen.push(
        await ask("storage-get", "location"),
        await ask("storage-get", "-s", "data/0", "--format=json"),
      );
    };
    await world.provide().settle();
    deepEqual(seen, [
      ["logs/1", "/srv/logs/1", "block"],
      '["data/0","logs/1"]',
      "data/0",
      "/srv/logs/1",
      '{"kind":"filesystem","location":"/srv/data/0"}',
    ]);
  });

  test("adds some with its commit, or fails with it", async () => {
    const world = await running();
    world.do({ type: "wake-unit", unit: "db/0", hook: "update-status" });
    world.script = async ({ ask }) => void (await ask("storage-add", "logs=2"));
    await world.settle();
    deepEqual(world.ids, ["data/0", "logs/1", "logs/2"]);
    world.do({ type: "wake-unit", unit: "db/0", hook: "update-status" });
    await world.settle();
    deepEqual(world.ids, ["data/0", "logs/1", "logs/2"]);
    equal(
      world.unit("db/0").uniter.failed?.message,
      'committing requested changes failed: cannot add storage "logs": at most 2 instances supported, 4 specified',
    );
  });
});

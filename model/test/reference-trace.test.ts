/** The reference trace: one charm through its whole life, hook by hook. */
import { deepEqual } from "node:assert/strict";
import { test } from "vitest";
import { charm, pg } from "./support/charms.ts";
import { StorageWorld } from "./support/world.ts";

const web = charm(
  "web",
  {
    storage: { data: { type: "filesystem" } },
    peers: { peers: { interface: "web-peers" } },
    requires: { db: { interface: "pgsql" } },
  },
  { options: { port: { type: "int", default: 80 } }, actions: { ping: {} } },
);

test("the reference trace", async () => {
  const world = new StorageWorld();
  world.deploy(web, 2).elect("web/0");
  world.provide();
  const chapter = async (title: string, expected: Record<string, string[]>) => {
    await world.settle();
    const lines = [...world.trace];
    world.trace.length = 0;
    for (const [unit, hooks] of Object.entries(expected)) {
      const actual = lines
        .filter((line) => line.startsWith(`${unit} `))
        .map((line) => line.slice(unit.length + 1));
      deepEqual(actual, hooks, `${title}: ${unit}`);
    }
  };
  await chapter("deploy web -n 2", {
    "web/0": [
      "data-storage-attached",
      "install",
      "peers-relation-created",
      "leader-elected",
      "config-changed",
      "start",
      "peers-relation-joined(web/1)",
      "peers-relation-changed(web/1)",
    ],
    "web/1": [
      "data-storage-attached",
      "install",
      "peers-relation-created",
      "config-changed",
      "start",
      "peers-relation-joined(web/0)",
      "peers-relation-changed(web/0)",
    ],
  });
  world.deploy(pg).elect("pg/0");
  await chapter("deploy pg", {
    "pg/0": ["install", "cluster-relation-created", "leader-elected", "config-changed", "start"],
  });
  world.do({ type: "integrate", endpoints: ["web", "pg"] });
  const joined = ["db-relation-created", "db-relation-joined(pg/0)", "db-relation-changed(pg/0)"];
  await chapter("integrate web pg", { "web/0": joined, "web/1": joined });
  world.do({ type: "set-config", application: "web", settings: { port: "81" }, reset: [] });
  await chapter("config web port=81", {
    "web/0": ["config-changed"],
    "web/1": ["config-changed"],
    "pg/0": [],
  });
  world.do({ type: "enqueue-action", requests: [{ receiver: "web/0", action: "ping", parameters: {} }] });
  await chapter("run web/0 ping", { "web/0": ["actions/ping"], "web/1": [] });
  world.do({ type: "add-charm", charm: { ...web, url: "local:web-1", revision: 1 } });
  world.do({ type: "set-charm", application: "web", charmUrl: "local:web-1" });
  await chapter("refresh web", {
    "web/0": ["upgrade-charm", "config-changed"],
    "web/1": ["upgrade-charm", "config-changed"],
  });
  world.do({ type: "remove-relation", endpoints: ["web", "pg"] });
  const departed = ["db-relation-departed(pg/0; departing pg/0)", "db-relation-broken"];
  await chapter("remove-relation web pg", { "web/0": departed, "web/1": departed });
  world.do({ type: "remove-unit", unit: "web/1" });
  await chapter("remove-unit web/1", {
    "web/1": ["data-storage-detaching", "peers-relation-departed(web/0; departing web/1)", "stop", "remove"],
    "web/0": ["peers-relation-departed(web/1; departing web/1)"],
  });
  world.now += 600_000;
  world.do({ type: "tick" });
  await chapter("ten minutes later", { "web/0": ["update-status"], "pg/0": ["update-status"] });
});

/** What was deferred, in a world that has moved on; and events of the charm's own. */
import type { State } from "../../../../lib/src/testing/state.ts";
import type { Case, Hook } from "../twins.ts";
import { follower, world } from "./world.ts";

const step = (event: Hook["event"], script: Hook["script"], changes?: State): Hook => ({
  event,
  script,
  ...(changes && { changes }),
});
const changed = { hook: "db-relation-changed", relation: 3, unit: "pg/0" };
/** Relation 3 is gone, the others are there. */
const gone: State = { relations: world.relations?.filter(({ id }) => id !== 3) ?? [] };
const storage = { "data/0": "/srv/data/0", "data/1": "/srv/data/1" };

export const deferralCases: readonly Case[] = [
  {
    title: "a deferred change of a relation that is gone comes back with one that is not active",
    given: world,
    hooks: [
      step(changed, { "db-relation-changed": [["defer"]] }),
      step(
        "update-status",
        {
          "db-relation-changed": [
            ["facts"],
            ["units", "event"],
            ["get", "event", "twin/0"],
            ["get", "event", "twin"],
            ["try", ["set", "event", "unit", { a: "b" }]],
            ["try", ["set", "event", "app", { a: "b" }]],
            ["relations", "db"],
          ],
          "update-status": [["facts"]],
        },
        gone,
      ),
      step("update-status", { "db-relation-changed": [["facts"]], "update-status": [["facts"]] }),
    ],
  },
  {
    title: "a relation that is gone, seen by a follower",
    given: follower,
    hooks: [
      step(changed, { "db-relation-changed": [["defer"]] }),
      step(
        "update-status",
        {
          "db-relation-changed": [
            ["facts"],
            ["get", "event", "twin"],
            ["try", ["set", "event", "app", { a: "b" }]],
            ["defer"],
          ],
        },
        { ...gone, leader: false },
      ),
      step("start", { "db-relation-changed": [["facts"]], start: [["facts"]] }),
    ],
  },
  {
    title: "a follower does not read its application's databag while the relation ends either",
    given: follower,
    hooks: [
      step(
        { hook: "db-relation-broken", relation: 3 },
        {
          "db-relation-broken": [
            ["get", "event", "twin/0"],
            ["try", ["get", "event", "twin"]],
          ],
        },
      ),
    ],
  },
  {
    title: "the databag of one who was in a relation that is gone",
    differs: "gone-databag",
    given: world,
    hooks: [
      step(changed, { "db-relation-changed": [["defer"]] }),
      step("update-status", { "db-relation-changed": [["try", ["get", "event", "pg/0"]]] }, gone),
    ],
  },
  {
    title: "a deferred change comes before the end of its relation, which is not active then",
    given: world,
    hooks: [
      step(changed, { "db-relation-changed": [["defer"]] }),
      step(
        { hook: "db-relation-broken", relation: 3 },
        {
          "db-relation-changed": [["facts"], ["relations", "db"], ["defer"]],
          "db-relation-broken": [["facts"], ["get", "event", "pg"], ["defer"]],
        },
      ),
      step(
        "update-status",
        { "db-relation-changed": [["facts"]], "db-relation-broken": [["facts"], ["units", "event"]] },
        gone,
      ),
    ],
  },
  {
    title: "a deferred departure says who left, also when the relation is gone",
    given: world,
    hooks: [
      step(
        { hook: "db-relation-departed", relation: 3, unit: "pg/0" },
        { "db-relation-departed": [["defer"]] },
      ),
      step("update-status", { "db-relation-departed": [["facts"], ["defer"]] }),
      step("start", { "db-relation-departed": [["facts"]] }, gone),
    ],
  },
  {
    title: "a deferred event of a peer relation",
    given: world,
    hooks: [
      step({ hook: "peers-relation-changed" }, { "peers-relation-changed": [["defer"]] }),
      step("update-status", { "peers-relation-changed": [["facts"], ["get", "event", "twin/1"]] }),
    ],
  },
  {
    title: "deferred storage that is still there",
    given: { ...world, storage },
    hooks: [
      step({ hook: "data-storage-attached", storage: "data/1" }, { "data-storage-attached": [["defer"]] }),
      step("update-status", { "data-storage-attached": [["facts"], ["location"]] }),
    ],
  },
  {
    title: "deferred storage that is gone",
    differs: "gone-storage",
    exits: [0, 1],
    given: { ...world, storage },
    hooks: [
      step({ hook: "data-storage-attached", storage: "data/1" }, { "data-storage-attached": [["defer"]] }),
      step(
        "update-status",
        { "data-storage-attached": [["facts"]], "update-status": [["status", "active", ""]] },
        { storage: {} },
      ),
    ],
  },
  {
    title: "an event of the charm's own is deferred with what it holds",
    given: world,
    hooks: [
      step("config-changed", { "config-changed": [["ping", "one"]], pinged: [["word"], ["defer"]] }),
      step("update-status", { pinged: [["word"], ["defer"]], "update-status": [["ping", "two"]] }),
      step("start", { pinged: [["word"]], start: [["facts"]] }),
      step("start", { pinged: [["word"]], start: [["facts"]] }),
    ],
  },
  {
    title: "an event of the charm's own is there once for each of what it may hold",
    given: world,
    hooks: [
      step("config-changed", {
        "config-changed": [
          ["ping", "one"],
          ["ping", "two"],
          ["ping", "one"],
        ],
        pinged: [["word"], ["defer"]],
      }),
      step("start", { pinged: [["word"]] }),
    ],
  },
  {
    title: "an event that emits its equal does not come again inside itself",
    given: world,
    hooks: [
      step("config-changed", { "config-changed": [["ping", "one"]], pinged: [["word"], ["ping", "one"]] }),
    ],
  },
  {
    title: "deferred events have the order in which they were emitted, not that in which they were deferred",
    given: world,
    hooks: [
      step("config-changed", {
        "config-changed as one": [["ping", "inner"]],
        "config-changed as two": [["defer"]],
        pinged: [["word"], ["defer"]],
      }),
      step("start", { "config-changed as two": [["defer"]], pinged: [["word"], ["defer"]] }),
      step("start", { "config-changed as two": [["facts"]], pinged: [["word"]], start: [["facts"]] }),
    ],
  },
  {
    title: "only the handlers that deferred are called again, each until it has done",
    given: world,
    hooks: [
      step("config-changed", {
        "config-changed as one": [["defer"]],
        "config-changed as two": [["facts"]],
        "config-changed as three": [["defer"]],
      }),
      step("config-changed", {
        "config-changed as one": [["facts"]],
        "config-changed as two": [["facts"]],
        "config-changed as three": [["defer"]],
      }),
      step("start", {
        "config-changed as one": [["facts"]],
        "config-changed as two": [["facts"]],
        "config-changed as three": [["facts"]],
      }),
    ],
  },
  {
    title:
      "after an upgrade, what nobody observes any more is dropped, and so is a handler that has another name",
    given: world,
    hooks: [
      step("config-changed", { "config-changed as before": [["defer"]] }),
      step("install", { "install as other": [["defer"]], "config-changed as before": [["defer"]] }),
      step("start", { "config-changed as after": [["facts"]], start: [["facts"]] }),
      step("start", { "config-changed as before": [["facts"]], "install as other": [["facts"]] }),
    ],
  },
];

/** Every kind of event: that it comes, and with what. */
import type { State } from "../../../../lib/src/testing/state.ts";
import type { Case } from "../twins.ts";
import { appSecret, follower, one, remoteSecret, world } from "./world.ts";

const lifecycle = [
  "install",
  "start",
  "config-changed",
  "update-status",
  "upgrade-charm",
  "leader-elected",
  "leader-settings-changed",
  "stop",
  "remove",
];
const relation = (kind: string, more: object = {}) => ({ hook: `db-relation-${kind}`, relation: 3, ...more });
const storing: State = { ...world, storage: { "data/0": "/srv/data/0", "data/1": "/srv/data/1" } };

export const eventCases: readonly Case[] = [
  ...lifecycle.map((event) => one(`${event} sets a status`, event, [["facts"], ["status", "active", event]])),
  one("created names the application", relation("created"), [["facts"], ["relations", "db"]]),
  one("joined names the unit", relation("joined", { unit: "pg/1" }), [["facts"], ["get", "event", "pg/1"]]),
  one("changed of a unit", relation("changed", { unit: "pg/0" }), [["facts"], ["get", "event", "pg/0"]]),
  one("departed lets the leaving unit's databag be read", relation("departed", { unit: "pg/0" }), [
    ["facts"],
    ["units", "event"],
    ["get", "event", "pg/0"],
  ]),
  one("departed because this unit leaves", relation("departed", { unit: "pg/0", departingUnit: "twin/0" }), [
    ["facts"],
    ["units", "event"],
  ]),
  one("broken is left out of the list, and carried by the event", relation("broken"), [
    ["facts"],
    ["relations", "db"],
    ["get", "event", "pg"],
  ]),
  one(
    "broken, when nobody is left",
    relation("broken"),
    [
      ["units", "event"],
      ["relations", "db"],
    ],
    {
      given: { ...world, relations: [{ endpoint: "db", id: 3, app: "pg", dying: true }] },
    },
  ),
  one("a peer joins", { hook: "peers-relation-joined" }, [["facts"], ["relations", "peers"]]),
  one(
    "a peer's application databag, by a follower",
    { hook: "peers-relation-changed" },
    [["get", "peers", "twin"]],
    {
      given: follower,
    },
  ),
  one("a relation of several, by its id", { hook: "db-relation-changed", relation: 7 }, [
    ["facts"],
    ["get", "event", "other/4"],
  ]),
  one("a secret changed", { hook: "secret-changed", secret: remoteSecret }, [
    ["facts"],
    ["secret-read", "event"],
  ]),
  one("a secret is to be rotated", { hook: "secret-rotate", secret: appSecret }, [
    ["facts"],
    ["secret-set", "event", { token: "fresh" }],
  ]),
  one("a secret expired", { hook: "secret-expired", secret: appSecret, revision: 1 }, [
    ["facts"],
    ["event-remove-revision"],
  ]),
  one("a secret's revision is read by nobody", { hook: "secret-remove", secret: appSecret, revision: 1 }, [
    ["facts"],
    ["event-remove-revision"],
  ]),
  one("storage attached", { hook: "data-storage-attached", storage: "data/1" }, [["facts"], ["location"]], {
    given: storing,
  }),
  one(
    "storage detaching",
    { hook: "data-storage-detaching", storage: "data/1" },
    [["facts"], ["storage", "data"]],
    { given: storing },
  ),
  one("more storage is asked for", "config-changed", [["storage-request", "data", 2]], { given: storing }),
  one("an action has parameters and their defaults", { action: "backup", params: { depth: 3 } }, [["facts"]]),
  one("an action by the name of a hook is no hook", { action: "start" }, [
    ["facts"],
    ["results", { ok: "yes" }],
  ]),
  one("statuses are collected, the worst is set", "update-status", [], {
    given: world,
  }),
  {
    title: "of collected statuses the worst is set, for unit and application",
    given: world,
    hooks: [
      {
        event: "update-status",
        script: {
          "collect-unit-status": [
            ["add-status", "active", "a"],
            ["add-status", "blocked", "b"],
            ["add-status", "waiting", "c"],
            ["add-status", "blocked", "d"],
          ],
          "collect-app-status": [
            ["add-status", "waiting", "e"],
            ["add-status", "maintenance", "f"],
          ],
        },
      },
    ],
  },
  {
    title: "a follower collects no status of the application",
    given: follower,
    hooks: [
      {
        event: "config-changed",
        script: { "collect-app-status": [["add-status", "active", "e"]], "collect-unit-status": [] },
      },
    ],
  },
  {
    title: "an event that the charm does not define is left alone",
    given: world,
    hooks: [
      {
        event: "config-changed",
        env: { JUJU_DISPATCH_PATH: "hooks/gone-relation-changed" },
        script: { install: [] },
      },
    ],
  },
  {
    title: "an event that nobody observes",
    given: world,
    hooks: [{ event: "start", script: { install: [["status", "active", ""]] } }],
  },
  {
    title: "an event of the charm's own is delivered at once, inside the other",
    given: world,
    hooks: [
      {
        event: "config-changed",
        script: {
          "config-changed": [
            ["ping", "one"],
            ["status", "active", "after"],
            ["ping", "two"],
          ],
          pinged: [["word"]],
        },
      },
    ],
  },
];

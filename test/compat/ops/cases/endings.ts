/** Actions, and what is left after a hook: by success, by failure, by deferral. */
import type { Op } from "../charm/src/charm.ts";
import type { Case, Hook } from "../twins.ts";
import { appSecret, follower, one, remoteSecret, world } from "./world.ts";

const rotate = { hook: "secret-rotate", secret: appSecret };
const expired = { hook: "secret-expired", secret: appSecret, revision: 1 };
const backup = { action: "backup" };
const inAction = (title: string, ops: readonly Op[], exit = 0): Case => one(title, backup, ops, { exit });
const step = (event: Hook["event"], script: Hook["script"]): Hook => ({ event, script });
const writes: readonly Op[] = [
  ["status", "maintenance", "half way"],
  ["version", "2"],
  ["set", "db:3", "unit", { half: "way" }],
  ["open-port", "443/tcp"],
  ["secret-add", "application", { password: "lost" }],
  ["store", "half", "way"],
];

export const endingCases: readonly Case[] = [
  inAction("results are flattened", [
    ["results", { text: "a=b\n'c'", n: 1, db: { size: { mb: 3 } }, "x.y": "z" }],
  ]),
  inAction("results add up", [
    ["results", { a: "1" }],
    ["results", { b: "2" }],
  ]),
  inAction("a result's key that cannot be", [
    ["try", ["results", { Bad: "1" }]],
    ["try", ["results", { a_b: "1" }]],
  ]),
  inAction("a result twice", [["try", ["results", { a: { b: "1" }, "a.b": "2" }]]]),
  inAction("an action logs", [["action-log", "--half way"]]),
  inAction("an action fails, and goes on", [
    ["action-fail", "no disk"],
    ["results", { done: "1" }],
    ["status", "active", ""],
  ]),
  inAction(
    "an action throws",
    [
      ["results", { early: "1" }],
      ["raise", "boom"],
    ],
    1,
  ),
  inAction("an action cannot be deferred", [["try", ["defer"]]]),
  inAction("an action writes as a hook does", writes.slice(0, 4)),

  one("a hook that throws leaves only what shows at once", "config-changed", [...writes, ["raise", "boom"]], {
    exit: 1,
  }),
  one("a hook that says its own exit code", "config-changed", [...writes, ["exit", 3]], { exit: 3 }),
  one("a hook that ends early, and well", "config-changed", [
    ["status", "blocked", "b"],
    ["exit", 0],
    ["version", "3"],
  ]),
  one("a tool that fails, unhandled", "config-changed", [["status", "active", ""]], {
    exit: 1,
    answers: { "status-set": { exitCode: 1, stderr: "ERROR no\n" } },
  }),
  one(
    "a tool that fails, handled",
    "config-changed",
    [
      ["try", ["version", "2"]],
      ["status", "active", ""],
    ],
    {
      answers: { "application-version-set": { exitCode: 1, stderr: "ERROR no\n" } },
    },
  ),
  one("a tool that prints garbage", "config-changed", [["config"]], {
    exit: 1,
    answers: { "config-get": { stdout: "<html>" } },
  }),
  one("permission is refused in earnest", "config-changed", [["try", ["set", "db:3", "unit", { a: "b" }]]], {
    answers: { "relation-set": { exitCode: 1, stderr: "ERROR access denied\n" } },
  }),
  one("leadership is lost before a write", "config-changed", [["try", ["set", "db:3", "app", { a: "b" }]]], {
    answers: { "relation-set": { exitCode: 1, stderr: "ERROR cannot write relation settings\n" } },
  }),
  {
    title: "what is stored is found again",
    given: world,
    hooks: [
      step("install", {
        install: [
          ["store", "seen", { n: [1, 2, "x"] }],
          ["stored", "never"],
        ],
      }),
      step("start", { start: [["stored", "seen"]] }),
    ],
  },
  {
    title: "a default is stored once",
    given: world,
    hooks: [
      step("install", { install: [["default", "seen", [1]]] }),
      step("start", { start: [["default", "seen", [2]]] }),
    ],
  },
  {
    title: "what a failed hook stored is not",
    exits: [0, 1, 0],
    given: world,
    hooks: [
      step("install", { install: [["store", "seen", 1]] }),
      step("start", {
        start: [
          ["store", "seen", 2],
          ["raise", "boom"],
        ],
      }),
      step("start", { start: [["stored", "seen"]] }),
    ],
  },
  {
    title: "a deferred event comes first next time, and not again",
    given: world,
    hooks: [
      step("config-changed", { "config-changed": [["status", "waiting", "w"], ["defer"]] }),
      step("update-status", { "config-changed": [["status", "active", "a"]], "update-status": [["leader"]] }),
      step("update-status", { "config-changed": [["status", "active", "b"]], "update-status": [["leader"]] }),
    ],
  },
  {
    title: "a deferred event that defers again",
    given: world,
    hooks: [
      step("config-changed", { "config-changed": [["defer"]] }),
      step("update-status", { "config-changed": [["defer"]], "update-status": [["status", "active", ""]] }),
      step("start", { "config-changed": [["facts"]], start: [["facts"]] }),
    ],
  },
  {
    title: "the same event deferred twice is there once",
    given: world,
    hooks: [
      step("config-changed", { "config-changed": [["defer"]] }),
      step("config-changed", { "config-changed": [["defer"]] }),
      step("update-status", { "config-changed": [["facts"]], "update-status": [["facts"]] }),
    ],
  },
  {
    title: "deferred events of several kinds keep their order and what they are about",
    given: world,
    hooks: [
      step(
        { hook: "db-relation-changed", relation: 3, unit: "pg/0" },
        { "db-relation-changed": [["defer"]] },
      ),
      step("config-changed", { "config-changed": [["defer"]], "db-relation-changed": [["defer"]] }),
      step("update-status", {
        "db-relation-changed": [["facts"], ["get", "event", "pg/0"]],
        "config-changed": [["facts"]],
        "update-status": [["facts"]],
      }),
    ],
  },
  {
    title: "a hook that fails keeps what was deferred before it, and drops its own",
    exits: [0, 1, 0],
    given: follower,
    hooks: [
      step("config-changed", { "config-changed": [["defer"]] }),
      step("start", { "config-changed": [["facts"]], start: [["defer"], ["raise", "boom"]] }),
      step("start", { "config-changed": [["facts"]], start: [["facts"]] }),
    ],
  },
  {
    title: "stop, remove, rotate and expired cannot be deferred",
    given: world,
    hooks: [
      ...["stop", "remove"].map((event) => step(event, { [event]: [["try", ["defer"]]] })),
      step(rotate, { "secret-rotate": [["try", ["defer"]]] }),
      step(expired, { "secret-expired": [["try", ["defer"]]] }),
    ],
  },
  {
    title: "a rotation that defers fails, keeps no deferral, and comes again",
    exits: [1, 0, 0],
    given: world,
    hooks: [
      step(rotate, { "secret-rotate": [["secret-set", "event", { token: "lost" }], ["defer"]] }),
      step(rotate, { "secret-rotate": [["secret-set", "event", { token: "fresh" }]] }),
      step("update-status", { "secret-rotate": [["facts"]], "update-status": [["secret-read", "mine"]] }),
    ],
  },
  {
    title: "an expiry that defers fails, keeps no deferral, and comes again",
    exits: [1, 0],
    given: world,
    hooks: [
      step(expired, { "secret-expired": [["event-remove-revision"], ["defer"]] }),
      step(expired, { "secret-expired": [["facts"], ["event-remove-revision"]] }),
    ],
  },
  {
    title: "what was deferred comes before a rotation and an expiry, and may wait on",
    given: world,
    hooks: [
      step("config-changed", { "config-changed": [["defer"]] }),
      step(rotate, {
        "config-changed": [["secret-read", "mine"], ["defer"]],
        "secret-rotate": [["facts"], ["secret-set", "event", { token: "fresh" }]],
      }),
      step(expired, { "config-changed": [["facts"]], "secret-expired": [["facts"]] }),
    ],
  },
  {
    title: "deferred changes and removals of secrets come back with what they are about",
    given: world,
    hooks: [
      step({ hook: "secret-changed", secret: remoteSecret }, { "secret-changed": [["defer"]] }),
      step({ hook: "secret-remove", secret: appSecret, revision: 1 }, { "secret-remove": [["defer"]] }),
      step("update-status", {
        "secret-changed": [["facts"], ["secret-read", "event", { refresh: true }]],
        "secret-remove": [["facts"], ["event-remove-revision"]],
      }),
    ],
  },
  {
    title: "a reboot now keeps nothing that was stored, nor a deferral",
    given: world,
    hooks: [
      step("install", { install: [["store", "seen", 1], ["defer"], ["reboot", true]] }),
      step("start", { install: [["facts"]], start: [["stored", "seen"]] }),
    ],
  },
  {
    title: "databags and statuses over several hooks",
    given: world,
    hooks: [
      step("install", {
        install: [
          ["status", "maintenance", "i"],
          ["set", "db:3", "unit", { a: "1", b: "2" }],
        ],
      }),
      step("start", {
        start: [
          ["set", "db:3", "unit", { a: "1", b: "" }],
          ["set", "db:3", "app", { c: "3" }],
        ],
      }),
      step("update-status", {
        "update-status": [["get", "db:3", "twin/0"], ["get", "db:3", "twin"], ["status-read"]],
      }),
    ],
  },
];

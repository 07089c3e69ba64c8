/** Every tool: what is written, what is read, what is refused. */
import type { Op } from "../charm/src/charm.ts";
import type { Case } from "../twins.ts";
import { follower, one, remoteSecret, unitSecret, world } from "./world.ts";

const hook = "config-changed";
const long = "x".repeat(20_000);
const odd = "a=b\n'\"$(id) ü --help";

export const toolCases: readonly Case[] = [
  one("config is typed, without what has no value", hook, [["config"]]),
  one("options made into a value of the charm's own", hook, [
    ["load-config", "blocked"],
    ["status", "active", "a"],
  ]),
  one(
    "options that do not fit block, and end the hook well",
    hook,
    [
      ["version", "2"],
      ["load-config", "blocked"],
      ["status", "active", "a"],
    ],
    { given: { ...world, config: { port: 2000 } } },
  ),
  one("options that do not fit throw", hook, [["load-config", "throw"]], {
    given: { ...world, config: { port: 2000 } },
    exit: 1,
  }),
  one("parameters that fit", { action: "backup", params: { depth: 3 } }, [["load-params", "fail"]]),
  one(
    "parameters that do not fit fail the action, and end it well",
    { action: "backup", params: { depth: 3000 } },
    [
      ["load-params", "fail"],
      ["results", { done: "1" }],
    ],
  ),
  one("the model's names", hook, [["model"]]),
  one("the leader knows it", hook, [["leader"]]),
  one("the follower knows it", hook, [["leader"]], { given: follower }),
  one("planned units", hook, [["planned-units"]]),

  one("each status", hook, [
    ["status", "maintenance", "m"],
    ["status", "waiting", ""],
    ["status", "blocked", odd],
    ["status", "active", "--message"],
  ]),
  one("the leader sets its application's status", hook, [
    ["app-status", "blocked", "no"],
    ["app-status-read"],
  ]),
  one("a follower does not set it", hook, [["try", ["app-status", "active", ""]]], {
    given: follower,
    differs: "app-status-refusal",
  }),
  one("a status is read", hook, [["status-read"]]),
  one("a version", hook, [["version", "1.36.3"]]),
  one("a log line is no write", hook, [["log", "warning", odd]]),

  one("a databag is written, by difference", hook, [
    ["set", "db:3", "unit", { asked: "yes", text: odd, long, gone: "" }],
  ]),
  one("the empty string deletes", hook, [
    ["set", "db:3", "unit", { old: "" }],
    ["get", "db:3", "twin/0"],
  ]),
  one("nothing to write is not written", hook, [["set", "db:3", "unit", { asked: "yes" }]]),
  one("what was written is read", hook, [
    ["set", "db:3", "unit", { n: "1" }],
    ["get", "db:3", "twin/0"],
  ]),
  one("the leader writes for its application", hook, [["set", "db:3", "app", { user: "me" }]]),
  one("a follower does not", hook, [["try", ["set", "db:3", "app", { user: "me" }]]], { given: follower }),
  one("a follower does not read its application's databag", hook, [["try", ["get", "db:3", "twin"]]], {
    given: follower,
  }),
  one("a leader reads it", hook, [["get", "db:3", "twin"]]),
  one("peers share a databag", hook, [
    ["set", "peers", "app", { term: "2" }],
    ["get", "peers", "twin"],
  ]),
  one("relations and their units", hook, [
    ["relations", "db"],
    ["relations", "website"],
    ["units", "db:3"],
  ]),
  one("an endpoint that is not there", hook, [["try", ["relations", "nope"]]]),
  one("a number is no value of a databag", hook, [["try", ["set", "db:3", "unit", { n: 1 }]]]),
  one("the other side's databags", hook, [
    ["get", "db:3", "pg/0"],
    ["get", "db:3", "pg/1"],
    ["get", "db:3", "pg"],
  ]),
  one("the other side's model", hook, [["remote-model", "db:3"]]),
  one("a relation is lost between two questions", hook, [["relations", "db"]], {
    answers: {
      "relation-list": {
        exitCode: 2,
        stderr: 'ERROR invalid value "db:3" for option -r: relation not found\n',
      },
    },
  }),
  one("a databag of a relation that just went", hook, [["get", "db:3", "pg/0"]], {
    answers: {
      "relation-get": { exitCode: 1, stderr: "ERROR permission denied (unauthorized access)\n" },
    },
  }),
  one("addresses of a binding", hook, [
    ["binding", "db"],
    ["binding", "admin"],
  ]),
  one("addresses of a relation", hook, [["relation-binding", "db:3"]]),

  one("ports open and close", hook, [
    ["open-port", "443/tcp"],
    ["open-port", "icmp"],
    ["close-port", "80/tcp"],
    ["ports"],
  ]),
  one("ports are set by difference", hook, [["set-ports", "80/tcp", "53/udp"]]),
  one("ports are set to none", hook, [["set-ports"]]),
  one("a port that cannot be", hook, [["try", ["open-port", "99999/tcp"]]]),
  one("a resource", hook, [["resource", "package"]]),
  one("a resource that no charm has", hook, [["try", ["resource", "nope"]]]),
  one("a reboot after the hook", hook, [["reboot"], ["status", "active", "after"]]),
  one("a reboot now ends the hook, and well", hook, [
    ["status", "maintenance", "reboots"],
    ["set", "db:3", "unit", { kept: "yes" }],
    ["reboot", true],
    ["status", "active", "after"],
  ]),
  one(
    "a reboot now that is refused ends nothing",
    hook,
    [
      ["try", ["reboot", true]],
      ["status", "active", ""],
    ],
    {
      answers: { "juju-reboot": { exitCode: 1, stderr: "ERROR no\n" } },
    },
  ),
  one("a reboot in an action is refused", { action: "backup" }, [
    ["try", ["reboot"]],
    ["try", ["reboot", true]],
  ]),

  one("a secret is made and read at once", hook, [
    ["secret-add", "application", { password: odd, token: long }, { label: "fresh", rotate: "daily" }],
    ["secret-read", "new"],
  ]),
  one("a secret of the unit, with all that describes it", hook, [
    ["secret-add", "unit", { password: "p" }, { description: "d", expire: "2030-01-01T00:00:00Z" }],
  ]),
  one(
    "a follower makes none for its application",
    hook,
    [["try", ["secret-add", "application", { abc: "d" }]]],
    {
      given: follower,
    },
  ),
  one("content that cannot be", hook, [
    ["try", ["secret-add", "unit", {}]],
    ["try", ["secret-add", "unit", { X: "y" }]],
    ["try", ["secret-add", "unit", { "ab--c": "y" }]],
    ["try", ["secret-add", "unit", { abc: 1 }]],
  ]),
  one("a secret is read as it is tracked, peeked, refreshed", hook, [
    ["secret-read", remoteSecret],
    ["secret-peek", remoteSecret],
    ["secret-read", remoteSecret, { refresh: true }],
  ]),
  one("a reader gives it a label", hook, [["secret-read", { id: remoteSecret, label: "theirs" }]]),
  one("a secret by its label", hook, [["secret-read", "mine"]]),
  one("a secret that is not there", hook, [
    ["try", ["secret-read", "nosuchsecret00000000"]],
    ["try", ["secret-read", "no-such-label"]],
  ]),
  one("a secret gets new content, by id and by label", hook, [
    ["secret-set", unitSecret, { token: "new" }],
    ["secret-set", "mine", { token: "newer" }],
  ]),
  one("new content is not what this hook reads, but by a peek or a refresh", hook, [
    ["secret-set", "mine", { token: "newer" }],
    ["secret-read", "mine"],
    ["secret-peek", "mine"],
    ["secret-read", "mine", { refresh: true }],
  ]),
  one("a secret is made, changed and read at once", hook, [
    ["secret-add", "application", { token: "first" }, { label: "fresh" }],
    ["secret-set", "new", { token: "second" }],
    ["secret-read", "new"],
  ]),
  one("a secret is described anew", hook, [
    ["secret-describe", unitSecret, { label: "renamed", description: "d", rotate: "monthly" }],
  ]),
  one("an owner's knowledge of a secret", hook, [["secret-info", "mine"]]),
  one("a secret is granted to an application and to a unit", hook, [
    ["secret-grant", "mine", "db:3"],
    ["secret-grant", unitSecret, "db:3", "pg/0"],
  ]),
  one("a secret is revoked", hook, [["secret-revoke", unitSecret, "db:3"]]),
  one("a unit's grant is revoked", hook, [["secret-revoke", unitSecret, "db:3", "pg/0"]]),
  one("a revision is removed, and a whole secret", hook, [
    ["secret-remove-revision", "mine", 1],
    ["secret-remove", unitSecret],
  ]),
  ...secretFailures(),
  one(
    "a secret is withdrawn between two reads",
    hook,
    [
      ["secret-read", remoteSecret],
      ["try", ["secret-peek", remoteSecret]],
      ["try", ["secret-read", remoteSecret, { refresh: true }]],
      ["secret-read", remoteSecret],
    ],
    {
      answers: {
        "secret-get --peek": { exitCode: 1, stderr: "ERROR permission denied\n" },
        "secret-get --refresh": { exitCode: 1, stderr: `ERROR secret "${remoteSecret}" not found\n` },
      },
    },
  ),
  one("a secret that cannot be read, unhandled", hook, [["secret-read", remoteSecret]], {
    exit: 1,
    answers: { "secret-get": { exitCode: 1, stderr: "ERROR permission denied\n" } },
  }),
];

/** Each tool of secrets, failing in each of the ways that a charm can tell apart. */
function secretFailures(): Case[] {
  const reasons = {
    "not found": `secret "${unitSecret}" not found`,
    "permission denied": "permission denied",
    "not the leader": "this unit is not the leader",
    "anything else": "connection is shut down",
  };
  const operations: Record<string, Op> = {
    "secret-add": ["secret-add", "unit", { token: "abc" }],
    "secret-get": ["secret-read", unitSecret],
    "secret-set": ["secret-set", unitSecret, { token: "new" }],
    "secret-info-get": ["secret-info", unitSecret],
    "secret-grant": ["secret-grant", unitSecret, "db:3"],
    "secret-revoke": ["secret-revoke", unitSecret, "db:3"],
    "secret-remove": ["secret-remove", unitSecret],
  };
  return Object.entries(operations).flatMap(([tool, op]) =>
    Object.entries(reasons).map(([title, reason]) =>
      one(`${tool} fails: ${title}`, hook, [["try", op]], {
        answers: { [tool]: { exitCode: 1, stderr: `ERROR ${reason}\n` } },
      }),
    ),
  );
}

import { describe, expect, test } from "vitest";
import { Charm, type Framework, ToolError } from "@cantrip/lib";
import { type EventGiven, GivenError, type State, dispatch } from "@cantrip/lib/testing";
import { definitionOfCharm } from "./harness/world.ts";

const definition = await definitionOfCharm("contract");
class Idle extends Charm {}
const given = (state: State, event: EventGiven = "start") => dispatch(Idle, event, state, { definition });
const secret = { id: "secret00000000000000", content: { password: "p" } };
const db = { endpoint: "db", units: { "pg/0": {} } };

describe("a state that Juju would never let be is refused", () => {
  test.each<[string, State, string]>([
    ["application", { app: "Web" }, '"Web" is no name of an application'],
    ["unit number", { unitNumber: -1 }, "unitNumber is -1: expected a whole number, 0 or more"],
    ["status", { status: "ready" }, 'status is "ready": expected one of active, blocked'],
    ["port", { openPorts: ["http"] }, '"http" is no port'],
    ["endpoint", { relations: [{ endpoint: "dbs" }] }, 'no endpoint "dbs"'],
    [
      "own unit among peers",
      { relations: [{ endpoint: "peers", units: { "web/0": {} } }] },
      "peers:0 has the unit under test, web/0, among the others",
    ],
    [
      "unit",
      { relations: [{ endpoint: "db", app: "pg", units: { pg: {} } }] },
      'a unit "pg": expected "application/number"',
    ],
    ["key", { relations: [{ ...db, appData: { "a=b": "c" } }] }, 'db:0, appData: key "a=b"'],
    ["empty value", { relations: [{ ...db, ownUnitData: { a: "" } }] }, 'db:0, ownUnitData: "a" is empty'],
    [
      "value",
      { relations: [{ ...db, units: { "pg/0": { a: 1 } as unknown as Record<string, string> } }] },
      'db:0, pg/0: the value of "a" is no string, but number',
    ],
    ["id of a secret", { secrets: [{ ...secret, id: "short" }] }, '"short" is no id of a secret'],
    ["secret twice", { secrets: [secret, secret] }, "two secrets have the id"],
    [
      "label twice",
      {
        secrets: [
          { ...secret, label: "a" },
          { ...secret, id: "secret00000000000001", label: "a" },
        ],
      },
      'two secrets have the label "a"',
    ],
    [
      "own secret with news",
      { secrets: [{ ...secret, owner: "unit", latest: { password: "q" } }] },
      'leave out "latest"',
    ],
    ["content", { secrets: [{ ...secret, content: { X: "y" } }] }, 'key "X" must be'],
    [
      "grant",
      { secrets: [{ ...secret, owner: "unit", grants: [{ relation: 9 }] }] },
      "granted to relation 9, which there is not",
    ],
    [
      "obsolete revision",
      { secrets: [{ ...secret, owner: "unit", revision: 2, obsolete: [2] }] },
      "is at revision 2: 2 is no obsolete one",
    ],
    ["storage", { storage: { "logs/0": "/srv" } }, '"logs/0": the charm has no storage "logs"'],
    ["number of storage", { storage: { data: "/srv" } }, '"data" is no storage: expected "name/number"'],
    [
      "much storage",
      { storage: { "data/0": "/a", "data/1": "/b", "data/2": "/c" } },
      'there are 3 of storage "data": the charm takes at most 2',
    ],
    [
      "two relations among peers",
      { relations: [{ endpoint: "peers" }, { endpoint: "peers" }] },
      '"peers" has 2 relations: it takes at most 1',
    ],
    [
      "dying relation among peers",
      { relations: [{ endpoint: "peers", dying: true }] },
      "its relation ends with the application",
    ],
  ])("%s", async (_, state, message) => {
    await expect(given(state)).rejects.toThrow(GivenError);
    await expect(given(state)).rejects.toThrow(message);
  });
});

describe("an event that Juju could not send is refused", () => {
  test.each<[string, EventGiven, string]>([
    [
      "a word that is no hook",
      "cofnig-changed",
      'Juju sends no "cofnig-changed": expected one of install, start',
    ],
    ["another charm's endpoint", "dbs-relation-joined", 'no endpoint "dbs", it has "'],
    [
      "a unit that is not there",
      { hook: "db-relation-joined", unit: "pg/9" },
      'about "pg/9", which is not among the units of db:0: pg/0',
    ],
    ["a leader's", "leader-elected", 'comes to the unit that leads: say "leader"'],
    [
      "a departure of a third",
      { hook: "db-relation-departed", unit: "pg/0", departingUnit: "pg/1" },
      'about "pg/0": either that unit or web/0 departs, not "pg/1"',
    ],
    [
      "storage that is not defined",
      "logs-storage-attached",
      'the charm has no storage "logs", it has "data"',
    ],
    ["storage that is not attached", "data-storage-detaching", 'needs an instance of "data"'],
  ])("%s", async (_, event, message) => {
    await expect(given({ relations: [db] }, event)).rejects.toThrow(message);
  });
});

test("a charm that fails tells which calls of hook tools led there, and no secret", async () => {
  class Failing extends Charm {
    constructor(framework: Framework) {
      super(framework);
      framework.observe(this.on.start, async () => {
        await this.model.secret(secret.id);
        const [relation] = await this.model.relations("db");
        await relation?.set("unit", { a: "b" });
        await this.model.app.setStatus({ status: "active", message: "" });
      });
    }
  }
  const error: unknown = await dispatch(
    Failing,
    "start",
    { relations: [db], secrets: [secret] },
    { definition },
  ).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ToolError);
  expect((error as { hookToolCalls: string[] }).hookToolCalls).toEqual([
    `secret-get --format=json secret:${secret.id} → (content)`,
    'relation-ids --format=json db → ["db:0"]',
    'relation-list --format=json -r db:0 → ["pg/0"]',
    "relation-get --format=json -r db:0 - web/0 → {}",
    'relation-set -r db:0 --file - < {"a":"b"}',
    expect.stringMatching(
      /^status-set --application=true active -- {2}→ exit 1: ERROR .*this unit is not the leader/,
    ),
  ]);
});

import { describe, expect, test } from "vitest";
import { Charm, type Framework, NotADispatch } from "@cantrip/lib";
import { contextFrom } from "../src/framework/context.ts";
import { Dispatch } from "../src/framework/dispatch.ts";
import type { Environment } from "../src/framework/environment.ts";
import { memoryStore } from "../src/framework/stored.ts";
import { definitionOfCharm } from "./harness/world.ts";

const hook: Environment = {
  JUJU_CHARM_DIR: "/var/lib/juju/agents/unit-web-0/charm",
  JUJU_DISPATCH_PATH: "hooks/config-changed",
  JUJU_UNIT_NAME: "web/0",
  JUJU_MODEL_NAME: "prod",
  JUJU_MODEL_UUID: "0f00dfee-1111-4222-8333-444455556666",
  JUJU_VERSION: "3.6.14",
  JUJU_MACHINE_ID: "0/lxd/1",
  JUJU_PRINCIPAL_UNIT: "",
  JUJU_AVAILABILITY_ZONE: "",
};
const relation: Environment = {
  ...hook,
  JUJU_DISPATCH_PATH: "hooks/db-relation-departed",
  JUJU_RELATION: "db",
  JUJU_RELATION_ID: "db:3",
  JUJU_REMOTE_APP: "pg",
  JUJU_REMOTE_UNIT: "pg/1",
  JUJU_DEPARTING_UNIT: "pg/1",
};
const secret: Environment = {
  ...hook,
  JUJU_DISPATCH_PATH: "hooks/secret-expired",
  JUJU_SECRET_ID: "secret:0123456789abcdefghij",
  JUJU_SECRET_LABEL: "",
  JUJU_SECRET_REVISION: "2",
};
const action: Environment = { ...hook, JUJU_DISPATCH_PATH: "actions/backup", JUJU_ACTION_UUID: "7" };

function refusal(act: () => unknown): NotADispatch {
  try {
    act();
  } catch (error) {
    if (error instanceof NotADispatch) return error;
    throw error;
  }
  throw new Error("it was taken for a dispatch");
}

describe("a good environment", () => {
  test("of a hook", () => {
    expect(contextFrom(hook)).toMatchObject({
      unit: "web/0",
      app: "web",
      kind: "hook",
      name: "config-changed",
      machineId: "0/lxd/1",
      principalUnit: undefined,
      relation: undefined,
      secret: undefined,
    });
  });

  test("of a relation", () => {
    expect(contextFrom(relation).relation).toEqual({
      name: "db",
      id: 3,
      remoteApp: "pg",
      remoteUnit: "pg/1",
      departingUnit: "pg/1",
    });
  });

  test("of a relation to another model, and one in which no unit is named", () => {
    const remote = { ...relation, JUJU_REMOTE_APP: "remote-0123", JUJU_REMOTE_UNIT: "remote-0123/0" };
    expect(contextFrom(remote).relation?.remoteUnit).toBe("remote-0123/0");
    expect(contextFrom({ ...relation, JUJU_REMOTE_UNIT: "" }).relation?.remoteUnit).toBeUndefined();
  });

  test("of a secret", () => {
    const { secret: about } = contextFrom(secret);
    expect(about).toEqual({ id: "secret:0123456789abcdefghij", label: undefined, revision: 2 });
  });

  test.each(["3.6.14", "3.6-beta1", "3.6.1.2", "3.6.0-ubuntu-amd64", "4.0-rc1.2"])(
    "of Juju %s",
    (version) => {
      expect(contextFrom({ ...hook, JUJU_VERSION: version }).jujuVersion).toBe(version);
    },
  );
});

describe("a malformed environment is refused, by variable, what was expected and what was found", () => {
  test.each<[variable: string, found: string | undefined, expected: string, given?: Environment]>([
    ["JUJU_UNIT_NAME", "foo", '"application/number"'],
    ["JUJU_UNIT_NAME", "foo/x", '"application/number"'],
    ["JUJU_UNIT_NAME", "foo/0/1", '"application/number"'],
    ["JUJU_UNIT_NAME", "/0", '"application/number"'],
    ["JUJU_UNIT_NAME", "", '"application/number"'],
    ["JUJU_UNIT_NAME", undefined, '"application/number"'],
    ["JUJU_DISPATCH_PATH", undefined, '"hooks/NAME" or "actions/NAME"'],
    ["JUJU_DISPATCH_PATH", "", '"hooks/NAME" or "actions/NAME"'],
    ["JUJU_DISPATCH_PATH", "install", '"hooks/NAME" or "actions/NAME"'],
    ["JUJU_DISPATCH_PATH", "hooks/", '"hooks/NAME" or "actions/NAME"'],
    ["JUJU_DISPATCH_PATH", "hooks/..", '"hooks/NAME" or "actions/NAME"'],
    ["JUJU_DISPATCH_PATH", "hooks/../../etc/passwd", '"hooks/NAME" or "actions/NAME"'],
    ["JUJU_DISPATCH_PATH", "/etc/hooks/install", '"hooks/NAME" or "actions/NAME"'],
    ["JUJU_DISPATCH_PATH", "src/install", '"hooks/NAME" or "actions/NAME"'],
    ["JUJU_CHARM_DIR", undefined, "an absolute path"],
    ["JUJU_CHARM_DIR", "charm", "an absolute path"],
    ["JUJU_MODEL_NAME", undefined, "lower-case letters, digits and hyphens"],
    ["JUJU_MODEL_NAME", "My Model", "lower-case letters, digits and hyphens"],
    ["JUJU_MODEL_UUID", undefined, "a UUID"],
    ["JUJU_MODEL_UUID", "prod", "a UUID"],
    ["JUJU_VERSION", undefined, 'a version such as "3.6.14"'],
    ["JUJU_VERSION", "latest", 'a version such as "3.6.14"'],
    ["JUJU_MACHINE_ID", "zero", '"0" or "0/lxd/1"'],
    ["JUJU_PRINCIPAL_UNIT", "web", '"application/number"'],
    ["JUJU_RELATION_ID", undefined, '"db:number"', relation],
    ["JUJU_RELATION_ID", "garbage", '"db:number"', relation],
    ["JUJU_RELATION_ID", "db:", '"db:number"', relation],
    ["JUJU_RELATION_ID", "db:-1", '"db:number"', relation],
    ["JUJU_RELATION_ID", "db:1e3", '"db:number"', relation],
    ["JUJU_RELATION_ID", "peers:3", '"db:number"', relation],
    ["JUJU_RELATION", undefined, "the name of an endpoint", relation],
    ["JUJU_RELATION", "d b", "the name of an endpoint", relation],
    ["JUJU_REMOTE_UNIT", "pg", '"application/number"', relation],
    ["JUJU_DEPARTING_UNIT", "pg/one", '"application/number"', relation],
    ["JUJU_SECRET_ID", "password", '"secret:" and 20 letters and digits', secret],
    ["JUJU_SECRET_REVISION", "two", "a number, 1 or more", secret],
    ["JUJU_SECRET_REVISION", "0", "a number, 1 or more", secret],
    ["JUJU_STORAGE_ID", "data", '"storage/number"'],
    ["JUJU_ACTION_UUID", undefined, "the id of an action", action],
  ])("%s: %j", (variable, found, expected, given = hook) => {
    const error = refusal(() => contextFrom({ ...given, [variable]: found }));
    expect(error).toMatchObject({ variable, found, expected });
    const is = found === undefined ? "is not set" : `is "${found}"`;
    expect(error.message).toMatch(`Cannot dispatch: ${variable} ${is}, expected ${expected}; `);
  });
});

describe("a hook that comes without what it is about", () => {
  class Observing extends Charm {
    constructor(framework: Framework) {
      super(framework);
      const fail = () => expect.unreachable("no handler runs");
      framework.observe(this.on.relation("db").changed, fail);
      framework.observe(this.on.secretChanged, fail);
    }
  }
  const run = async (changes: Environment): Promise<void> =>
    new Dispatch({
      context: contextFrom({ ...hook, ...changes }),
      definition: await definitionOfCharm("contract"),
      runner: { run: async ({ argv }) => ({ argv, exitCode: 0, stdout: "[]", stderr: "" }) },
      store: memoryStore(),
      clock: () => 0,
    }).run(Observing);

  test.each([
    ["db-relation-changed", {}, 'JUJU_RELATION is not set, expected what "db-relation-changed" is about'],
    [
      "db-relation-changed",
      { JUJU_RELATION: "peers", JUJU_RELATION_ID: "peers:1" },
      'JUJU_RELATION is "peers", expected "db"',
    ],
    ["secret-changed", {}, 'JUJU_SECRET_ID is not set, expected what "secret-changed" is about'],
  ])("is refused: %s %j", async (name, changes, reason) => {
    await expect(run({ JUJU_DISPATCH_PATH: `hooks/${name}`, ...changes })).rejects.toThrow(reason);
  });
});

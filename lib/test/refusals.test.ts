/** What Juju refuses in the middle of a hook: which error it is, what it says, and that nothing is left half done. */
import { describe, expect, test } from "vitest";
import {
  Charm,
  type Framework,
  NotLeader,
  PermissionDenied,
  type Relation,
  RelationAccessError,
  Secret,
  SecretNotFound,
  type ToolRunner,
} from "@cantrip/lib";
import { hookEnvironment } from "@cantrip/model";
import { contextFrom } from "../src/framework/context.ts";
import { Dispatch } from "../src/framework/dispatch.ts";
import { memoryStore } from "../src/framework/stored.ts";
import { memoryTools } from "../src/testing/memory-tools.ts";
import type { State } from "../src/testing/state.ts";
import { type FarSide, definitionOfCharm, farSide } from "./harness/world.ts";

const secretId = "remotesecret00000000";
const given: State = {
  relations: [
    { endpoint: "db", id: 3, app: "pg", units: { "pg/0": {} } },
    { endpoint: "website", id: 4, app: "proxy", units: { "proxy/0": {} } },
  ],
  secrets: [{ id: secretId, content: { token: "old" }, latest: { token: "new" } }],
};
const paths = {
  charmDir: "/charm",
  toolsDir: "/tools",
  socket: "/socket",
  contextId: "context",
  apiAddresses: [],
  version: "3.6.14",
  path: "/usr/bin:/bin",
};

interface Hook {
  readonly far: FarSide;
  /** From now on, Juju answers calls of `tool` with this. */
  readonly refuse: (tool: string, stderr: string) => void;
}

/** Runs `act` in a hook over `state`: how it ended, and what it left. */
async function inHook(state: State, act: (charm: Charm, hook: Hook) => Promise<void>) {
  const definition = await definitionOfCharm("contract");
  const far = farSide(definition, "config-changed", state);
  const refused = new Map<string, string>();
  const tools = memoryTools(far.view, far.buffer, far.effects);
  const runner: ToolRunner = {
    run: async (call) => {
      const stderr = refused.get(call.argv[0]);
      return stderr === undefined ? tools.run(call) : { argv: call.argv, exitCode: 1, stdout: "", stderr };
    },
  };
  class Tested extends Charm {
    constructor(framework: Framework) {
      super(framework);
      const hook = { far, refuse: (tool: string, stderr: string) => void refused.set(tool, stderr) };
      framework.observe(this.on.configChanged, () => act(this, hook));
    }
  }
  const store = memoryStore();
  const context = contextFrom(hookEnvironment(far.view, paths));
  const error: unknown = await new Dispatch({ context, definition, runner, store, clock: () => 0 })
    .run(Tested)
    .catch((thrown: unknown) => thrown);
  return { error, changes: far.buffer.changes, stored: store.data.values };
}

const databag = async ({ model }: Charm): Promise<Relation> => {
  const [relation] = await model.relations("db");
  if (relation === undefined) throw new Error("there is no relation");
  return relation;
};

/** Nobody grants the secret to this unit any longer; what takes that back. */
function withdrawn({ juju }: FarSide): () => void {
  const secret = juju.state.secrets[secretId];
  if (secret === undefined) throw new Error("there is no secret");
  const { grants } = secret;
  secret.grants = [];
  return () => void (secret.grants = grants);
}

describe.each<[string, (hook: Hook) => void, new (...args: never[]) => Error, string]>([
  [
    "is no longer granted",
    ({ far }) => withdrawn(far),
    SecretNotFound,
    `secret-get exited with 1: secret "${secretId}" not found`,
  ],
  [
    "may no longer be read",
    ({ refuse }) => refuse("secret-get", "ERROR permission denied\n"),
    PermissionDenied,
    "secret-get exited with 1: permission denied",
  ],
])("a secret that %s after its first read", (_, withdraw, kind, message) => {
  const reads: [string, (secret: Secret, charm: Charm) => Promise<unknown>][] = [
    ["peeked", (secret) => secret.peek()],
    ["refreshed", (secret) => secret.content({ refresh: true })],
    ["asked for anew", (__, { model }) => model.secret(secretId)],
  ];

  test.each(reads)("fails the hook when it is %s, which keeps nothing", async (__, again) => {
    const { error, stored } = await inHook(given, async (charm, hook) => {
      const secret = await charm.model.secret(secretId);
      charm.stored.set("seen", true);
      withdraw(hook);
      await again(secret, charm);
    });
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ message, argv: expect.arrayContaining(["secret-get"]) });
    expect(stored).toEqual({});
  });

  test.each(reads)("can be handled when it is %s: what was read before stays", async (__, again) => {
    const { error, changes } = await inHook(given, async (charm, hook) => {
      const secret = await charm.model.secret(secretId);
      withdraw(hook);
      await expect(again(secret, charm)).rejects.toThrow(kind);
      expect(await secret.content()).toEqual({ token: "old" });
      await (await databag(charm)).set("unit", { ready: "no" });
    });
    expect(error).toBeUndefined();
    expect(changes.relations[3]?.unit).toEqual({ ready: "no" });
  });
});

test("a secret that could not be read is asked for again", async () => {
  const { error } = await inHook(given, async (charm, { far }) => {
    const secret = await charm.model.secret(secretId);
    const giveBack = withdrawn(far);
    const fresh = new Secret(charm.framework.tools, { id: secretId });
    await expect(fresh.content()).rejects.toThrow(SecretNotFound);
    giveBack();
    expect([await fresh.content(), await secret.content()]).toEqual([{ token: "old" }, { token: "old" }]);
  });
  expect(error).toBeUndefined();
});

describe("a write that this unit may not do", () => {
  test.each<[string, (charm: Charm) => Promise<unknown>, new (...args: never[]) => Error, string]>([
    [
      "the application's databag",
      async (charm) => (await databag(charm)).set("app", { a: "b" }),
      RelationAccessError,
      'Cannot write the databag of "web" in relation db:3: only the leader may',
    ],
    [
      "the application's databag, past the framework",
      ({ framework: { tools } }) => tools.relationSet("db:3", "app", { a: "b" }),
      NotLeader,
      "relation-set exited with 1: cannot write relation settings",
    ],
    [
      "the application's status",
      ({ model }) => model.app.setStatus({ status: "active", message: "" }),
      NotLeader,
      "status-set exited with 1: setting application status: this unit is not the leader",
    ],
    [
      "a secret of the application",
      ({ model }) => model.addSecret({ token: "abc" }),
      NotLeader,
      "secret-add exited with 1: this unit is not the leader",
    ],
  ])("is refused to a follower: %s", async (_, act, kind, message) => {
    const { error, changes } = await inHook(given, async (charm) => void (await act(charm)));
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ message });
    expect(changes).toMatchObject({ relations: {}, secrets: [] });
  });

  test("leaves what is read as it was, when leadership is lost in the hook", async () => {
    const { error, changes } = await inHook({ ...given, leader: true }, async (charm, { far }) => {
      const relation = await databag(charm);
      await relation.set("app", { term: "1" });
      far.juju.do({ type: "depose-leader", application: far.view.application, unit: far.unit }, "clock");
      await expect(relation.set("app", { term: "2" })).rejects.toThrow(NotLeader);
      expect(await relation.data("web")).toEqual({ term: "1" });
    });
    expect(error).toBeUndefined();
    expect(changes.relations[3]).toEqual({ application: { term: "1" } });
  });
});

describe("a read that this unit may not do", () => {
  test.each<[string, (charm: Charm) => Promise<unknown>, new (...args: never[]) => Error, string]>([
    [
      "its application's databag, by a follower",
      async (charm) => (await databag(charm)).data("web"),
      RelationAccessError,
      'Cannot read the databag of "web" in relation db:3: only the leader may, and "web/0" is not',
    ],
    [
      "its application's databag, by a follower past the framework",
      ({ framework: { tools } }) => tools.relationGet("db:3", "web"),
      PermissionDenied,
      "relation-get exited with 1: permission denied",
    ],
    [
      "the databag of another relation's application",
      async (charm) => (await databag(charm)).data("proxy"),
      RelationAccessError,
      'Cannot read the databag of "proxy" in relation db:3: it is between "web" and "pg"',
    ],
    [
      "the databag of another relation's unit, past the framework",
      ({ framework: { tools } }) => tools.relationGet("db:3", "proxy/0"),
      PermissionDenied,
      "relation-get exited with 1: permission denied",
    ],
    [
      "the application's status, by a follower",
      ({ model }) => model.app.status(),
      NotLeader,
      "status-get exited with 1: finding application status: this unit is not the leader",
    ],
    [
      "what only the owner of a secret knows",
      async ({ model }) => (await model.secret(secretId)).info(),
      SecretNotFound,
      `secret-info-get exited with 1: secret "${secretId}" not found`,
    ],
  ])("is refused: %s", async (_, act, kind, message) => {
    const { error } = await inHook(given, async (charm) => void (await act(charm)));
    expect(error).toBeInstanceOf(kind);
    expect(error).toMatchObject({ message });
  });
});

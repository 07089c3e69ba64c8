import { describe, expect, test } from "vitest";
import {
  Charm,
  type Config,
  type Framework,
  HookTools,
  RelationAccessError,
  RelationTypeError,
  SecretContentError,
  SecretNotFound,
  type ToolRunner,
  Unit,
  UnknownName,
} from "@cantrip/lib";
import { GivenError, type State, type Then, dispatch as dispatchIn } from "@cantrip/lib/testing";
import { definitionOfCharm } from "./harness/world.ts";

const dir = new URL("charms/contract/", import.meta.url);
const secretId = "remotesecret00000000";

/** Runs `act` in a hook of the contract charm, over a given state. */
async function inHook(
  given: State,
  act: (charm: Charm) => unknown,
  hook: Parameters<typeof dispatchIn>[1] = "config-changed",
): Promise<Then> {
  class ProbeCharm extends Charm {
    constructor(framework: Framework) {
      super(framework);
      const run = async () => void (await act(this));
      framework.observe(this.on.configChanged, run);
      for (const event of Object.values(this.on.relation("db"))) framework.observe(event, run);
    }
  }
  return dispatchIn(ProbeCharm, hook, given, { dir });
}

/** The value of `act` there. */
async function probe<Value>(
  given: State,
  act: (charm: Charm) => Promise<Value>,
  hook?: Parameters<typeof dispatchIn>[1],
): Promise<Value> {
  const seen: Value[] = [];
  await inHook(given, async (charm) => seen.push(await act(charm)), hook);
  expect(seen).toHaveLength(1);
  return seen[0] as Value;
}

const db = {
  endpoint: "db",
  id: 3,
  app: "pg",
  units: { "pg/0": { host: "a" }, "pg/1": {} },
  appData: { version: "16" },
  ownUnitData: { asked: "yes" },
};
const peers = { endpoint: "peers", id: 1, units: { "web/1": { ready: "true" } }, appData: { term: "1" } };
const given: State = { relations: [db, peers] };

describe("relations", () => {
  test("know their application, units and databags", async () => {
    const seen = await probe(given, async ({ model }) => {
      const [relation] = await model.relations("db");
      const bags = await Promise.all(["pg/0", "pg", "web/0"].map(async (entity) => relation?.data(entity)));
      return { id: relation?.id, app: relation?.app, units: await relation?.units(), bags };
    });
    expect(seen).toEqual({
      id: 3,
      app: "pg",
      units: ["pg/0", "pg/1"],
      bags: [{ host: "a" }, { version: "16" }, { asked: "yes" }],
    });
  });

  test("know their application while the other side has no units", async () => {
    const lonely = { relations: [{ endpoint: "db", app: "pg" }] };
    expect(await probe(lonely, async ({ model }) => (await model.relations("db"))[0]?.app)).toBe("pg");
  });

  test("of a peer endpoint are with the own application", async () => {
    const seen = await probe(given, async ({ model }) => {
      const [relation] = await model.relations("peers");
      return [
        relation?.app,
        relation?.isPeer,
        await relation?.units(),
        await relation?.data("web"),
        await relation?.data("web/1"),
      ];
    });
    expect(seen).toEqual(["web", true, ["web/1"], { term: "1" }, { ready: "true" }]);
  });

  test("take only differences, delete by the empty string, and read their own writes", async () => {
    const seen: unknown[] = [];
    const then = await inHook(given, async ({ model, framework }) => {
      const [relation] = await model.relations("db");
      await relation?.set("unit", { asked: "", name: "web" });
      seen.push(await relation?.data("web/0"), await framework.tools.relationGet("db:3", "web/0"));
      await relation?.set("unit", { name: "web", asked: "" });
    });
    expect(seen).toEqual([{ name: "web" }, { name: "web" }]);
    expect(then.relations[0]?.ownUnitData).toEqual({ name: "web" });
  });

  test("keep nothing of a hook that fails", async () => {
    const failing = inHook(given, async ({ model }) => {
      await (await model.relations("db"))[0]?.set("unit", { a: "b" });
      throw new Error("boom");
    });
    await expect(failing).rejects.toThrow("boom");
    expect(given.relations?.[0]?.ownUnitData).toEqual({ asked: "yes" });
  });

  test("let the leader write for the application", async () => {
    const then = await inHook({ ...given, leader: true }, async ({ model }) => {
      await (await model.relations("db"))[0]?.set("app", { url: "x" });
      await (await model.relations("peers"))[0]?.set("app", { term: "2" });
    });
    expect(then.relations.map(({ ownAppData }) => ownAppData)).toEqual([{ url: "x" }, { term: "2" }]);
  });

  test.each<[string, (charm: Charm) => Promise<unknown>, string]>([
    [
      "write for the application",
      async ({ model }) => (await model.relations("db"))[0]?.set("app", { a: "b" }),
      'Cannot write the databag of "web" in relation db:3: only the leader may',
    ],
    [
      "read the own application's",
      async ({ model }) => (await model.relations("db"))[0]?.data("web"),
      'Cannot read the databag of "web" in relation db:3',
    ],
    [
      "read a stranger's",
      async ({ model }) => (await model.relations("db"))[0]?.data("other/0"),
      'Cannot read the databag of "other/0" in relation db:3: it is between "web" and "pg"',
    ],
  ])("do not let a unit %s", async (_, act, reason) => {
    await expect(inHook(given, act)).rejects.toThrow(RelationAccessError);
    await expect(inHook(given, act)).rejects.toThrow(reason);
  });

  test.each([[{ a: 1 }], [{ a: null }], [{ "": "x" }], [{ "a=b": "x" }]])(
    "refuse what is no databag: %o",
    async (values) => {
      const writing = inHook(given, async ({ model }) =>
        (await model.relations("db"))[0]?.set("unit", values as never),
      );
      await expect(writing).rejects.toThrow(RelationTypeError);
    },
  );

  test("that are being broken are of the event, and empty, and of no list", async () => {
    const dying = { relations: [{ ...db, units: {}, dying: true }] };
    const seen = await probe(
      dying,
      async ({ model }) => {
        const relation = await model.eventRelation();
        return [await model.relations("db"), relation?.active, relation?.app, await relation?.units()];
      },
      "db-relation-broken",
    );
    expect(seen).toEqual([[], false, "pg", []]);
  });

  test("leave out the departing unit, whose databag can still be read", async () => {
    const seen = await probe(
      given,
      async ({ model }) => {
        const [relation] = await model.relations("db");
        return [
          await relation?.units(),
          await relation?.data("pg/0"),
          relation === (await model.eventRelation()),
        ];
      },
      { hook: "db-relation-departed", unit: "pg/0" },
    );
    expect(seen).toEqual([["pg/1"], { host: "a" }, true]);
  });

  test("of an endpoint that the charm does not have are a mistake in the charm", async () => {
    await expect(probe(given, ({ model }) => model.relations("dbb"))).rejects.toThrow(UnknownName);
    await expect(probe(given, ({ model }) => model.relations("dbb"))).rejects.toThrow(
      'The charm has no endpoint "dbb": it defines "website", "db", "peers"',
    );
  });
});

describe("config", () => {
  test("has values and defaults of its types, and no name that is not an option", async () => {
    const config = await probe({ config: { greeting: "hi" } }, ({ model }) => model.config());
    expect({ ...config }).toEqual({ port: 80, greeting: "hi", verbose: false });
    expect([config["port"], config["toString"], config["get"]]).toEqual([80, undefined, undefined]);
    expect(Object.keys(config).toSorted()).toEqual(["greeting", "port", "verbose"]);
  });

  const odd = ["get", "then", "constructor", "toString", "hasOwnProperty", "__proto__"];

  test("an option, a parameter or a key of a databag may have any name, and a name that is not there is not there", async () => {
    const text = `{${odd.map((name) => `${JSON.stringify(name)}:"of ${name}"`).join(",")}}`;
    const answering = (stdout: string) =>
      new HookTools({ run: ({ argv }) => Promise.resolve({ argv, exitCode: 0, stdout, stderr: "" }) });
    const readBy = (tools: HookTools) =>
      Promise.all([
        tools.config(),
        tools.actionParams(),
        tools.relationGet("db:1", "pg/0"),
        tools.secretGet({ label: "mine" }),
      ]);
    for (const named of await readBy(answering(text)))
      expect(odd.map((name) => named[name])).toEqual(odd.map((name) => `of ${name}`));
    for (const named of await readBy(answering("{}")))
      expect(odd.map((name) => named[name])).toEqual(odd.map(() => undefined));
  });

  test("options of any name reach the charm", async () => {
    const contract = await definitionOfCharm("contract");
    const options = odd.map((name) => ({ name, type: "string", description: "", default: name }) as const);
    const definition = { ...contract, config: { options } };
    let seen: Config = {};
    class Seeing extends Charm {
      constructor(framework: Framework) {
        super(framework);
        framework.observe(this.on.start, async () => void (seen = await this.model.config()));
      }
    }
    await dispatchIn(Seeing, "start", {}, { definition });
    expect(odd.map((name) => seen[name])).toEqual(odd);
  });

  test.each([
    [{ prot: 1 }, 'the charm defines no option "prot"'],
    [{ port: "80" }, 'option "port" is int, not string'],
  ])("of a test must be one that the charm has: %o", async (config, reason) => {
    await expect(inHook({ config }, () => undefined)).rejects.toThrow(GivenError);
    await expect(inHook({ config }, () => undefined)).rejects.toThrow(reason);
  });
});

describe("secrets", () => {
  test("are made, granted and found again", async () => {
    const then = await inHook({ ...given, leader: true }, async ({ model }) => {
      const secret = await model.addSecret({ token: "abc" }, { label: "mine", description: "d" });
      const [relation] = await model.relations("db");
      if (relation !== undefined) await secret.grant(relation, "pg/0");
    });
    expect(then.secrets).toMatchObject([
      {
        owner: "application",
        label: "mine",
        description: "d",
        content: { token: "abc" },
        grants: [{ relation: 3, unit: "pg/0" }],
      },
    ]);
    const again = await inHook(then, async ({ model }) => {
      const secret = await model.secret("mine");
      expect(await secret.content()).toEqual({ token: "abc" });
      expect((await secret.info()).id).toBe(then.secrets[0]?.id);
      await secret.setContent({ token: "def" });
      expect([await secret.content(), await (await model.secret("mine")).content()]).toEqual([
        { token: "abc" },
        { token: "abc" },
      ]);
      expect([await secret.peek(), await secret.content({ refresh: true })]).toEqual([
        { token: "def" },
        { token: "def" },
      ]);
    });
    expect(again.secrets).toMatchObject([{ content: { token: "def" }, revision: 2 }]);
    const gone = await inHook(again, async ({ model }) => (await model.secret("mine")).remove());
    expect(gone.secrets).toEqual([]);
  });

  test("of others are read as tracked until they are refreshed", async () => {
    const state: State = { secrets: [{ id: secretId, content: { token: "old" }, latest: { token: "new" } }] };
    const then = await inHook(state, async ({ model }) => {
      const secret = await model.secret(`secret:${secretId}`);
      expect([await secret.content(), await secret.peek(), await secret.content()]).toEqual([
        { token: "old" },
        { token: "new" },
        { token: "old" },
      ]);
      expect(await secret.content({ refresh: true })).toEqual({ token: "new" });
      expect([secret.id, secret.uniqueId]).toEqual([`secret:${secretId}`, secretId]);
    });
    expect(then.secrets[0]).toMatchObject({ content: { token: "new" }, revision: 2 });
  });

  test.each(["nosuchsecret00000000", "secret:nosuchsecret00000000", "no such label"])(
    "that are not there are told apart: %s",
    async (by) => {
      await expect(probe({}, ({ model }) => model.secret(by))).rejects.toThrow(SecretNotFound);
    },
  );

  test.each([
    [{}],
    [{ ab: "x" }],
    [{ "1ab": "x" }],
    [{ token: 1 }],
    [{ Token: "x" }],
    [{ token: "x".repeat(1_100_000) }],
  ])("with content that Juju refuses are refused", async (content) => {
    await expect(probe({ leader: true }, ({ model }) => model.addSecret(content as never))).rejects.toThrow(
      SecretContentError,
    );
  });

  test("never show their content in an error", async () => {
    const adding = probe({ leader: true }, ({ model }) =>
      model.addSecret({ token: "hunter2", "bad key": "hunter2" }),
    );
    await expect(adding).rejects.not.toThrow("hunter2");
  });
});

describe("the unit", () => {
  test("asks for leadership once in a lease", async () => {
    let nowMs = 0;
    const answers = [true, false];
    const runner: ToolRunner = {
      run: async ({ argv }) => ({ argv, exitCode: 0, stdout: `${answers.shift()}`, stderr: "" }),
    };
    const unit = new Unit("web/0", { tools: new HookTools(runner), clock: () => nowMs });
    expect([await unit.isLeader(), await unit.isLeader()]).toEqual([true, true]);
    nowMs = 29_999;
    expect(await unit.isLeader()).toBe(true);
    nowMs = 30_000;
    expect([await unit.isLeader(), await unit.isLeader(), answers]).toEqual([false, false, []]);
  });

  test("opens what is missing and closes what is surplus", async () => {
    const then = await inHook({ openPorts: ["80/tcp", "53/udp"] }, ({ model }) =>
      model.unit.setPorts("53/udp", "6443/tcp"),
    );
    expect(then.openPorts).toEqual(["53/udp", "6443/tcp"]);
  });

  test.each(["6443", "6443/TCP", "6443-6443/tcp"])(
    "leaves a port alone that is open already, however it is written: %s",
    async (port) => {
      const set = ({ model }: Charm) => model.unit.setPorts(port);
      const first = await inHook({}, set);
      const second = await inHook(first, set);
      expect([first.openPorts, second.openPorts]).toEqual([["6443/tcp"], ["6443/tcp"]]);
    },
  );

  test("asks Juju again what it failed to answer, and nothing else twice", async () => {
    const asked: string[] = [];
    const failing: ToolRunner = {
      run: async ({ argv }) => {
        const isFirst = !asked.includes(argv[0]);
        asked.push(argv[0]);
        return { argv, exitCode: isFirst ? 1 : 0, stdout: "true", stderr: "ERROR connection is shut down" };
      },
    };
    const unit = new Unit("web/0", { tools: new HookTools(failing), clock: () => 0 });
    await expect(unit.isLeader()).rejects.toThrow("connection is shut down");
    expect([await unit.isLeader(), await unit.isLeader(), asked.length]).toEqual([true, true, 2]);
  });

  test("has addresses, a version, resources or none, and planned company", async () => {
    const then = await inHook(
      { resources: { package: "/srv/p.tar" }, plannedUnits: 3, addresses: ["10.0.0.7"] },
      async ({ model }) => {
        expect([await model.unit.privateAddress(), await model.unit.publicAddress()]).toEqual([
          "10.0.0.7",
          "10.0.0.7",
        ]);
        expect(await model.binding("db")).toMatchObject({
          bindAddress: "10.0.0.7",
          ingressAddress: "10.0.0.7",
          ingressAddresses: ["10.0.0.7"],
        });
        expect([
          await model.resource("package"),
          await model.resource("missing"),
          await model.app.plannedUnits(),
        ]).toEqual(["/srv/p.tar", undefined, 3]);
        await model.unit.setWorkloadVersion("1.36.3");
      },
    );
    expect(then.workloadVersion).toBe("1.36.3");
    await expect(probe({}, ({ model }) => model.resource("pakage"))).rejects.toThrow(
      'The charm has no resource "pakage": it defines "package", "missing"',
    );
  });
});

/** Whole models of several charms, settling in memory. */
import { describe, expect, test } from "vitest";
import { Charm, type Framework } from "@cantrip/lib";
import { NotSettled, TestModel, type TestModelOptions } from "@cantrip/lib/testing";
import { charmActionsOf, charmConfigOf, charmMetadataOf } from "@cantrip/metadata";

const about = { summary: "s", description: "d" };
const database = {
  metadata: charmMetadataOf({
    name: "database",
    ...about,
    peers: { members: { interface: "members" } },
    provides: { db: { interface: "sql" } },
  }),
  config: charmConfigOf({ options: { port: { type: "int", default: 5432 } } }),
  actions: charmActionsOf({ count: { description: "Counts its members." } }),
};
const web = {
  metadata: charmMetadataOf({ name: "web", ...about, requires: { db: { interface: "sql" } } }),
  config: { options: [] },
  actions: charmActionsOf({}),
};

/** Each unit names itself among its peers; the leader publishes all of them, and a password for each application. */
class DatabaseCharm extends Charm {
  constructor(framework: Framework) {
    super(framework);
    const { on } = this;
    const converge = (): Promise<void> => this.#converge();
    for (const event of [on.start, on.configChanged, on.leaderElected, on.updateStatus])
      framework.observe(event, converge);
    for (const endpoint of ["members", "db"])
      for (const event of Object.values(on.relation(endpoint))) framework.observe(event, converge);
    framework.observe(on.action("count"), async (event) =>
      event.setResults({ members: String((await this.#members()).length) }),
    );
  }

  async #members(): Promise<string[]> {
    const [peers] = await this.model.relations("members");
    return [this.model.unit.name, ...((await peers?.units()) ?? [])].toSorted();
  }

  async #converge(): Promise<void> {
    const { port } = await this.model.config();
    const [peers] = await this.model.relations("members");
    await peers?.set("unit", { address: await this.model.unit.privateAddress() });
    if (await this.model.unit.isLeader())
      for (const relation of await this.model.relations("db")) {
        const password = (await relation.data(this.model.app.name))["password"];
        await relation.set("app", { members: (await this.#members()).join(","), port: String(port) });
        if (password !== undefined) continue;
        const secret = await this.model.addSecret({ password: `of-${relation.id}` });
        await secret.grant(relation);
        await relation.set("app", { password: secret.id ?? "" });
      }
    await this.model.unit.setStatus({ status: "active", message: "" });
  }
}

class WebCharm extends Charm {
  constructor(framework: Framework) {
    super(framework);
    const { on } = this;
    const converge = (): Promise<void> => this.#converge();
    for (const event of [on.start, on.updateStatus, ...Object.values(on.relation("db"))])
      framework.observe(event, converge);
  }

  async #converge(): Promise<void> {
    const [db] = await this.model.relations("db");
    const { members, password } = db?.app === undefined ? {} : await db.data(db.app);
    if (password === undefined || members === undefined)
      return this.model.unit.setStatus({ status: "waiting", message: "for the database" });
    const content = await (await this.model.secret(password)).content();
    return this.model.unit.setStatus({ status: "active", message: `${members} ${content["password"]}` });
  }
}

async function deployed(options: TestModelOptions = {}): Promise<TestModel> {
  const model = new TestModel(options);
  await model.deploy(DatabaseCharm, { definition: database, units: 3 });
  await model.deploy(WebCharm, { definition: web, units: 2 });
  await model.deploy(WebCharm, { definition: web, app: "blog" });
  model.do({ type: "integrate", endpoints: ["web:db", "database:db"] });
  model.do({ type: "integrate", endpoints: ["blog:db", "database:db"] });
  return model;
}
const statuses = (model: TestModel): string[] =>
  Object.keys(model.state.units).map((unit) => model.status(unit));
const all = "database/0,database/1,database/2";
const settled = [
  "active",
  "active",
  "active",
  `active: ${all} of-1`,
  `active: ${all} of-1`,
  `active: ${all} of-2`,
];

describe("several charms", () => {
  test.each(Array.from({ length: 20 }, (_, n) => n + 1))(
    "settle to the same, in the order of seed %i",
    async (seed) => {
      const model = await deployed({ seed });
      await model.settle();
      expect(statuses(model)).toEqual(settled);
    },
  );

  test("run in the same order with the same seed, in another with another", async () => {
    const orders = await Promise.all(
      [7, 7, 8].map(async (seed) => {
        const model = await deployed({ seed });
        await model.settle();
        return model.operations;
      }),
    );
    expect(orders[1]).toEqual(orders[0]);
    expect(orders[2]).not.toEqual(orders[0]);
  });

  test.each(Array.from({ length: 20 }, (_, n) => n + 1))(
    "settle though every third hook is killed, seed %i",
    async (seed) => {
      const model = await deployed({ seed, kills: 0.3 });
      await model.settle();
      expect(model.operations.some((line) => line.includes(", killed after "))).toBe(true);
      expect(statuses(model)).toEqual(settled);
    },
  );

  test("follow what an operator does", async () => {
    const model = await deployed();
    await model.settle();
    model.do({ type: "set-config", application: "database", settings: { port: 1234 }, reset: [] });
    model.do({ type: "remove-unit", unit: "database/1" });
    model.do({ type: "remove-relation", endpoints: ["blog", "database"] });
    await model.settle();
    const two = "active: database/0,database/2 of-1";
    expect(statuses(model)).toEqual(["active", "active", two, two, "waiting: for the database"]);
    expect(model.unit("web/0").relations).toMatchObject([{ appData: { port: "1234" } }]);
    expect(Object.keys(model.state.machines)).toEqual(["0", "2", "3", "4", "5"]);
    expect(await model.run("database/2", "count")).toMatchObject({ results: { members: "2" } });
  });

  test("know of each event what was its cause: a hook, or who else asked", async () => {
    const model = await deployed();
    await model.settle();
    const last = (type: string) => model.events.findLast(({ event }) => event.type === type)?.cause;
    expect(last("relation-added")).toEqual({ by: "user", command: "integrate" });
    const { unit, hook, operationId } = last("secret-added") ?? {};
    expect(model.state.applications["database"]?.leader).toBe(unit);
    expect(operationId).toContain(hook);
  });

  test("update their statuses as time goes by", async () => {
    const model = await deployed();
    await model.settle();
    model.operations.length = 0;
    await model.advance(7 * 60_000);
    expect(new Set(model.operations)).toEqual(
      new Set(Object.keys(model.state.units).map((unit) => `${unit} update-status`)),
    );
  });
});

describe("a charm that fails", () => {
  let isBroken = true;
  class FailingCharm extends WebCharm {
    constructor(framework: Framework) {
      super(framework);
      framework.observe(this.on.start, async () => {
        await this.model.unit.isLeader();
        if (isBroken) throw new Error("boom");
      });
    }
  }

  test("fails the test, with the calls of hook tools, the operations and the seed that led there", async () => {
    const model = new TestModel({ seed: 3 });
    await model.deploy(FailingCharm, { definition: web });
    const error: unknown = await model.settle().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      message: "boom",
      seed: 3,
      hookToolCalls: expect.arrayContaining(["is-leader --format=json → true"]),
      operations: expect.arrayContaining(["web/0 install", "web/0 start"]),
    });
    expect(model.status("web/0")).toBe('error: hook failed: "start"');
  });

  test("is tried again when its time has come, if the test asks for that", async () => {
    const model = new TestModel({ failures: "retry" });
    await model.deploy(FailingCharm, { definition: web });
    await model.settle();
    expect(model.status("web/0")).toBe('error: hook failed: "start"');
    isBroken = false;
    await model.advance(5_000);
    expect(model.status("web/0")).toBe("waiting: for the database");
  });

  test("is told from one that never comes to rest", async () => {
    const model = await deployed();
    await expect(model.settle({ most: 10 })).rejects.toThrow(NotSettled);
    await expect(model.settle({ most: 10 })).rejects.toThrow("not at rest after 10 turns (seed 1)");
  });
});

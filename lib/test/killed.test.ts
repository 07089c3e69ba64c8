/** A process that is killed, at every point of a hook. */
import { expect, test } from "vitest";
import { Charm, type Framework } from "@cantrip/lib";
import { type Killed, type State, dispatch, killed } from "@cantrip/lib/testing";
import { definitionOfCharm } from "./harness/world.ts";

const definition = await definitionOfCharm("contract");
const given: State = {
  leader: true,
  relations: [{ endpoint: "db", id: 3, app: "pg", units: { "pg/0": {} }, ownUnitData: { old: "1" } }],
  openPorts: ["80/tcp"],
};

class Disk {
  readonly written: string[] = [];
  readonly nested = {
    write: async (line: string): Promise<void> => {
      this.written.push(line);
    },
  };
}

const ranOn: string[] = [];

class WritingCharm extends Charm {
  readonly #disk: Disk;

  constructor(framework: Framework, disk = new Disk()) {
    super(framework);
    this.#disk = disk;
    framework.observe(this.on.configChanged, () => this.#write());
  }

  async #write(): Promise<void> {
    try {
      const [relation] = await this.model.relations("db");
      await this.model.unit.setStatus({ status: "maintenance", message: "" });
      await relation?.set("unit", { a: "1", b: "2", old: "" });
      await this.#disk.nested.write("a");
      await relation?.set("app", { c: "3" });
      if ((await this.framework.tools.secretIds()).length === 0) {
        const secret = await this.model.addSecret({ token: "abc" }, { label: "own" });
        if (relation !== undefined) await secret.grant(relation);
      }
      await this.model.unit.setPorts("443/tcp");
      this.stored.set("done", true);
      await this.model.unit.setStatus({ status: "active", message: "" });
    } catch (error) {
      ranOn.push("catch");
      throw error;
    } finally {
      ranOn.push("finally");
    }
  }
}

async function deaths(): Promise<Killed<Disk>[]> {
  const options = { definition, fakes: () => new Disk() };
  return Array.fromAsync(killed(WritingCharm, "config-changed", given, options));
}

test("there is a death before the first call, after each call, and before the commit", async () => {
  const places = (await deaths()).map(({ at }) => at.split(" ").slice(0, 2).join(" "));
  expect([places[0], places.at(-1)]).toEqual(["before its", "at its"]);
  expect(places.slice(1, -1).toSorted()).toEqual([
    "after close-port",
    "after is-leader",
    "after nested.write",
    "after open-port",
    "after opened-ports",
    "after relation-get",
    "after relation-get",
    "after relation-ids",
    "after relation-list",
    "after relation-set",
    "after relation-set",
    "after secret-add",
    "after secret-grant",
    "after secret-ids",
    "after status-set",
    "after status-set",
  ]);
});

test("nothing is half written: all that waits for the commit is as before, what was done at once stays done", async () => {
  for (const { at, left, fakes } of await deaths()) {
    expect(left, at).toMatchObject({ relations: given.relations, secrets: [], openPorts: ["80/tcp"] });
    expect(["unknown", "maintenance", "active"], at).toContain(left.status);
    expect(left.exitCode).toBe(137);
    expect(fakes.written.length, at).toBeLessThan(2);
  }
});

test("what is stored is there only if the process had come to its end", async () => {
  const stored = (await deaths()).map(({ left }) => left.stored);
  expect(stored.slice(0, -1).every((values) => Object.keys(values).length === 0)).toBe(true);
  expect(stored.at(-1)).toEqual({ done: true });
});

test("nothing of a killed charm runs on", async () => {
  ranOn.length = 0;
  await deaths();
  // The one that came to its end, and the one that was not killed.
  expect(ranOn).toEqual(["finally", "finally"]);
});

test("the hook that comes next makes all of it good", async () => {
  const whole = await dispatch(WritingCharm, "config-changed", given, { definition });
  for (const { at, left, fakes } of await deaths()) {
    const again = await dispatch(WritingCharm, "config-changed", left, { definition, fakes });
    expect({ ...again, statusHistory: whole.statusHistory }, at).toEqual(whole);
  }
});

test("an action that is killed has failed, and is not repeated", async () => {
  class Acting extends Charm {
    constructor(framework: Framework) {
      super(framework);
      framework.observe(this.on.action("backup"), async (event) => {
        await this.model.unit.setWorkloadVersion("2");
        await event.setResults({ saved: "yes" });
      });
    }
  }
  const all = await Array.fromAsync(killed(Acting, { action: "backup" }, {}, { definition }));
  expect(all.map(({ left }) => left.workloadVersion)).toEqual(["", "", "2", "2", "2"]);
});

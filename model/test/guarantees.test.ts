/** What charms rely on in any history, with hooks that write by the tools and fail at random: against a record kept beside the model. */
import { deepEqual, equal, ok } from "node:assert/strict";
import * as fc from "fast-check";
import { test } from "vitest";
import { ModelError } from "../src/index.ts";
import type { Databag, Relation } from "../src/index.ts";
import { charm, web } from "./support/charms.ts";
import { histories } from "./support/histories.ts";
import { type Hook, StorageWorld } from "./support/world.ts";

type Bag = Record<string, string>;
type Ending = "well" | "badly";
const orders = [
  "add-unit",
  "remove-unit",
  "elect",
  "depose",
  "integrate",
  "separate",
  "add-storage",
  "detach-storage",
  "provide",
] as const;
type Order = (typeof orders)[number];
type Step =
  | { readonly command: Order; readonly at: number }
  | { readonly run: number; readonly writes: boolean; readonly ending: Ending };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 1,
      arbitrary: fc.record({
        command: fc.constantFrom(...orders),
        at: fc.nat(5),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        run: fc.nat(5),
        writes: fc.boolean(),
        ending: fc.constantFrom<Ending>("well", "well", "badly"),
      }),
    },
  ),
  { minLength: 20, maxLength: 80, size: "max" },
);

const pg = charm("pg", {
  provides: { db: { interface: "pgsql" } },
  peers: { cluster: { interface: "pg" } },
  storage: { data: { type: "filesystem" }, logs: { type: "block", multiple: { range: "0-3" } } },
});
const ownPart = ({ n }: Readonly<Bag>): Bag => (n === undefined ? {} : { n });
const bagKey = (relation: number, entity: string) => `${relation} ${entity}`;

/** How often something worth checking came about, over all histories: what never happens is not tested. */
const told = { written: 0, lost: 0, seen: 0, refusedToFollowers: 0, ended: 0 };

class History {
  readonly world = new StorageWorld();
  /** What hooks that ended well have written, by relation and entity. */
  readonly committed = new Map<string, Bag>();
  /** What a unit read of an entity in the last `-changed` of its, by unit, relation and entity. */
  readonly seen = new Map<string, Bag>();
  #count = 0;

  async begin(): Promise<this> {
    this.world.deploy(web, 2).deploy(pg, 2).elect("web/0").elect("pg/0");
    this.world.do({ type: "add-storage", unit: "pg/1", name: "logs", count: 1 });
    this.world.provide();
    this.world.do({ type: "integrate", endpoints: ["web:db", "pg:db"] });
    this.#act(false, "well");
    await this.world.settle();
    this.check();
    return this;
  }

  async play(sequence: readonly Step[]): Promise<void> {
    for (const step of sequence) {
      if ("command" in step) this.#command(step.command, step.at);
      else await this.#run(step.run, step.writes, step.ending);
      this.check();
    }
  }

  #command(command: Order, at: number): void {
    const units = Object.keys(this.world.state.units);
    const unit = units[at % units.length] ?? "web/0";
    const application = at % 2 === 0 ? "web" : "pg";
    const endpoints: [string, string] = ["web:db", "pg:db"];
    try {
      if (command === "add-unit") this.world.do({ type: "add-unit", application, count: 1 });
      if (command === "remove-unit") this.world.do({ type: "remove-unit", unit, force: false });
      if (command === "elect") this.world.elect(unit);
      if (command === "depose")
        this.world.do({ type: "depose-leader", application: unit.split("/")[0] ?? "", unit });
      if (command === "integrate") this.world.do({ type: "integrate", endpoints });
      if (command === "separate") this.world.do({ type: "remove-relation", endpoints, force: false });
      if (command === "add-storage") this.world.do({ type: "add-storage", unit, name: "logs", count: 1 });
      if (command === "detach-storage")
        this.world.do({ type: "detach-storage", storage: this.world.ids[at] ?? "logs/0" });
      if (command === "provide") this.world.provide();
    } catch (error) {
      ok(error instanceof ModelError, String(error));
    }
    this.world.up();
  }

  async #run(index: number, writes: boolean, ending: Ending): Promise<void> {
    const units = Object.keys(this.world.state.units);
    const unit = units[index % Math.max(units.length, 1)];
    if (unit === undefined) return;
    this.#act(writes, ending);
    await this.world.step(unit);
  }

  /** What every charm does from now on. */
  #act(writes: boolean, ending: Ending): void {
    this.world.script = async (hook) => {
      this.#see(hook);
      const pending = writes ? await this.#write(hook) : new Map<string, Bag>();
      if (ending === "badly") {
        told.lost += pending.size;
        throw new Error("on purpose");
      }
      told.written += pending.size;
      for (const [key, bag] of pending) {
        this.committed.set(key, bag);
        // Nobody is told of what they wrote themselves, and between two applications nobody reads their own side's.
        if (this.#isPeer(key)) this.seen.set(`${hook.unit} ${key}`, bag);
      }
    };
  }

  #isPeer = (key: string): boolean =>
    this.world.state.relations[Number(key.split(" ")[0])]?.endpoints.length === 1;

  #see({ unit, name, view }: Hook): void {
    const { relationId, remoteUnit, remoteApplication } = view.hook ?? {};
    if (relationId === undefined || !name.endsWith("-relation-changed")) return;
    const entity = remoteUnit ?? remoteApplication ?? "";
    const bag = view.relations[relationId]?.bags[entity];
    ok(bag, `${name} of ${unit} shows no bag of ${entity}`);
    this.seen.set(`${unit} ${bagKey(relationId, entity)}`, bag);
    told.seen += 1;
  }

  /** To its own bag, and to its application's: the leader may, others are refused. */
  async #write({ unit, tool, view }: Hook): Promise<Map<string, Bag>> {
    const pending = new Map<string, Bag>();
    const application = unit.split("/")[0] ?? "";
    const isLeader = this.world.state.applications[application]?.leader === unit;
    for (const id of Object.keys(view.relations).map(Number)) {
      if (!this.world.state.relations[id]) continue;
      const value = String((this.#count += 1));
      equal((await tool("relation-set", "-r", String(id), `n=${value}`)).exitCode, 0);
      pending.set(bagKey(id, unit), { n: value });
      equal(
        (await tool("relation-get", "-r", String(id), "n", unit)).stdout,
        `${value}\n`,
        "its own write is read back",
      );
      const app = await tool("relation-set", "--app", "-r", String(id), `n=${value}`);
      equal(app.exitCode === 0, isLeader, app.stderr);
      if (isLeader) pending.set(bagKey(id, application), { n: value });
      else told.refusedToFollowers += 1;
    }
    return pending;
  }

  /** Of every unit and application in a relation, without what Juju itself puts there. */
  bags({ unitBags, applicationBags }: Relation): [entity: string, bag: Bag][] {
    return Object.entries<Databag>({ ...unitBags, ...applicationBags }).map(([entity, { values }]) => [
      entity,
      ownPart(values),
    ]);
  }

  /** Holds after every single step. */
  check(): void {
    const { state } = this.world;
    for (const relation of Object.values(state.relations))
      for (const [entity, bag] of this.bags(relation))
        deepEqual(
          bag,
          this.committed.get(bagKey(relation.id, entity)) ?? {},
          `relation ${relation.id} holds of ${entity} what its last good hook wrote`,
        );
    for (const { name, leader } of Object.values(state.applications))
      ok(
        leader === undefined || state.units[leader]?.application === name,
        `${name} is led by a unit of its own`,
      );
  }

  /** With charms that do no more, and operators who say that what failed is to be done again. */
  async rest(): Promise<void> {
    this.#act(false, "well");
    for (let round = 0; ; round += 1) {
      ok(round < 50, "all come to rest");
      await this.world.provide().settle(2_000);
      const failed = Object.values(this.world.state.units).filter(({ uniter }) => uniter.failed);
      if (failed.length === 0) return this.check();
      for (const { name } of failed) this.world.do({ type: "resolve", unit: name, retry: true });
    }
  }

  /** Nobody who is in a relation missed the last word of another one in it; but a leader, who is not told of its own application's bag. */
  checkSeen(): void {
    const { applications, relations, units } = this.world.state;
    for (const relation of Object.values(relations))
      for (const unit of Object.keys(units))
        for (const [entity, bag] of this.bags(relation)) {
          const seen = this.seen.get(`${unit} ${bagKey(relation.id, entity)}`);
          if (seen && applications[entity]?.leader !== unit)
            deepEqual(ownPart(seen), bag, `${unit} knows the last of ${entity}`);
        }
  }
}

const { numRuns, timeout } = histories(60);

test(
  "what is written is what good hooks wrote, by whom may write it, and everyone hears the last of it",
  { timeout },
  async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const history = await new History().begin();
        await history.play(sequence);
        await history.rest();
        history.checkSeen();
      }),
      { numRuns },
    );
    for (const what of ["written", "lost", "seen", "refusedToFollowers"] as const)
      ok(told[what] > numRuns, `${what}: ${told[what]} times only`);
  },
);

test("whatever is removed ends, whatever state it was in", { timeout }, async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const history = await new History().begin();
      await history.play(sequence);
      for (const application of ["web", "pg"]) history.world.do({ type: "remove-application", application });
      await history.rest();
      const { units, applications, relations } = history.world.state;
      deepEqual([units, applications, relations].map(Object.keys), [[], [], []]);
      deepEqual(history.world.ids, []);
      told.ended += 1;
    }),
    { numRuns },
  );
});

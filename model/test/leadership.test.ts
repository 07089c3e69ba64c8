/** Terms of office: at most one leader, whose claim can be relied on, and a leader wherever an agent is there. */
import { deepEqual, equal, ok } from "node:assert/strict";
import * as fc from "fast-check";
import { describe, test } from "vitest";
import {
  ModelError,
  beginTerms,
  claimLeadership,
  nextTermEnd,
  promisedMs,
  renewTerms,
  settleLeadership,
  termMs,
} from "../src/index.ts";
import type { ModelEvent, Request, Terms } from "../src/index.ts";
import { pg, web } from "./support/charms.ts";
import { histories } from "./support/histories.ts";
import { World } from "./support/world.ts";

/** An agent that has not been heard for longer is taken for lost. */
const graceMs = 20_000;
const applications = ["web", "pg"];

/** Told over all runs: a history in which little happens proves little. */
const told = { elected: 0, promised: 0, refused: 0, ended: 0, cutOff: 0 };

/** A model and what a controller keeps beside it: terms of office, and when it has heard of whom. Each unit has its machine. */
class Realm extends World {
  terms: Terms = new Map();
  /** Its clock begins anew with each start of the controller. */
  #startedAt = 0;
  #heard = new Map<string, number>();
  /** What the log says, event by event, and what has been answered. */
  readonly #leaders = new Map<string, string>();
  readonly #promises = new Map<string, { unit: string; until: number }>();

  constructor() {
    super();
    this.deploy(web, 3).deploy(pg, 2);
    this.restart();
  }

  get #monotonic(): number {
    return this.now - this.#startedAt;
  }

  /** Terms, and who was heard, are lost. */
  restart(): void {
    this.#startedAt = this.now;
    this.#heard = new Map();
    this.terms = beginTerms(this.state, this.#monotonic);
  }

  readonly hasAgent = (unit: string): boolean => this.now - (this.#heard.get(unit) ?? -Infinity) < graceMs;

  /** A sign of life: the terms follow it, and an agent that was lost is news. */
  beat(unit: string): void {
    const wasThere = this.hasAgent(unit);
    this.#heard.set(unit, this.now);
    const { machine } = this.state.units[unit] ?? {};
    if (machine === undefined) return;
    this.terms = renewTerms(this.state, this.terms, machine, this.#monotonic);
    if (!wasThere) this.evaluate();
  }

  /** @param most changes; then the controller is killed */
  evaluate(most = Infinity): void {
    let left = most;
    for (const application of Object.keys(this.state.applications))
      for (;;) {
        const at = { now: this.#monotonic, hasAgent: this.hasAgent };
        const { terms, change } = settleLeadership(this.state, this.terms, application, at);
        this.terms = terms;
        if (!change) break;
        if (left === 0) {
          told.cutOff += 1;
          return this.restart();
        }
        left -= 1;
        this.do(change.request);
      }
    this.#checkOffices();
  }

  /** As the controller answers: what is due comes first. */
  claim(name: string): boolean {
    this.evaluate();
    const { terms, isLeader } = claimLeadership(this.state, this.terms, name, this.#monotonic);
    this.terms = terms;
    const application = name.slice(0, name.indexOf("/"));
    const promise = this.#promiseOf(application);
    if (!isLeader) {
      told.refused += 1;
      return false;
    }
    told.promised += 1;
    ok(!promise || promise.unit === name, `${name} was told that it leads, though ${promise?.unit} does`);
    const until = Math.max(promise?.until ?? 0, this.now + promisedMs);
    this.#promises.set(application, { unit: name, until });
    return true;
  }

  /** Whoever looks does so when it was said to be time; then nothing is due. */
  pass(ms: number): void {
    const until = this.now + ms;
    this.evaluate();
    for (let end = this.#nextLook(); end <= until; end = this.#nextLook()) {
      this.now = Math.max(this.now, end);
      this.evaluate();
    }
    this.now = until;
    this.#checkOffices();
  }

  /** Nobody looks until the time has passed, and then the controller may be killed after some changes. */
  passUnseen(ms: number, most: number): void {
    this.now += ms;
    this.evaluate(most);
  }

  #nextLook(): number {
    return (nextTermEnd(this.state, this.terms) ?? Infinity) + this.#startedAt;
  }

  override do(request: Request): ModelEvent[] {
    const events = super.do(request);
    for (const event of events) this.#follow(event);
    for (const name of applications) {
      const { leader } = this.state.applications[name] ?? {};
      equal(this.#leaders.get(name), leader, "the log and the state tell the same");
      for (const { application, uniter, name: unit } of Object.values(this.state.units))
        if (application === name && uniter.leader) equal(unit, leader, "who has run leader-elected leads");
    }
    return events;
  }

  /** What a user asks for may be refused. */
  ask(request: Request): void {
    try {
      this.do(request);
    } catch (error) {
      if (!(error instanceof ModelError)) throw error;
    }
    this.up();
  }

  #follow(event: ModelEvent): void {
    if (event.type !== "leader-elected" && event.type !== "leader-deposed") return;
    const { application, unit } = event;
    const promise = this.#promiseOf(application);
    if (event.type === "leader-elected") {
      told.elected += 1;
      equal(this.#leaders.get(application), undefined, "an office is left before it is filled");
      ok(!promise || promise.unit === unit, `${unit} was elected though ${promise?.unit} relies on leading`);
      this.#leaders.set(application, unit);
    } else {
      equal(this.#leaders.get(application), unit, "only who leads is deposed");
      this.#leaders.delete(application);
      ok(promise?.unit !== unit, `${unit} was deposed though it relies on leading`);
      if (this.state.units[unit]) told.ended += 1;
    }
  }

  /** What a unit was promised goes with it. One that is dead has run its last hook: nothing of it relies on anything. */
  #promiseOf(application: string): { unit: string; until: number } | undefined {
    const promise = this.#promises.get(application);
    const life = promise && this.state.units[promise.unit]?.life;
    const isKept = promise && this.now < promise.until && life !== undefined && life !== "dead";
    return isKept ? promise : undefined;
  }

  /** Nothing is due: whoever leads is there and has time left, and nobody leads only where nobody could. */
  #checkOffices(): void {
    for (const name of Object.keys(this.state.applications)) {
      const { leader } = this.state.applications[name] ?? {};
      const candidates = this.candidates(name);
      ok(leader !== undefined || candidates.length === 0, `${name} has no leader: ${candidates.join()}`);
      if (leader === undefined) continue;
      ok(this.state.units[leader], `${leader} leads and is gone`);
      const { unit, end = 0 } = this.terms.get(name) ?? {};
      equal(unit, leader);
      ok(end > this.#monotonic && end <= this.#monotonic + termMs);
    }
  }

  candidates(name: string): string[] {
    return Object.values(this.state.units)
      .filter((unit) => unit.application === name && unit.life === "alive" && this.hasAgent(unit.name))
      .map((unit) => unit.name);
  }

  /** One operation of a unit, from start to end. */
  run(unit: string): boolean {
    if (!this.next(unit)) return false;
    const operation = this.start(unit);
    if (operation.hook?.name === "leader-elected")
      equal(
        this.state.applications[this.unit(unit).application]?.leader,
        unit,
        "leader-elected of who leads",
      );
    this.finish(unit, operation);
    return true;
  }
}

type Step =
  | { beat: string[] }
  | { wait: number }
  | { unseen: number; most: number }
  | { claim: string }
  | { run: string; most: number }
  | { remove: string; force: boolean }
  | { add: string }
  | "restart";

const unit = fc.constantFrom("web/0", "web/0", "web/1", "web/2", "web/3", "pg/0", "pg/1");
const wait = fc.oneof(fc.nat(5_000), fc.nat(45_000), fc.nat(70_000));
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ beat: fc.uniqueArray(unit) }) },
    { weight: 3, arbitrary: fc.record({ wait }) },
    { weight: 3, arbitrary: fc.record({ unseen: wait, most: fc.constantFrom(0, 0, 1, 1, Infinity) }) },
    { weight: 5, arbitrary: fc.record({ claim: unit }) },
    { weight: 3, arbitrary: fc.record({ run: unit, most: fc.nat(8) }) },
    { weight: 2, arbitrary: fc.record({ remove: unit, force: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ add: fc.constantFrom(...applications) }) },
    { weight: 1, arbitrary: fc.constant("restart" as const) },
  ),
  { maxLength: 60, size: "max" },
);

function play(realm: Realm, step: Step): void {
  realm.now += 1;
  if (step === "restart") realm.restart();
  else if ("beat" in step) for (const each of step.beat) realm.beat(each);
  else if ("wait" in step) realm.pass(step.wait);
  else if ("unseen" in step) realm.passUnseen(step.unseen, step.most);
  else if ("claim" in step) realm.claim(step.claim);
  else if ("run" in step) for (let n = 0; n < step.most && realm.run(step.run); n += 1);
  else if ("add" in step) realm.ask({ type: "add-unit", application: step.add, count: 1 });
  else realm.ask({ type: "remove-unit", unit: step.remove, force: step.force });
}

/** One living unit of each application is heard of from now on, and whoever is dying; each office is filled within a term. */
function comeToRest(realm: Realm): void {
  const living = (application: string) =>
    Object.values(realm.state.units).findLast(
      (each) => each.application === application && each.life === "alive",
    )?.name;
  const heirs = new Map(applications.map((name) => [name, living(name)]));
  for (let passed = 0; passed <= termMs + graceMs; passed += 5_000) {
    for (const { name, life } of Object.values(realm.state.units))
      if (life !== "alive" || [...heirs.values()].includes(name)) realm.beat(name);
    if (passed >= termMs)
      for (const [name, heir] of heirs)
        ok(
          heir === undefined || realm.state.applications[name]?.leader,
          `${name} has a leader within a term`,
        );
    realm.pass(5_000);
  }
  for (const [name, heir] of heirs)
    if (heir !== undefined) {
      equal(realm.state.applications[name]?.leader, heir, "silent and dying leaders are followed");
      while (realm.run(heir));
      equal(realm.unit(heir).uniter.leader, true, "the leader has run leader-elected");
    }
}

describe("who leads", () => {
  test("is the oldest living unit whose agent is there, by its number", () => {
    const realm = new Realm();
    realm.ask({ type: "add-unit", application: "web", count: 9 });
    realm.beat("web/11");
    equal(realm.state.applications["web"]?.leader, "web/11");
    for (const each of ["web/10", "web/9", "web/2", "web/1"]) realm.beat(each);
    realm.ask({ type: "remove-unit", unit: "web/1" });
    realm.ask({ type: "remove-unit", unit: "web/11", force: true });
    realm.evaluate();
    equal(realm.state.applications["web"]?.leader, "web/2");
  });

  test("is told so while at least half a term is left, and a dying unit no longer", () => {
    const realm = new Realm();
    for (const each of ["web/0", "web/1"]) realm.beat(each);
    realm.now += 59_000;
    deepEqual([realm.claim("web/1"), realm.claim("web/0")], [false, true]);
    while (realm.run("web/0"));
    realm.ask({ type: "remove-unit", unit: "web/0" });
    realm.now += 30_000;
    equal(realm.claim("web/0"), true);
    realm.now += 1;
    equal(realm.claim("web/0"), false);
    equal(realm.state.applications["web"]?.leader, "web/0");
  });

  test("is not decided by a sign of life that comes after the end of the term", () => {
    const { state } = new Realm().elect("web/1");
    const { machine } = new Realm().unit("web/1");
    const terms = beginTerms(state, 0);
    equal(renewTerms(state, terms, machine, termMs - 1).get("web")?.end, 2 * termMs - 1);
    equal(renewTerms(state, terms, machine, termMs), terms);
    equal(claimLeadership(state, terms, "web/1", termMs).isLeader, false);
  });
});

const { numRuns, timeout } = histories(150);

test(
  "in any history one leads at most, can rely on it for half a term, and is followed within a term",
  { timeout },
  () => {
    fc.assert(
      fc.property(steps, (sequence) => {
        const realm = new Realm();
        for (const step of sequence) play(realm, step);
        comeToRest(realm);
      }),
      { numRuns },
    );
    for (const [what, times] of Object.entries(told)) ok(times > 15, `${what}: ${times} times only`);
  },
);

/** What owners and readers of secrets rely on in any history, with hooks that fail at random: against a record kept beside the model. */
import { deepEqual, equal, ok } from "node:assert/strict";
import * as fc from "fast-check";
import { test } from "vitest";
import { pg, web } from "./support/charms.ts";
import { histories } from "./support/histories.ts";
import { type Hook, World } from "./support/world.ts";

const units = ["pg/0", "pg/1", "web/0", "web/1"];
const deeds = [
  "add",
  "set",
  "set",
  "remove",
  "renew",
  "grant",
  "grant",
  "revoke",
  "read",
  "read",
  "refresh",
  "peek",
] as const;
type Deed = (typeof deeds)[number];
type Step =
  | { readonly elect: string }
  | { readonly unit: string; readonly deed: Deed; readonly at: number; readonly isGood: boolean };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 1, arbitrary: fc.record({ elect: fc.constantFrom(...units) }) },
    {
      weight: 12,
      arbitrary: fc.record({
        unit: fc.constantFrom(...units),
        deed: fc.constantFrom(...deeds),
        at: fc.nat(5),
        isGood: fc.constantFrom(true, true, false),
      }),
    },
  ),
  { minLength: 20, maxLength: 60, size: "max" },
);

/** A secret as good hooks have made it. */
interface Known {
  /** a unit or an application */
  readonly owner: string;
  /** by number of their revision, in its order */
  readonly tokens: Map<number, string>;
  made: number;
  isGranted: boolean;
  /** what a unit of the other application tracks: its first read and each refresh */
  readonly tracked: Map<string, number>;
  /** the newest that a unit has read or was told of */
  readonly heard: Map<string, number>;
}

/** How often each was tried, over all histories: what never happens is not tested. */
const tried = new Map<string, number>();
const count = (what: string) => tried.set(what, (tried.get(what) ?? 0) + 1);

const applicationOf = (entity: string): string => entity.split("/")[0] ?? "";
const isOther = (unit: string, owner: string): boolean => applicationOf(unit) !== applicationOf(owner);
const latestOf = ({ tokens }: Known): number => [...tokens.keys()].at(-1) ?? 0;
const mayRead = (unit: string, { owner, isGranted }: Known): boolean =>
  owner === unit || owner === applicationOf(unit) || (isGranted && isOther(unit, owner));
const nothing = () => {};

class History {
  readonly world = new World();
  readonly secrets = new Map<string, Known>();
  #relation = "";
  #tokens = 0;

  async begin(): Promise<this> {
    this.world.deploy(web, 2).deploy(pg, 2).elect("web/0").elect("pg/0");
    this.world.do({ type: "integrate", endpoints: ["web:db", "pg:db"] });
    const { relations } = this.world.state;
    this.#relation = String(Object.values(relations).find(({ endpoints }) => endpoints.length === 2)?.id);
    await this.world.settle();
    // A secret that is read, before anything goes wrong: few histories come to that by chance.
    for (const [unit, deed] of [
      ["pg/0", "add"],
      ["pg/0", "grant"],
      ["web/0", "read"],
      ["web/1", "read"],
    ] as const)
      await this.#run({ unit, deed, at: 0, isGood: true });
    return this;
  }

  async play(sequence: readonly Step[]): Promise<void> {
    for (const step of sequence) {
      if ("elect" in step) this.world.elect(step.elect);
      else await this.#run(step);
      this.check();
    }
  }

  /** In whatever hook is next; in an update-status if none is. */
  async #run({ unit, deed, at, isGood }: Extract<Step, { deed: Deed }>): Promise<void> {
    if (this.world.unit(unit).uniter.failed) this.world.do({ type: "resolve", unit, retry: true });
    else if (!this.world.next(unit)) this.world.do({ type: "wake-unit", unit, hook: "update-status" });
    this.world.script = async (hook) => {
      const keep = await this.#do(hook, deed, at);
      if (!isGood) throw new Error("on purpose");
      this.#hear(hook);
      keep();
    };
    ok(await this.world.step(unit), `${unit} has a hook`);
    // An assertion in a script is a failure of its hook: here it comes out.
    const { failed } = this.world.unit(unit).uniter;
    equal(failed?.message, isGood ? undefined : "Error: on purpose");
  }

  /** The deed, and what is to be kept of it once the hook ends well. */
  async #do(hook: Hook, deed: Deed, at: number): Promise<() => void> {
    if (deed === "add") return this.#add(hook, at % 2 === 0 ? "application" : "unit");
    const isRead = deed === "read" || deed === "refresh" || deed === "peek";
    const ids = isRead ? [...this.secrets.keys()] : Object.keys(hook.view.ownSecrets);
    const id = ids[at % ids.length] ?? "";
    const known = this.secrets.get(id);
    if (!known) return nothing;
    count(deed);
    if (isRead) return this.#read(hook, id, known, deed);
    if (deed === "set") return this.#set(hook, id, known);
    if (deed === "renew") return this.#renew(hook, id, known);
    const revisions = [...known.tokens.keys()];
    if (deed === "remove") return this.#remove(hook, id, known, revisions[at % revisions.length] ?? 0);
    if (deed === "grant") await hook.ask("secret-grant", id, "-r", this.#relation);
    else await hook.ask("secret-revoke", id, "--app", applicationOf(known.owner) === "pg" ? "web" : "pg");
    return () => void (known.isGranted = deed === "grant");
  }

  async #add({ unit, tool }: Hook, kind: "application" | "unit"): Promise<() => void> {
    count("add");
    const token = this.#token();
    const { exitCode, stdout } = await tool("secret-add", "--owner", kind, `token=${token}`);
    const owner = kind === "unit" ? unit : applicationOf(unit);
    const mayAdd = kind === "unit" || this.world.state.applications[owner]?.leader === unit;
    equal(exitCode === 0, mayAdd, `${unit} adds a secret of its ${kind}`);
    if (!mayAdd) return nothing;
    const tokens = new Map([[1, token]]);
    const known = { owner, tokens, made: 1, isGranted: false, tracked: new Map(), heard: new Map() };
    return () => void this.secrets.set(stdout.trim().replace("secret:", ""), known);
  }

  async #set({ ask }: Hook, id: string, known: Known): Promise<() => void> {
    const token = this.#token();
    await ask("secret-set", id, `token=${token}`);
    return () => void known.tokens.set((known.made += 1), token);
  }

  /** What one does when the newest has expired. The only revision takes its secret along, so that one stays. */
  async #renew(hook: Hook, id: string, known: Known): Promise<() => void> {
    const isOnly = known.tokens.size === 1;
    const removed = isOnly ? nothing : await this.#remove(hook, id, known, latestOf(known));
    const set = await this.#set(hook, id, known);
    return () => {
      removed();
      set();
    };
  }

  async #remove({ ask }: Hook, id: string, known: Known, revision: number): Promise<() => void> {
    await ask("secret-remove", id, "--revision", String(revision));
    return () => {
      known.tokens.delete(revision);
      if (known.tokens.size === 0) this.secrets.delete(id);
    };
  }

  /** It gives what good hooks have made, of the revision that is due, to whom may read. */
  async #read(
    { unit, tool, view }: Hook,
    id: string,
    known: Known,
    deed: "read" | "refresh" | "peek",
  ): Promise<() => void> {
    const isConsumer = isOther(unit, known.owner);
    const tracked = deed === "read" && isConsumer ? known.tracked.get(unit) : undefined;
    const revision = tracked ?? latestOf(known);
    const token = mayRead(unit, known) ? known.tokens.get(revision) : undefined;
    const flags = deed === "read" ? [] : [`--${deed}`];
    const { exitCode, stdout } = await tool("secret-get", id, ...flags, "token");
    equal(stdout, token === undefined ? "" : `${token}\n`, `${unit} reads ${id}/${revision}`);
    equal(exitCode === 0, token !== undefined);
    if (token === undefined) count("refused");
    // Who peeks does not become a consumer by it, nor does who manages the secret.
    if (token === undefined || deed === "peek" || Object.hasOwn(view.ownSecrets, id)) return nothing;
    return () => {
      if (isConsumer) known.tracked.set(unit, revision);
      known.heard.set(unit, Math.max(known.heard.get(unit) ?? 0, revision));
    };
  }

  #token = (): string => `t${(this.#tokens += 1)}`;

  /** A hook that ends well has told its unit of the newest revision. */
  #hear({ unit, name, view }: Hook): void {
    const known = this.secrets.get(view.hook?.secretId ?? "");
    if (name !== "secret-changed" || !known) return;
    known.heard.set(unit, latestOf(known));
    count("heard");
  }

  /** Holds after every single step: numbers are 1, 2, 3 … and never given again, and nothing is left of hooks that failed. */
  check(): void {
    const { state, contents } = this.world;
    const kept = Object.values(state.secrets).map(({ id, revisions }) => [
      id,
      revisions.map(({ revision, contentId }) => [revision, contents.get(contentId)?.["token"]]),
    ]);
    const known = [...this.secrets].map(([id, { tokens }]) => [id, [...tokens]]);
    deepEqual(Object.fromEntries(kept), Object.fromEntries(known));
  }

  /** With charms that do no more, and operators who say that what failed is to be done again. */
  async rest(): Promise<void> {
    this.world.script = (hook) => this.#hear(hook);
    for (let round = 0; ; round += 1) {
      ok(round < 10, "all come to rest");
      await this.world.settle();
      const failed = Object.values(this.world.state.units).filter(({ uniter }) => uniter.failed);
      if (failed.length === 0) return this.check();
      for (const { name } of failed) this.world.do({ type: "resolve", unit: name, retry: true });
    }
  }

  /** Whoever has read a revision, and still may, has read the newest or was told of it; but who makes them is not told. */
  checkHeard(): void {
    const { applications } = this.world.state;
    for (const [id, known] of this.secrets)
      for (const [unit, revision] of known.heard)
        if (mayRead(unit, known) && unit !== known.owner && unit !== applications[known.owner]?.leader)
          ok(revision >= latestOf(known), `${unit} heard of ${id}/${latestOf(known)}, not just ${revision}`);
  }
}

const { numRuns, timeout } = histories(40);

test(
  "of a secret only good hooks are read, by whom may, and every reader hears of the newest",
  { timeout },
  async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (sequence) => {
        const history = await new History().begin();
        await history.play(sequence);
        await history.rest();
        history.checkHeard();
      }),
      { numRuns },
    );
    // With few histories on demand even what is common may not come.
    if (numRuns < 40) return;
    for (const what of [...deeds, "refused", "heard"]) ok((tried.get(what) ?? 0) > 10, `${what} was tried`);
  },
);

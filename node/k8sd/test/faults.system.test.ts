/**
 * Bootstrap, joins, refreshes of certificates and removals, each hurt at a random moment. Two seeds by default, other ones at each run; all of them in
 * `scripts/test faults`. CANTRIP_SEED=N replays one, CANTRIP_NODE_FAULTS=N runs so many.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  bootstrap,
  freshMachines,
  hurtOf,
  joinTo,
  problemsOf,
  randomness,
  refreshOn,
  remainsOf,
  removeBy,
  survive,
  unfitKeysOf,
} from "./faults.ts";
import { eventually, kubectl, machines } from "./machines.ts";

const NAMES = ["c1", "c2", "c3", "w1"];
const given = process.env["CANTRIP_SEED"];
const count = Number(process.env["CANTRIP_NODE_FAULTS"] ?? 2);
const first = Math.floor(Math.random() * 1_000_000);
const seeds =
  given === undefined ? Array.from({ length: count }, (_, index) => first + index) : [Number(given)];

beforeAll(async () => {
  await machines.cleanup();
  await machines.prepare();
});

afterAll(async () => {
  await machines.cleanup();
  await machines.restore();
});

const whole = (via: string, names: readonly string[]) =>
  eventually(`the cluster is ${names.join(", ")} and nothing else`, async () => {
    const problems = await problemsOf(via, names);
    if (problems.length > 0) throw new Error(problems.join("; "));
    return true;
  });

test.each(seeds)("nothing is lost and nothing is left over, seed %i", async (seed) => {
  const random = randomness(seed);
  const hurt = (names: readonly string[], withinMs: number) => hurtOf(random, names, withinMs);
  await freshMachines(NAMES);

  await survive("the bootstrap", hurt(["c1"], 6_000), bootstrap("c1"));
  await whole("c1", ["c1"]);
  await kubectl("c1", "create", "configmap", "kept", `--from-literal=seed=${seed}`);

  await survive("the join of a worker", hurt(["c1", "w1"], 3_000), joinTo("c1", "w1"));
  await survive("the join of a control plane", hurt(["c1", "c2"], 9_000), joinTo("c1", "c2"));
  await whole("c1", ["c1", "c2", "w1"]);
  await survive("the join of a third", hurt(["c1", "c2", "c3"], 12_000), joinTo("c2", "c3"));
  await whole("c3", ["c1", "c2", "c3", "w1"]);

  for (const name of [random() < 0.5 ? "c1" : "c2", "w1"]) {
    const what = `the refresh of ${name}'s certificates`;
    await survive(what, hurt([name, "c3"], 3_000), refreshOn(name));
    await eventually(`${what} is whole`, async () => (await unfitKeysOf(name)) === "");
  }
  await whole("c2", ["c1", "c2", "c3", "w1"]);

  await survive("the removal of a control plane", hurt(["c1", "c2", "c3"], 9_000), removeBy("c1", "c2"));
  await whole("c1", ["c1", "c3", "w1"]);
  await eventually("nothing of it is left", async () => (await remainsOf("c2")) === "");
  await survive("the removal of a worker", hurt(["c1", "w1"], 4_000), removeBy("c1", "w1"));
  await whole("c3", ["c1", "c3"]);
  await eventually("nothing of it is left", async () => (await remainsOf("w1")) === "");
  expect(await kubectl("c3", "get", "configmap", "kept", "-o", "jsonpath={.data.seed}")).toBe(String(seed));
});

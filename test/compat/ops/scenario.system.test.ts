/**
 * Our `lib/testing` beside `ops-scenario`: the same charm, the same state and event in, the same state out, but for what
 * docs/ops-differences.md lists.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deferralCases } from "./cases/deferrals.ts";
import { endingCases } from "./cases/endings.ts";
import { eventCases } from "./cases/events.ts";
import { toolCases } from "./cases/tools.ts";
import { opsPython } from "./python.ts";
import { Scenarios, isTransition, ours } from "./transitions.ts";
import type { PythonSite } from "../python-site.ts";

const differences = readFileSync(join(import.meta.dirname, "../../../docs/ops-differences.md"), "utf8");

/** By title: the name, in docs/ops-differences.md, of why the two do not come to the same. */
const differing: Readonly<Record<string, string>> = {
  "leader-settings-changed sets a status": "scenario-leader-settings",
  "stop sets a status": "scenario-last-hooks",
  "remove sets a status": "scenario-last-hooks",
  "stop, remove, rotate and expired cannot be deferred": "scenario-last-hooks",
  "departed lets the leaving unit's databag be read": "scenario-departure",
  "departed because this unit leaves": "scenario-departure",
  "broken is left out of the list, and carried by the event": "scenario-departure",
  "broken, when nobody is left": "scenario-departure",
  "storage detaching": "scenario-departure",
  "a deferred change comes before the end of its relation, which is not active then": "scenario-departure",
  "a follower does not read its application's databag while the relation ends either": "scenario-departure",
  "a deferred departure says who left, also when the relation is gone": "scenario-departure",
  "deferred storage that is gone": "gone-storage",
  "a secret expired": "scenario-obsolete",
  "a secret's revision is read by nobody": "scenario-obsolete",
  "a revision is removed, and a whole secret": "scenario-obsolete",
  "an expiry that defers fails, keeps no deferral, and comes again": "scenario-obsolete",
  "deferred changes and removals of secrets come back with what they are about": "scenario-obsolete",
  "a reboot after the hook": "scenario-reboot",
  "a reboot now ends the hook, and well": "scenario-reboot",
  "a reboot now keeps nothing that was stored, nor a deferral": "scenario-reboot",
  "a follower makes none for its application": "scenario-follower-secret",
  "a secret is revoked": "scenario-revoke",
  "a unit's grant is revoked": "scenario-revoke",
  "results are flattened": "scenario-results",
  "a hook that ends early, and well": "scenario-exit",
  "deferred events of several kinds keep their order and what they are about": "scenario-deferred-order",
};

const cases = [...eventCases, ...toolCases, ...endingCases, ...deferralCases].filter(isTransition);

function compare(ops: PythonSite): void {
  let scenarios: Scenarios;
  beforeAll(() => {
    scenarios = new Scenarios(ops);
  });
  afterAll(() => scenarios.stop());

  test("differences are named of cases that there are", () => {
    const titles = cases.map(({ title }) => title);
    expect(Object.keys(differing).filter((title) => !titles.includes(title))).toEqual([]);
    expect(titles.length - Object.keys(differing).length).toBeGreaterThan(30);
  });

  test.each(cases)("$title", async (one) => {
    const [here, there] = await Promise.all([ours(one), scenarios.theirs(one)]);
    const said = `${here.said}\n--- ops-scenario:\n${there.said}`;
    const reason = differing[one.title];
    if (reason === undefined) return expect(here.results, said).toEqual(there.results);
    expect(differences).toContain(`\`${reason}\``);
    expect(here.results, `no longer different: ${reason}`).not.toEqual(there.results);
  });
}

const ops = await opsPython();
if ("missing" in ops) test.skip(`beside ops-scenario (skipped: ${ops.missing})`, () => undefined);
else describe("beside ops-scenario", () => compare(ops));

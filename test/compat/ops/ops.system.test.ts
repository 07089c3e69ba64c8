/**
 * Our framework beside `ops` for Python: one charm written in both, the same events, the same hook tools (the model's, as
 * executables). What is written, what is seen and what is left behind must be the same, but for what docs/ops-differences.md lists.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deferralCases } from "./cases/deferrals.ts";
import { endingCases } from "./cases/endings.ts";
import { eventCases } from "./cases/events.ts";
import { toolCases } from "./cases/tools.ts";
import { opsPython } from "./python.ts";
import { type Case, Twins } from "./twins.ts";
import type { PythonSite } from "../python-site.ts";

const differences = readFileSync(join(import.meta.dirname, "../../../docs/ops-differences.md"), "utf8");
const exitsOf = ({ exits, hooks }: Case): readonly number[] => exits ?? hooks.map(() => 0);

function compare(ops: PythonSite): void {
  let twins: Twins;
  beforeAll(async () => {
    twins = await Twins.start(ops);
  });
  afterAll(() => twins.stop());

  describe.each([
    ["events", eventCases],
    ["tools", toolCases],
    ["endings", endingCases],
    ["deferrals", deferralCases],
  ] as const)("%s", (_, cases) => {
    test.each(cases)("$title", async (one) => {
      const { ours, theirs } = await twins.run(one);
      const said = `${ours.said}\n--- ops:\n${theirs.said}`;
      expect(
        theirs.outcomes.map(({ exitCode }) => exitCode),
        said,
      ).toEqual(exitsOf(one));
      if (one.differs === undefined) return expect(ours.outcomes, said).toEqual(theirs.outcomes);
      expect(differences).toContain(`\`${one.differs}\``);
      expect(ours.outcomes, `no longer different: ${one.differs}`).not.toEqual(theirs.outcomes);
    });
  });
}

const ops = await opsPython();
if ("missing" in ops) test.skip(`beside ops (skipped: ${ops.missing})`, () => undefined);
else describe("beside ops", () => compare(ops));

/** What charmcraft's own linters say of archives that we pack. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packCharm } from "@cantrip/lib/pack";
import { execa } from "execa";
import { afterAll, expect, test } from "vitest";
import { pythonSite } from "../python-site.ts";

interface Finding {
  readonly name: string;
  readonly check_type: "attribute" | "lint";
  readonly result: string;
  readonly text: string;
}

const top = join(import.meta.dirname, "../../..");
const scratch = mkdtempSync(join(tmpdir(), "analyse-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const charmcraft = await pythonSite("charmcraft", "3.5.3");

async function analysed(charm: string): Promise<{ exitCode: number | undefined; findings: Finding[] }> {
  if ("missing" in charmcraft) throw new Error(charmcraft.missing);
  const archive = await packCharm({ dir: join(top, charm), out: `${scratch}/` });
  const { exitCode, stdout } = await execa(
    "python3",
    ["-m", "charmcraft", "analyse", "--format", "json", archive],
    {
      // Its log files go below the home directory.
      env: { PATH: process.env["PATH"], PYTHONPATH: charmcraft.site, HOME: scratch },
      extendEnv: false,
      reject: false,
      timeout: 60_000,
    },
  );
  return { exitCode, findings: JSON.parse(stdout) as Finding[] };
}

const charms = [
  "charms/k8s",
  "charms/k8s-worker",
  "lib/test/charms/greeter",
  "lib/test/tutorial/6-state/share",
];

if ("missing" in charmcraft)
  test.skip(`charmcraft analyse (skipped: ${charmcraft.missing})`, () => undefined);
else
  test.each(charms)("charmcraft analyse finds no error in %s", async (charm) => {
    const { exitCode, findings } = await analysed(charm);
    const lints = findings.filter(({ check_type: kind }) => kind === "lint");
    expect(lints.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["metadata", "juju-actions", "juju-config", "entrypoint"]),
    );
    expect(lints.filter(({ result }) => !["ok", "nonapplicable"].includes(result))).toEqual([]);
    expect(exitCode).toBe(0);
  });

/** The page on porting names things of `ops` in its left column: they are there. */
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { PythonSite } from "../python-site.ts";
import { opsPython } from "./python.ts";

const page = join(import.meta.dirname, "../../../docs/framework/9-porting.md");
/** What a charm of its own is called in the examples. */
const own = new Set(["usage_action", "seen"]);

const ops = await opsPython();
if ("missing" in ops) test.skip(`the page on porting (skipped: ${ops.missing})`, () => undefined);
else test("ops has what the page on porting names", () => namesAreThere(ops));

function namesAreThere({ site }: PythonSite): void {
  const words = new Set(
    globSync("ops/**/*.py", { cwd: site }).flatMap(
      (file) => readFileSync(join(site, file), "utf8").match(/\w+/g) ?? [],
    ),
  );
  const named = readFileSync(page, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .flatMap((row) => [...(row.split(" | ")[0] ?? "").matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code))
    .flatMap((code) => [...code.matchAll(/(?:\.|\b(?=\w+=))([a-z]\w*)/gi)].map(([, name = ""]) => name))
    .filter((name) => !own.has(name));
  expect(named).toEqual(expect.arrayContaining(["observe", "load_config", "refresh", "ActiveStatus"]));
  expect(named.filter((name) => !words.has(name))).toEqual([]);
}

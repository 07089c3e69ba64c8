import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { readExports } from "../scripts/exports.ts";

const top = resolve(import.meta.dirname, "..", "..");

test("the reference says what the docstrings say", () => {
  const script = join(top, "lib", "scripts", "reference.ts");
  expect(() => execFileSync(process.execPath, [script, "--check"], { stdio: "pipe" })).not.toThrow();
});

test("an export or a method without a docstring is named", () => {
  const [found = []] = readExports(top, ["lib/test/harness/undocumented.ts"]);
  expect(found.flatMap(({ undocumented }) => undocumented)).toEqual(["naked", "Half.unsaid"]);
});

test("a declaration is shown without bodies and without what is not for users", () => {
  const [found = []] = readExports(top, ["lib/test/harness/undocumented.ts"]);
  expect(found.map(({ declaration }) => declaration)).toEqual([
    "const naked: 1;",
    "class Half {\n  /** Documented. */\n  said(): void;\n  unsaid(): void;\n}",
  ]);
});

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

test("what is generated from the schemas is up to date", () => {
  const script = join(import.meta.dirname, "..", "scripts", "generate.ts");
  expect(() => execFileSync(process.execPath, [script, "--check"], { stdio: "pipe" })).not.toThrow();
});

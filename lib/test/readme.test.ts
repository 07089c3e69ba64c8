import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const read = (...path: string[]): string => readFileSync(join(import.meta.dirname, ...path), "utf8");

test.each([
  "charms/greeter/charmcraft.yaml",
  "charms/greeter/src/charm.ts",
  "charms/greeter/src/main.ts",
  "greeter.test.ts",
])("the readme's example is the one that is tested: %s", (file) => {
  expect(read("..", "README.md")).toContain(`\n${read(file).trimEnd()}\n\`\`\``);
});

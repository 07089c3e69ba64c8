import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { charmTypesOf, parseCharmProject } from "@cantrip/metadata";

const script = join(import.meta.dirname, "..", "scripts", "charm-types.ts");
const charms = join(import.meta.dirname, "..", "..", "charms");
const head = "type: charm\nname: web\nsummary: s\ndescription: d\n";
const typesOf = (text: string): string => charmTypesOf(parseCharmProject(head + text));

test("options are typed, and unset only without a default", () => {
  const types = typesOf(
    "config: {options: {a: {default: x, description: 'closes */ early'}, b: {type: int}, c: {type: boolean, default: no}, d: {type: float, default: 1.0}}}",
  );
  expect(types).toContain('/** closes *\\/ early */\n  readonly "a": string;');
  expect(types).toContain('  readonly "b"?: number;\n  readonly "c": boolean;\n  readonly "d": number;');
});

test("parameters of actions are typed as far as types go", () => {
  const types = typesOf(`actions:
  run:
    params:
      mode: {enum: [fast, safe], default: safe}
      nodes: {type: array, items: {type: string}}
      more: {type: object, properties: {depth: {type: integer}}, required: [depth]}
      any: {}
    required: [nodes]
    additionalProperties: false
`);
  expect(types).toContain(`  readonly "run": {
    readonly "mode": "fast" | "safe";
    readonly "nodes": readonly (string)[];
    readonly "more"?: {
      readonly "depth": number;
      readonly [name: string]: unknown;
    };
    readonly "any"?: unknown;
  };`);
});

test("endpoints, resources and storage are typed", () => {
  const types = typesOf(
    "requires: {db: {interface: pg, scope: container}}\nresources: {p: {filename: p.tar}}\nstorage: {s: {type: block, multiple: {range: 0-}}}",
  );
  expect(types).toContain(
    'readonly "db": { readonly role: "requirer"; readonly interface: "pg"; readonly scope: "container" };',
  );
  expect(types).toContain('readonly "p": "file";');
  expect(types).toContain('readonly "s": { readonly type: "block"; readonly multiple: true };');
});

test("all of it has one name, whatever there is", () => {
  expect(typesOf("")).toMatch(
    /export interface Declared \{(?:\n {2}readonly (config|actions|relations|resources|storage): \w+;){5}\n\}\n$/,
  );
});

test("a name cannot leave its quotes", () => {
  expect(typesOf(`config: {options: {'a": 1; b': {}}}`)).toContain('readonly "a\\": 1; b"?: string;');
});

test("a stale file fails the check, and the command mends it", () => {
  const dir = mkdtempSync(join(tmpdir(), "charm-types-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  cpSync(join(charms, "k8s-worker", "charmcraft.yaml"), join(dir, "charmcraft.yaml"));
  const run = (...argv: string[]) =>
    execFileSync(process.execPath, [script, dir, ...argv], { stdio: "pipe" });
  expect(() => run("--check")).toThrow("Out of date");
  run();
  run("--check");
  const target = join(dir, "src", "generated", "charm-types.ts");
  writeFileSync(target, `${readFileSync(target, "utf8")} `);
  expect(() => run("--check")).toThrow("Out of date");
});

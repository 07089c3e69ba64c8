/** The houses import each other only as ARCHITECTURE.md says; this is its table, checked against every import. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { expect, test } from "vitest";

const top = resolve(import.meta.dirname, "..");
const mayImport: Record<string, readonly string[]> = {
  metadata: [],
  model: ["metadata"],
  lib: ["metadata"],
  relations: ["lib", "metadata"],
  charms: ["lib", "relations", "metadata"],
  machines: [],
  node: ["metadata"],
  controller: ["model", "machines", "metadata"],
  up: ["metadata", "model", "lib", "relations", "charms", "machines", "node", "controller"],
};
/** The framework's test kit runs charms on the model; tests of the node run it on machines; tests of a house may use what it is tested with. */
const inTests: Record<string, readonly string[]> = {
  lib: ["model"],
  node: ["machines"],
  charms: ["model", "node"],
  controller: ["lib"],
  relations: ["model"],
};
const packages: Record<string, string> = {
  "@cantrip/charm-node": "charms",
  "@cantrip/charm-k8s": "charms",
  "@cantrip/charm-k8s-worker": "charms",
  "@cantrip/components": "node",
  "@cantrip/node-package": "node",
  "@cantrip/k8sd": "node",
  "@cantrip/k8s-cli": "node",
};

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (entry.name === "node_modules" || entry.name === "dist") return [];
    const path = join(folder, entry.name);
    return entry.isDirectory() ? sources(path) : /\.(ts|mts)$/.test(entry.name) ? [path] : [];
  });
}

function houseOf(specifier: string, file: string): string | undefined {
  if (specifier.startsWith(".")) return relative(top, resolve(dirname(file), specifier)).split("/")[0];
  const name = /^@cantrip\/[^/]+/.exec(specifier)?.[0];
  return name && (packages[name] ?? name.slice("@cantrip/".length));
}

function violations(house: string): string[] {
  return sources(join(top, house)).flatMap((file) => {
    const path = relative(top, file);
    const isTest = /(^|\/)(test|testing)\//.test(path);
    const allowed = new Set([house, ...(mayImport[house] ?? []), ...(isTest ? (inTests[house] ?? []) : [])]);
    const specifiers = [...readFileSync(file, "utf8").matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map(
      (match) => match[1] ?? "",
    );
    return specifiers
      .map((specifier) => ({ specifier, to: houseOf(specifier, file) }))
      .filter(({ to }) => to !== undefined && !allowed.has(to))
      .map(({ specifier, to }) => `${path} imports ${specifier} (${house} may not import ${to})`);
  });
}

test.each(Object.keys(mayImport))("%s imports only what its place in the drawing allows", (house) => {
  expect(violations(house)).toEqual([]);
});

test("a charm takes nothing of the model or the node but through its tests", () => {
  expect(houseOf("@cantrip/k8sd", join(top, "charms/k8s/src/main.ts"))).toBe("node");
  expect(houseOf("../../../model/src/index.ts", join(top, "charms/k8s/src/main.ts"))).toBe("model");
});

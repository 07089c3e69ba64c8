import { expect, test } from "vitest";
import {
  MetadataError,
  nearMiss,
  parseCharmActions,
  parseCharmConfig,
  parseCharmMetadata,
  parseCharmProject,
  parseCharmcraft,
  parseManifest,
} from "@cantrip/metadata";

function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof MetadataError) return error.message;
    throw error;
  }
  throw new Error("accepted");
}

const head = "name: web\nsummary: A web server\ndescription: Serves.\n";
const project = `type: charm\n${head}`;

test("all that is wrong is told at once, by line, with what was probably meant", () => {
  const text = `${project}platfroms:
  amd64:
requires:
  db:
    interfce: postgresql
    scope: globl
    limit: many
config:
  options:
    port: {type: integer}
`;
  expect(messageOf(() => parseCharmcraft(text))).toBe(`charmcraft.yaml: 5 problems:
  line 5: platfroms: unknown key: did you mean "platforms"?
  line 8: requires.db.interface: missing: did you mean "interfce"?
  line 10: requires.db.scope: must be one of global, container: did you mean "global"?
  line 11: requires.db.limit: must be a whole number, not a string
  line 14: config.options.port.type: must be one of string, int, float, boolean, secret: did you mean "int"?`);
});

test("the rules beyond the shape are told at once, too", () => {
  const text = `${head}requires:\n  Db: a\nprovides:\n  juju-x: a\nstorage:\n  s:\n    type: block\n    minimum-size: big\n`;
  const error = messageOf(() => parseCharmMetadata(text));
  expect(error).toContain("metadata.yaml: 3 problems:\n  line 5: requires.Db: Cannot use");
  expect(error).toContain('\n  line 7: provides.juju-x: reserved relation name: "juju-x"');
  expect(error).toContain('\n  line 11: storage.s.minimum-size: cannot parse size "big"');
});

test("parts of the project file are named by their place in it", () => {
  const text = `${project}config:\n  options:\n    a.b: {type: int, default: x}\n    c: {type: float, default: 1.0}\n    d: {type: float, default: 1}\nactions:\n  juju-x: {}\n`;
  expect(messageOf(() => parseCharmProject(text))).toBe(`charmcraft.yaml: 3 problems:
  line 7: config.options.a.b.default: invalid config default: option "a.b" expected int, got "x"
  line 9: config.options.d.default: invalid config default: option "d" expected float, got 1
  line 11: actions.juju-x: cannot use action name juju-x: "juju" is a reserved name`);
});

test.each([
  [() => parseCharmConfig("options:\n  a:\n    default: [1]\n"), "config.yaml:3: options.a.default: "],
  [
    () => parseCharmActions("run:\n  params:\n  - a\n"),
    "actions.yaml:2: run.params: must be a map, not a list",
  ],
  [
    () => parseManifest("bases:\n- name: u\n  channel: 24.04\n"),
    "manifest.yaml:3: bases.0.channel: must be a string, not a number",
  ],
  [
    () => parseCharmMetadata(`${head}x: &a {interface: i, limit: y}\nrequires:\n  q: *a\n`),
    "metadata.yaml:6: requires.q.limit: must be",
  ],
  [
    () => parseCharmMetadata(`${head}requires:\n  "db":\n    - a\n`),
    "metadata.yaml:5: requires.db: must be a string or a map, not a list",
  ],
  [() => parseCharmMetadata(`${head}a: 1\na: 2`), "metadata.yaml:5: not YAML: duplicated mapping key"],
])("the line of one problem %#", (act, message) => {
  expect(messageOf(act)).toContain(message);
});

test("a list of problems has an end", () => {
  const text = project + Array.from({ length: 500 }, (_, index) => `zzz${index}: 1\n`).join("");
  const message = messageOf(() => parseCharmcraft(text));
  expect(message).toMatch(/^charmcraft.yaml: 500 problems:\n/);
  expect(message).toMatch(/and 480 more$/);
});

test.each([
  ["platfroms", "platforms"],
  ["minimum_size", "minimum-size"],
  ["Name", "name"],
  ["plat", "platforms"],
  ["x", undefined],
  ["something-else", undefined],
  ["n".repeat(100_000), undefined],
])("near misses of %.20s", (given, meant) => {
  expect(nearMiss(given, ["name", "platforms", "minimum-size"])).toBe(meant);
});

import { expect, test } from "vitest";
import * as fc from "fast-check";
import {
  MetadataError,
  checkOptionValue,
  named,
  parseCharmActions,
  parseCharmConfig,
  parseCharmMetadata,
  parseManifest,
  parseOptionText,
  parseSizeMiB,
} from "@cantrip/metadata";

const head = "name: web\nsummary: A web server\ndescription: Serves.\n";

test("metadata is normalised, whatever form it was written in", () => {
  const { endpoints, storage, resources, extraBindings, assumes } = parseCharmMetadata(`${head}
provides:
requires:
  db: postgresql
  juju-info: {interface: juju-info, scope: container}
peers: {peers: {interface: web-peers}}
storage:
  data: {type: filesystem, location: /srv, multiple: {range: 1-3}, minimum-size: 2G, properties: [transient]}
  logs: {type: block, multiple: {range: 2}}
resources: {package: {filename: package.tar, upstream-source: x}}
extra-bindings: {admin: null}
assumes: ["juju >= 3.3", {any-of: [a, {all-of: [b]}]}]
subordinate: yes
something-new: {a: 1}
`);
  expect(endpoints).toEqual([
    { name: "db", role: "requirer", interface: "postgresql", scope: "global", optional: false },
    { name: "juju-info", role: "requirer", interface: "juju-info", scope: "container", optional: false },
    { name: "peers", role: "peer", interface: "web-peers", scope: "global", optional: false },
  ]);
  expect(named(storage, "data")).toMatchObject({
    min: 1,
    max: 3,
    minimumSizeMiB: 2048,
    transient: true,
    location: "/srv",
  });
  expect(named(storage, "logs")).toMatchObject({ type: "block", min: 2, max: 2 });
  expect(resources).toEqual([{ name: "package", type: "file", filename: "package.tar", description: "" }]);
  expect([extraBindings, assumes]).toEqual([["admin"], ["juju >= 3.3", { anyOf: ["a", { allOf: ["b"] }] }]]);
});

test.each([
  ["", "metadata.yaml: must be a map"],
  ["- a", "metadata.yaml: must be a map"],
  ["name: web", "metadata.yaml: 2 problems:\n  summary: missing\n  description: missing"],
  [`${head}requires: {db: {limit: 1}}`, "metadata.yaml:4: requires.db.interface: missing"],
  [
    `${head}requires: {db: {interface: a, limit: x}}`,
    "metadata.yaml:4: requires.db.limit: must be a whole number",
  ],
  [
    `${head}requires: {db: {interface: a, scope: local}}`,
    "metadata.yaml:4: requires.db.scope: must be one of global, container",
  ],
  [`${head}requires: {Db: a}`, 'metadata.yaml:4: requires.Db: Cannot use "Db" as an endpoint name'],
  [`${head}requires: {db: a}\nprovides: {db: a}`, 'duplicated relation name: "db"'],
  [
    `${head}requires: {db: a}\nextra-bindings: {db: null}`,
    "relation names (db) cannot be used in extra bindings",
  ],
  [`${head}provides: {juju-x: a}`, 'reserved relation name: "juju-x"'],
  [`${head}provides: {x: juju-x}`, 'relation "x" using a reserved interface: "juju-x"'],
  [`${head}subordinate: true`, 'subordinate charm "web" lacks "requires" relation with container scope'],
  [`${head}series: [focal]\nassumes: []`, 'ambiguous metadata: keys "series" cannot be used with "assumes"'],
  [`${head}resources: {r: {type: file}}`, "resource missing filename"],
  [`${head}resources: {r: {filename: a/b}}`, 'filename cannot contain "/"'],
  [`${head}storage: {s: {type: block, location: /x}}`, "location may not be specified for block storage"],
  [`${head}storage: {s: {type: block, multiple: {range: 3-1}}}`, 'invalid range "3-1"'],
  [`${head}storage: {s: {type: block, multiple: {range: 0}}}`, 'invalid range "0"'],
  [`${head}storage: {s: {type: block, minimum-size: big}}`, 'cannot parse size "big"'],
  [`${head}assumes: [{none-of: []}]`, 'unknown expression "none-of"'],
  [`${head}name: again`, "not YAML: duplicated mapping key at line 4"],
  ["a: [", "not YAML"],
  ["name: \uFFFD", "not valid UTF-8"],
  [`a: ${"x".repeat(5_000_000)}`, "larger than"],
  ["[".repeat(20_000), "metadata.yaml"],
])("refused: %.60s", (text, reason) => {
  expect(() => parseCharmMetadata(text)).toThrow(MetadataError);
  expect(() => parseCharmMetadata(text)).toThrow(reason);
});

test("names from Object's prototype are ordinary names", () => {
  const { endpoints } = parseCharmMetadata(`${head}requires: {constructor: a}`);
  expect(named(endpoints, "constructor")?.interface).toBe("a");
  expect(named(endpoints, "toString")).toBeUndefined();
  expect(() => parseCharmMetadata(`${head}requires: {__proto__: {interface: a}}`)).toThrow(MetadataError);
});

test("no text breaks a parser in another way than with its own error", () => {
  const parsers = [parseCharmMetadata, parseCharmConfig, parseCharmActions, parseManifest];
  const yamlish = fc.oneof(
    fc.string(),
    fc.json(),
    fc.string({ unit: fc.constantFrom(..."ab: -[]{}\n&*!|>'\"#%@?,".split("")) }),
  );
  fc.assert(
    fc.property(yamlish, fc.constantFrom(...parsers), (text, parse) => {
      try {
        parse(text);
      } catch (error) {
        return error instanceof MetadataError;
      }
      return true;
    }),
    { numRuns: 1000 },
  );
});

test("options have types, and defaults of these types", () => {
  const { options } = parseCharmConfig(`options:
  a: {default: x, description: d}
  b: {type: int, default: "5"}
  c: {type: float, default: 1.0}
  d: {type: boolean, default: on}
  e: {type: secret, default: ""}
  f: {type: string}
`);
  expect(options.map(({ type, default: value }) => [type, value])).toEqual([
    ["string", "x"],
    ["int", 5],
    ["float", 1],
    ["boolean", true],
    ["secret", ""],
    ["string", undefined],
  ]);
});

test.each([
  ["", "invalid config: empty configuration"],
  ["other: 1", "invalid config: empty configuration"],
  ["options: {x: {type: int, default: y}}", 'invalid config default: option "x" expected int, got "y"'],
  ["options: {x: {type: float, default: 1}}", 'invalid config default: option "x" expected float, got 1'],
  ["options: {x: {type: int, default: 1.5}}", 'option "x" expected int, got 1.5'],
  ["options: {x: {default: 1}}", 'option "x" expected string, got 1'],
  ["options: {x: {default: [1]}}", 'option "x" expected string, got [1]'],
  ["options: {x: {type: secret, default: y}}", 'option "x" expected secret, got "y"'],
  ["options: {x: {type: text}}", "options.x.type: must be one of string, int, float, boolean, secret"],
  ["options: [x]", "options: must be a map"],
])("refused config: %s", (text, reason) => {
  expect(() => parseCharmConfig(text)).toThrow(reason);
});

test.each([
  ["int", "80", 80],
  ["int", "-1", -1],
  ["float", "1", 1],
  ["float", "1.5e3", 1500],
  ["boolean", "True", true],
  ["string", "", ""],
  ["secret", "secret:d1u5j4nmp25c7a8k2v10", "secret:d1u5j4nmp25c7a8k2v10"],
] as const)("an operator's %s %s", (type, text, value) => {
  expect(parseOptionText({ name: "x", type, description: "" }, text)).toBe(value);
});

test.each([
  ["int", "x"],
  ["int", ""],
  ["int", "9223372036854775807"],
  ["int", "0x10"],
  ["float", "NaN"],
  ["float", "1e999"],
  ["boolean", "yes"],
  ["secret", "hunter2"],
] as const)("an operator's wrong %s %s", (type, text) => {
  expect(() => parseOptionText({ name: "port", type, description: "" }, text)).toThrow(
    `option "port" expected ${type}, got "${text}"`,
  );
});

test("a whole number is good enough for a float in JSON", () => {
  expect(checkOptionValue({ name: "x", type: "float", description: "" }, 1)).toBe(1);
  expect(() => checkOptionValue({ name: "x", type: "float", description: "" }, "1")).toThrow(
    'expected float, got "1"',
  );
});

test("actions are wrapped as Juju wraps them", () => {
  const { actions } = parseCharmActions(
    "run: {description: d, params: {a: {type: string}}, required: [a], parallel: true, execution-group: g}",
  );
  expect(actions).toEqual([
    {
      name: "run",
      description: "d",
      parallel: true,
      executionGroup: "g",
      params: {
        type: "object",
        title: "run",
        description: "d",
        properties: { a: { type: "string" } },
        required: ["a"],
      },
    },
  ]);
  expect(parseCharmActions("").actions).toEqual([]);
});

test.each([
  ["juju-run: {}", '"juju" is a reserved name'],
  ["Run: {}", 'Cannot use "Run" as an action name'],
  ["run: {params: {a: {$ref: x}}}", 'schema key "$ref" not compatible'],
  ["run: {params: [a]}", "run.params: must be a map"],
])("refused actions: %s", (text, reason) => {
  expect(() => parseCharmActions(text)).toThrow(reason);
});

test("a manifest lists bases", () => {
  const text =
    "bases: [{name: ubuntu, channel: '24.04', architectures: [amd64]}, {name: ubuntu, channel: '26.04'}]";
  expect(parseManifest(text).bases).toEqual([
    { name: "ubuntu", channel: "24.04", architectures: ["amd64"] },
    { name: "ubuntu", channel: "26.04", architectures: [] },
  ]);
  expect(parseManifest("charmcraft-version: 4.0.1").bases).toEqual([]);
  expect(() => parseManifest("bases: [{name: ubuntu, channel: 24.04}]")).toThrow(
    "bases.0.channel: must be a string",
  );
});

test.each([
  ["512", 512],
  ["1G", 1024],
  ["1.5GiB", 1536],
  ["2TB", 2_097_152],
  ["", undefined],
  ["1K", undefined],
  ["-1G", undefined],
])("size %s", (text, size) => {
  expect(parseSizeMiB(text)).toBe(size);
});

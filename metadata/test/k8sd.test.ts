/** k8sd's documents: the small interpreter agrees with ajv, and hostile input is named and refused. */
import { Ajv } from "ajv";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  bootstrapConfigSchema,
  InvalidInput,
  joinRequestSchema,
  parse,
  problemsOf,
  removeRequestSchema,
  tokenRequestSchema,
  userFacingClusterConfigSchema,
  workerJoinConfigSchema,
} from "../src/k8sd/index.ts";

const schemas = {
  bootstrapConfigSchema,
  joinRequestSchema,
  removeRequestSchema,
  tokenRequestSchema,
  userFacingClusterConfigSchema,
  workerJoinConfigSchema,
};
const keys = [
  "name",
  "address",
  "token",
  "worker",
  "ttl",
  "network",
  "dns",
  "enabled",
  "pod-cidr",
  "control-plane-taints",
  "extra-node-kubelet-args",
  "annotations",
  "datastore-type",
  "force",
  "x",
];
const documents = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom("etcd", "a", ""),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 3 }),
    tie("object"),
  ),
  object: fc.dictionary(fc.constantFrom(...keys), tie("value"), { maxKeys: 5 }),
})).object;

describe("the schemas", () => {
  // A required key that is null counts as missing here (Go clients send null for unset), which JSON Schema cannot say.
  const withoutNullTop = (value: unknown) =>
    Object.fromEntries(Object.entries(value as object).filter(([, item]) => item !== null));

  for (const [name, schema] of Object.entries(schemas))
    test(`${name} means the same to ajv`, () => {
      const validate = new Ajv({ strict: false, unicodeRegExp: true }).compile(schema);
      fc.assert(
        fc.property(documents, (document) => {
          const value = withoutNullTop(document);
          expect(problemsOf(schema, value).length === 0).toBe(validate(value));
        }),
        { numRuns: 300 },
      );
    });
});

describe("a document", () => {
  test("has all its problems reported at once, with their places", () => {
    const value = {
      "pod-cidr": 7,
      "cluster-config": { dns: { enabled: "yes", nope: 1 }, "load-balancer": { cidrs: [true] } },
    };
    expect(problemsOf(bootstrapConfigSchema, value)).toEqual([
      { path: "pod-cidr", message: "expected string, got integer" },
      { path: "cluster-config.dns.enabled", message: "expected boolean, got string" },
      { path: "cluster-config.dns.nope", message: 'json: unknown field "nope"' },
      { path: "cluster-config.load-balancer.cidrs[0]", message: "expected string, got boolean" },
    ]);
  });

  test("may leave pointers null, which means absent, but not required ones", () => {
    expect(parse(tokenRequestSchema, { name: "w1", worker: null, ttl: null }, "x")).toEqual({ name: "w1" });
    expect(() => parse(removeRequestSchema, { name: null }, "x")).toThrow("name: is required");
  });

  test("keeps the nulls of extra arguments, which delete flags", () => {
    const config = { "extra-node-kubelet-args": { "--max-pods": "5", "--node-ip": null } };
    expect(parse(workerJoinConfigSchema, config, "x")).toEqual(config);
  });

  test.each([
    ["a name of the prototype", JSON.parse('{"__proto__": {"enabled": true}}')],
    ["a constructor", JSON.parse('{"constructor": {}}')],
    ["an array", []],
    ["text", "network"],
    ["a huge text", { "cloud-provider": "x".repeat(1e6) }],
    ["a huge list", { dns: { "upstream-nameservers": Array.from({ length: 1e5 }, () => "1.1.1.1") } }],
    [
      "a huge map",
      { annotations: Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => [`k${i}`, "v"])) },
    ],
  ])("is refused if it is %s", (_, value) => {
    expect(() => parse(userFacingClusterConfigSchema, value, "x")).toThrow(InvalidInput);
  });

  test("with a thousand mistakes is answered in a few lines", () => {
    const value = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`k${i}`, 1]));
    expect(new InvalidInput("x", problemsOf(bootstrapConfigSchema, value)).message.length).toBeLessThan(2000);
  });
});

import { deepEqual, equal } from "node:assert/strict";
import { describe, test } from "vitest";
import { parseAppBag, parseUnitBag } from "../src/k8s-cluster/bags.ts";

const NO_BAG = { nodeKind: "snap", refused: [] };
const SECRET = "secret:d1u5j4nmp25c7a8k2v10";
const FOREIGN_SECRET = "secret://f00dfeed-1111-2222-3333-444455556666/d1u5j4nmp25c7a8k2v10";

describe("the bag of a unit", () => {
  const bags: [string, Record<string, string>, object][] = [
    ["empty", {}, NO_BAG],
    [
      "of a worker of Canonical's, after a failure",
      {
        "node-name": "juju-aaaa-2",
        version: "1.36.1",
        "token-failure": '{"revision":0,"error":"Error status 500\\n\\tmethod=POST"}',
      },
      {
        ...NO_BAG,
        nodeName: "juju-aaaa-2",
        version: "1.36.1",
        tokenFailure: { revision: 0, error: "Error status 500\n\tmethod=POST" },
      },
    ],
    [
      "of the leader",
      { "node-name": "n0", "cluster-name": "k8s-3b59", joined: "k8s-3b59", "node-kind": "package" },
      { nodeKind: "package", refused: [], nodeName: "n0", clusterName: "k8s-3b59", joined: "k8s-3b59" },
    ],
    ["with keys of a newer peer", { "node-name": "n", "shiny-new": "{" }, { ...NO_BAG, nodeName: "n" }],
    ["with deleted keys", { "node-name": "", joined: "" }, NO_BAG],
    ["with Juju's own keys", { "ingress-address": "10.0.0.1", "egress-subnets": "10.0.0.1/32" }, NO_BAG],
  ];
  test.each(bags)("%s", (_, raw, expected) => deepEqual(parseUnitBag(raw), expected));

  const hostile: [string, string, string][] = [
    ["a node name with a path", "node-name", "../../etc"],
    ["a node name with upper case", "node-name", "Node"],
    ["a node name with a new line", "node-name", "a\nb"],
    ["a node name of 300 letters", "node-name", "a".repeat(300)],
    ["a cluster name with blanks", "cluster-name", "a b"],
    ["a joined with a quote", "joined", "k8s'; drop"],
    ["a version of words", "version", "latest"],
    ["a failure that is no JSON", "token-failure", "{"],
    ["a failure without an error", "token-failure", '{"revision":0}'],
    ["a failure of a negative revision", "token-failure", '{"revision":-1,"error":""}'],
    ["a failure with a fractional revision", "token-failure", '{"revision":0.5,"error":""}'],
    ["a failure that is a list", "token-failure", "[]"],
    ["a failure that is null", "token-failure", "null"],
  ];
  test.each(hostile)("%s counts as absent and is named", (_, key, value) => {
    deepEqual(parseUnitBag({ [key]: value }), { ...NO_BAG, refused: [key] });
  });

  test("an error of any length is cut", () => {
    const bag = parseUnitBag({ "token-failure": JSON.stringify({ revision: 3, error: "x".repeat(10_000) }) });
    equal(bag.tokenFailure?.error.length, 2000);
  });

  test("what an object has by nature is no key", () => {
    const raw = JSON.parse('{"__proto__": {"node-name": "evil"}}') as Record<string, string>;
    deepEqual(parseUnitBag(raw), NO_BAG);
  });
});

describe("the bag of the control plane's application", () => {
  test("states and secrets are those of the related application, whatever its name", () => {
    const bag = parseAppBag(
      {
        "gpu-nodes/0": "joined-juju-aaaa-2",
        "gpu-nodes/1": "pending-juju-aaaa-3",
        "gpu-nodes/1-secret-id": SECRET,
        "gpu-nodes/2-secret-id": FOREIGN_SECRET,
        "k8s-worker/0": "joined-juju-aaaa-9",
        version: "1.36.3",
        "bootstrap-certificates": "snap-managed",
      },
      "gpu-nodes",
    );
    deepEqual(
      [...bag.states],
      [
        ["gpu-nodes/0", { phase: "joined", node: "juju-aaaa-2" }],
        ["gpu-nodes/1", { phase: "pending", node: "juju-aaaa-3" }],
      ],
    );
    deepEqual(
      [...bag.secretIds],
      [
        ["gpu-nodes/1", SECRET],
        ["gpu-nodes/2", FOREIGN_SECRET],
      ],
    );
    equal(bag.version, "1.36.3");
  });

  const refused: [string, Record<string, string>][] = [
    ["a state of an unknown phase", { "w/0": "lost-n" }],
    ["a state without a node", { "w/0": "joined-" }],
    ["a state with a wrong node", { "w/0": "joined-N/../x" }],
    ["a unit with leading zeros", { "w/00": "joined-n" }],
    ["a unit of an application that only begins alike", { "w-x/0": "joined-n", "ww/0": "joined-n" }],
  ];
  test.each(refused)("%s is no state", (_, raw) => equal(parseAppBag(raw, "w").states.size, 0));

  test.each([
    ["words", "not an id"],
    ["a path", "secret:../../x"],
    ["an option", "--label=x"],
  ])("a secret id that is %s is none", (_, id) =>
    equal(parseAppBag({ "w/0-secret-id": id }, "w").secretIds.size, 0),
  );

  test.each([
    ["absent", undefined, []],
    ["no JSON", "{", []],
    ["no list", '{"node":"n"}', []],
    [
      "two nodes, one of them wrong",
      '[{"node":"n","force":true},{"node":"N N"},7,null]',
      [{ node: "n", force: true }],
    ],
  ])("departed nodes: %s", (_, value, expected) => {
    deepEqual(
      parseAppBag(value === undefined ? {} : { "departed-nodes": value }, "w").departedNodes,
      expected,
    );
  });

  test.each([
    ["a unit", "k8s/0", "k8s/0"],
    ["no unit", "k8s", undefined],
  ])("a claim of %s", (_, claim, expected) => {
    equal(parseAppBag({ "bootstrap-claim": claim }, "k8s").bootstrapClaim, expected);
  });
});

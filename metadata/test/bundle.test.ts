import { expect, test } from "vitest";
import { integrationsOf, parseBundle, parseBundleFile, parseOverlay } from "@cantrip/metadata";

const cluster = `default-base: ubuntu@24.04
applications:
  k8s:
    charm: k8s
    channel: 1.36/stable
    num_units: 3
    to: ["0", lxd:1, new]
    options: {bootstrap-pod-cidr: 10.1.0.0/16, dns-enabled: true}
    constraints: arch=amd64
    resources: {node-package: ./node-package.tar}
    expose: true
  k8s-worker: {charm: ./k8s-worker.charm, num_units: 1, to: [k8s/0]}
machines:
  0: {constraints: mem=4G}
  1:
relations:
- [k8s:k8s-cluster, k8s-worker:cluster]
`;

test("a bundle is read as it is", () => {
  const bundle = parseBundle(cluster);
  expect(bundle.applications?.["k8s"]?.options).toEqual({
    "bootstrap-pod-cidr": "10.1.0.0/16",
    "dns-enabled": true,
  });
  expect(integrationsOf(bundle)).toEqual([["k8s:k8s-cluster", "k8s-worker:cluster"]]);
});

test("an overlay may name what only the base has, and remove", () => {
  const overlay = parseOverlay(
    "applications: {k8s: {num_units: 1}, k8s-worker: null}\nintegrations: [[k8s, other:x]]",
  );
  expect(overlay.applications).toEqual({ k8s: { num_units: 1 }, "k8s-worker": null });
  expect(integrationsOf(overlay)).toEqual([["k8s", "other:x"]]);
});

test.each([
  ["", "bundle.yaml: must be a map, not empty"],
  ["applications: {}", "bundle.yaml:1: applications: a bundle has at least one application"],
  ["aplications: {}", 'bundle.yaml:1: aplications: unknown key: did you mean "applications"?'],
  ["applications: {a: {num_unit: 1}}", 'applications.a.num_unit: unknown key: did you mean "num_units"?'],
  ["applications: {a: {num_units: 1}}", "applications.a.charm: missing"],
  ["applications: {a: }", "applications.a: only an overlay removes applications"],
  ["applications: {A: {charm: a}}", "applications.A: no application name"],
  ["applications: {a: {charm: a, num_units: -1}}", "applications.a.num_units: must be >= 0"],
  [
    "applications: {a: {charm: a, options: {x: [1]}}}",
    "options.x: must be a string or a number or true or false, not a list",
  ],
  ["applications: {a: {charm: a, num_units: 1, to: [new, new]}}", "applications.a.to: 2 places for 1 units"],
  ["applications: {a: {charm: a, to: [3]}}", 'applications.a.to.0: no machine "3" in the bundle'],
  ["applications: {web: {charm: a, to: [wbe]}}", 'no application "wbe" in the bundle: did you mean "web"?'],
  [
    "applications: {a: {charm: a}}\nmachines:\n  0:",
    "bundle.yaml:3: machines.0: no application is placed on it",
  ],
  ["applications: {a: {charm: a}}\nmachines: {x: }", "machines.x: expected the number of a machine"],
  [
    "applications: {a: {charm: a}}\nrelations:\n- [a:x, b:y]",
    'bundle.yaml:3: relations.0.1: no application "b" in the bundle',
  ],
  ["applications: {a: {charm: a}}\nrelations: [[a:x]]", "relations.0: must NOT have fewer than 2 items"],
  ["applications: {a: {charm: a}}\nrelations: []\nintegrations: []", 'integrations: the same as "relations"'],
])("refused bundle: %s", (text, reason) => {
  expect(() => parseBundle(text)).toThrow(reason);
});

test("a file has a base and overlays, and lines are those of the file", () => {
  const { base, overlays } = parseBundleFile(`${cluster}---\napplications: {k8s: {num_units: 1}}\n--- {}\n`);
  expect(Object.keys(base.applications ?? {})).toEqual(["k8s", "k8s-worker"]);
  expect(overlays).toEqual([{ applications: { k8s: { num_units: 1 } } }, {}]);
  const wrong = `applications: {a: {charm: a}}\n---\napplications:\n  a:\n    num_unit: 1\n`;
  expect(() => parseBundleFile(wrong)).toThrow(
    'bundle.yaml:5: applications.a.num_unit: unknown key: did you mean "num_units"?',
  );
  expect(() => parseBundleFile("")).toThrow("bundle.yaml: must be a map, not empty");
  expect(() => parseBundleFile("a: [")).toThrow("not YAML");
});

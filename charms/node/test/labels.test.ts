import { deepEqual, equal } from "node:assert/strict";
import { test } from "vitest";
import { labelPatch, parseLabels, parseTaints } from "../src/index.ts";

const RECORD = "cantrip/charm-labels";
const ALWAYS = { "juju-application": "k8s" };
const node = (labels: Record<string, string>, record = "") => ({ labels, annotations: { [RECORD]: record } });

test("labels are set, and recorded on the node", () => {
  deepEqual(labelPatch(node({}), [{ key: "a", value: "b" }], ALWAYS), {
    labels: { a: "b", "juju-application": "k8s" },
    annotations: { [RECORD]: "a,juju-application" },
  });
});

test("nothing is sent when nothing differs", () => {
  equal(
    labelPatch(
      node({ a: "b", "juju-application": "k8s" }, "a,juju-application"),
      [{ key: "a", value: "b" }],
      ALWAYS,
    ),
    undefined,
  );
});

test("what was set and is wanted no longer goes; what others set stays", () => {
  const patch = labelPatch(
    node({ a: "b", theirs: "x", "juju-application": "k8s" }, "a,juju-application"),
    [],
    ALWAYS,
  );
  deepEqual(patch, { labels: { a: null }, annotations: { [RECORD]: "juju-application" } });
});

test("key=- removes a label that others set, once", () => {
  const minus = [{ key: "theirs", value: null }];
  deepEqual(
    labelPatch(node({ theirs: "x", "juju-application": "k8s" }, "juju-application"), minus, ALWAYS)?.labels,
    { theirs: null },
  );
  equal(labelPatch(node({ "juju-application": "k8s" }, "juju-application"), minus, ALWAYS), undefined);
});

test("the charm's own labels win", () => {
  const patch = labelPatch(node({}), [{ key: "juju-application", value: "mine" }], ALWAYS);
  equal(patch?.labels["juju-application"], "k8s");
});

test.each([
  ["", []],
  ["a=b", [{ key: "a", value: "b" }]],
  [
    "  a=   example.com/x.y=1-2 ",
    [
      { key: "a", value: "" },
      { key: "example.com/x.y", value: "1-2" },
    ],
  ],
  ["a=-", [{ key: "a", value: null }]],
])("labels %j", (option, labels) => deepEqual(parseLabels(option), { ok: true, labels }));

test.each(["a", "=b", "a=b=c", "a/b/c=d", "a=b,", "-a=b", "A_/x=1", `${"a".repeat(64)}=b`])(
  "%j is no label",
  (token) => deepEqual(parseLabels(`ok=1 ${token}`), { ok: false, token }),
);

test.each([
  ["", []],
  [
    "node-role.kubernetes.io/control-plane:NoSchedule a=b:NoExecute c=:PreferNoSchedule",
    ["node-role.kubernetes.io/control-plane:NoSchedule", "a=b:NoExecute", "c=:PreferNoSchedule"],
  ],
])("taints %j", (option, taints) => deepEqual(parseTaints(option), { ok: true, taints }));

test.each(["a", "a=b", "a:Never", ":NoSchedule", "a=b:NoSchedule,c:NoExecute"])("%j is no taint", (token) =>
  deepEqual(parseTaints(token), { ok: false, token }),
);

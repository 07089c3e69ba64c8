import { deepEqual } from "node:assert/strict";
import { describe, test } from "vitest";
import { decideBootstrap, decideClaim, type BootstrapDecision } from "../src/k8s-cluster/index.ts";
import type { ClaimFacts } from "../src/k8s-cluster/decide.ts";

describe("what a unit's bag asks of the leader", () => {
  const bag = (more: object = {}) => ({ nodeKind: "package", refused: [], nodeName: "n1", ...more }) as const;
  const pending = { phase: "pending", node: "n1" } as const;
  const joined = { phase: "joined", node: "n1" } as const;
  const facts = (more: Partial<ClaimFacts>): ClaimFacts => ({
    bag: bag(),
    state: undefined,
    secretRevision: undefined,
    clusterName: "c",
    nodeKind: "package",
    ...more,
  });
  const failed = (revision: number) => bag({ tokenFailure: { revision, error: "no" } });

  const rows: [string, Partial<ClaimFacts>, object][] = [
    ["no node name", { bag: { nodeKind: "package", refused: [] } }, { kind: "not asked" }],
    ["a node name", {}, { kind: "issue", node: "n1" }],
    ["a pending token whose secret is gone", { state: pending }, { kind: "issue", node: "n1" }],
    ["a token in flight", { state: pending, secretRevision: 0 }, { kind: "in flight", node: "n1" }],
    [
      "a failure of this revision",
      { bag: failed(2), state: pending, secretRevision: 2 },
      { kind: "reissue", node: "n1", revision: 3 },
    ],
    [
      "a failure of an older revision",
      { bag: failed(1), state: pending, secretRevision: 2 },
      { kind: "in flight", node: "n1" },
    ],
    [
      "another node than before",
      { state: { phase: "pending", node: "old" }, secretRevision: 0 },
      { kind: "issue", node: "n1" },
    ],
    [
      "joined, not recorded",
      { bag: bag({ joined: "c" }), state: pending, secretRevision: 0 },
      { kind: "settle", node: "n1" },
    ],
    ["joined and recorded", { bag: bag({ joined: "c" }), state: joined }, { kind: "settled", node: "n1" }],
    [
      "joined and recorded, but the secret stayed",
      { bag: bag({ joined: "c" }), state: joined, secretRevision: 0 },
      { kind: "settle", node: "n1" },
    ],
    ["joined another cluster", { bag: bag({ joined: "x" }) }, { kind: "elsewhere", cluster: "x" }],
    [
      "joined once, and no longer",
      { state: { phase: "joined", node: "old" } },
      { kind: "replace", node: "n1", old: "old" },
    ],
    [
      "a unit that runs the snap",
      { bag: { ...bag(), nodeKind: "snap" } },
      { kind: "other kind", nodeKind: "snap" },
    ],
  ];
  test.each(rows)("%s", (_, more, expected) => deepEqual(decideClaim(facts(more)), expected));
});

describe("who bootstraps", () => {
  const facts = {
    unit: "k8s/0",
    isLeader: false,
    claimedBy: undefined,
    units: ["k8s/0", "k8s/1"],
    joined: [],
  };
  const rows: [string, Partial<Parameters<typeof decideBootstrap>[0]>, BootstrapDecision][] = [
    ["a leader claims first", { isLeader: true }, { kind: "claim" }],
    ["nobody else claims", {}, { kind: "wait", claimedBy: undefined }],
    ["the named unit bootstraps, leader or not", { claimedBy: "k8s/0" }, { kind: "bootstrap" }],
    [
      "a leader that is not named does not",
      { isLeader: true, claimedBy: "k8s/1" },
      { kind: "wait", claimedBy: "k8s/1" },
    ],
    [
      "a leader claims anew when the named unit has left",
      { isLeader: true, claimedBy: "k8s/7" },
      { kind: "claim" },
    ],
    [
      "but not while a unit is joined",
      { isLeader: true, claimedBy: "k8s/7", joined: ["w/0"] },
      { kind: "orphans", units: ["w/0"] },
    ],
    [
      "nor does the named unit bootstrap twice",
      { claimedBy: "k8s/0", joined: ["k8s/0"] },
      { kind: "orphans", units: ["k8s/0"] },
    ],
    [
      "a joined unit beside a present holder is only waited for",
      { claimedBy: "k8s/1", joined: ["k8s/1"] },
      { kind: "wait", claimedBy: "k8s/1" },
    ],
  ];
  test.each(rows)("%s", (_, more, expected) => deepEqual(decideBootstrap({ ...facts, ...more }), expected));
});

import { deepEqual, equal, rejects } from "node:assert/strict";
import { isK8sClusterAppBag, isK8sClusterToken, isK8sClusterUnitBag } from "@cantrip/metadata";
import { beforeEach, describe, test } from "vitest";
import { TokenAllocator, TokenClaimant, clusterNameFor } from "../src/k8s-cluster/index.ts";
import { MemoryRelation } from "./memory.ts";

const CLUSTER = "k8s-3b59";
const facts = { clusterName: CLUSTER, nodeKind: "package" } as const;

describe("a token's way", () => {
  let relation: MemoryRelation;
  let leader: TokenAllocator;
  let worker: TokenClaimant;
  beforeEach(async () => {
    relation = new MemoryRelation(["k8s/0"], ["gpu/0"]);
    const seen = { k8s: relation.as("k8s/0"), gpu: relation.as("gpu/0") };
    leader = new TokenAllocator(seen.k8s, seen.k8s, { app: "k8s", unit: "k8s/0" });
    worker = new TokenClaimant(seen.gpu, seen.gpu, "gpu/0");
    await leader.announce({ node: "n0", version: "1.36.3", ...facts });
    await worker.request({ node: "n1", version: "1.36.3", nodeKind: "package" });
  });

  const decision = async () => (await leader.claims(facts))[0]?.decision.kind;

  test("naming a node is asking; the offer holds the token; joining settles it and removes the secret", async () => {
    equal(await decision(), "issue");
    deepEqual(await worker.offer("package"), { kind: "none" });
    await leader.issue({ unit: "gpu/0", node: "n1", token: "t0" });
    equal(await decision(), "in flight");
    deepEqual(await worker.offer("package"), { kind: "token", revision: 0, token: "t0" });
    await worker.joined((await worker.clusterName())!);
    equal(await decision(), "settle");
    await leader.settle("gpu/0", "n1");
    equal(await decision(), "settled");
    deepEqual(relation.bags.get("k8s"), {
      version: "1.36.3",
      "node-kind": "package",
      "bootstrap-certificates": "snap-managed",
      "gpu/0": "joined-n1",
    });
    equal(relation.secrets.size, 0);
  });

  test("what is written is what every implementation of the interface takes", async () => {
    await leader.issue({ unit: "gpu/0", node: "n1", token: "t0" });
    await worker.failed(0, "401");
    equal(isK8sClusterAppBag(relation.bags.get("k8s")), true);
    for (const unit of ["k8s/0", "gpu/0"]) equal(isK8sClusterUnitBag(relation.bags.get(unit)), true);
    for (const { content } of relation.secrets.values()) equal(isK8sClusterToken(content), true);
  });

  test("the content of the secret is the protocol's: a decimal revision and the token", async () => {
    await leader.issue({ unit: "gpu/0", node: "n1", token: "t0" });
    deepEqual(
      [...relation.secrets.values()].map(({ content }) => content),
      [{ revision: "0", token: "t0" }],
    );
  });

  test("a failure brings a new token under the same id, and the old revision is not tried again", async () => {
    await leader.issue({ unit: "gpu/0", node: "n1", token: "t0" });
    const id = relation.bags.get("k8s")?.["gpu/0-secret-id"];
    await worker.failed(0, "401");
    deepEqual(await worker.offer("package"), { kind: "failed", revision: 0, error: "401" });
    equal(await decision(), "reissue");
    await leader.issue({ unit: "gpu/0", node: "n1", token: "t1" }, 1);
    equal(relation.bags.get("k8s")?.["gpu/0-secret-id"], id);
    equal(await decision(), "in flight");
    deepEqual(await worker.offer("package"), { kind: "token", revision: 1, token: "t1" });
  });

  test("forgetting a unit leaves neither state nor secret", async () => {
    await leader.issue({ unit: "gpu/0", node: "n1", token: "t0" });
    await leader.forget("gpu/0");
    equal(relation.secrets.size, 0);
    deepEqual([...(await leader.appBag()).states], []);
    deepEqual([...(await leader.appBag()).secretIds], []);
  });

  test("an offer of a control plane that does not say its kind is one of the snap", async () => {
    await leader.issue({ unit: "gpu/0", node: "n1", token: "t0" });
    const { "node-kind": _, ...bag } = relation.bags.get("k8s")!;
    relation.bags.set("k8s", bag);
    deepEqual(await worker.offer("package"), { kind: "other kind", nodeKind: "snap" });
  });

  test("a legacy id in the bag of a unit is found", async () => {
    await leader.issue({ unit: "gpu/0", node: "n1", token: "t0" });
    const { "gpu/0-secret-id": id, ...bag } = relation.bags.get("k8s")!;
    relation.bags.set("k8s", bag);
    relation.bags.set("k8s/0", { ...relation.bags.get("k8s/0"), "gpu/0-secret-id": id! });
    equal((await worker.offer("package")).kind, "token");
  });

  test.each([
    ["no revision", { token: "t" }],
    ["a revision of words", { revision: "first", token: "t" }],
    ["no token", { revision: "0" }],
  ])("a secret with %s is no offer", async (_, content) => {
    await leader.issue({ unit: "gpu/0", node: "n1", token: "t0" });
    for (const secret of relation.secrets.values()) secret.content = content;
    deepEqual(await worker.offer("package"), { kind: "none" });
  });

  test("bootstrap-certificates is written once", async () => {
    relation.bags.set("k8s", { "bootstrap-certificates": "other" });
    await leader.announce({ node: "n0", version: "1.36.3", ...facts });
    equal(relation.bags.get("k8s")?.["bootstrap-certificates"], "other");
  });
});

describe("the cluster's name", () => {
  const claimantOf = (bags: Record<string, Record<string, string>>) => {
    const relation = new MemoryRelation(Object.keys(bags), ["w/0"]);
    for (const [unit, bag] of Object.entries(bags)) relation.bags.set(unit, bag);
    const seen = relation.as("w/0");
    return new TokenClaimant(seen, seen, "w/0");
  };

  test("is what the control planes agree on", async () => {
    equal(
      await claimantOf({
        "k8s/0": { "cluster-name": "a" },
        "k8s/1": {},
        "k8s/2": { "cluster-name": "a" },
      }).clusterName(),
      "a",
    );
    equal(await claimantOf({ "k8s/0": {} }).clusterName(), undefined);
  });

  test("two of them are an error that names both", async () => {
    const claimant = claimantOf({ "k8s/0": { "cluster-name": "a" }, "k8s/1": { "cluster-name": "b" } });
    await rejects(claimant.clusterName(), /2 clusters \(a, b\)/u);
  });

  test("is the same for every unit of an application in a model", () => {
    const name = clusterNameFor("k8s", "f00dfeed-1111-2222-3333-444455556666");
    equal(name, clusterNameFor("k8s", "f00dfeed-1111-2222-3333-444455556666"));
    equal(/^k8s-[0-9a-f]{32}$/u.test(name), true);
  });
});

import { expect, test } from "vitest";
import { isK8sClusterAppBag, isK8sClusterToken, isK8sClusterUnitBag } from "@cantrip/metadata";

const cluster = "k8s-3b59ed4e3b46045b207751d7d4cb3426";

test.each([
  ["an empty unit bag", isK8sClusterUnitBag, {}],
  [
    "the leader's",
    isK8sClusterUnitBag,
    { "node-name": "juju-aaaa-0", "cluster-name": cluster, joined: cluster },
  ],
  [
    "a worker's that failed",
    isK8sClusterUnitBag,
    { "node-name": "n", version: "1.36.1", "token-failure": '{"revision":0,"error":"x"}' },
  ],
  [
    "one with keys of Juju and of later versions",
    isK8sClusterUnitBag,
    { "ingress-address": "10.0.0.1", later: "" },
  ],
  [
    "an app bag under way",
    isK8sClusterAppBag,
    {
      "k8s-worker/0": "pending-n",
      "k8s-worker/0-secret-id": "secret:d1u5j4nmp25c7a8k2v10",
      version: "1.36.1",
    },
  ],
  [
    "an app bag when done",
    isK8sClusterAppBag,
    { "my-workers/12": "joined-n", "bootstrap-certificates": "snap-managed" },
  ],
  ["a token", isK8sClusterToken, { revision: "0", token: "eyJuYW1lIjoi" }],
] as const)("%s is accepted", (_, is, bag) => {
  expect(is(bag)).toBe(true);
});

test.each([
  ["a number", isK8sClusterUnitBag, { version: 1 }],
  ["an empty node name", isK8sClusterUnitBag, { "node-name": "" }],
  ["a failure that is no JSON", isK8sClusterUnitBag, { "token-failure": "it broke" }],
  ["a state of another kind", isK8sClusterAppBag, { "k8s/0": "leaving-n" }],
  ["a secret's value in the place of its id", isK8sClusterAppBag, { "k8s/0-secret-id": "eyJuYW1lIjoi" }],
  ["a token without revision", isK8sClusterToken, { token: "x" }],
  ["a revision that is no number", isK8sClusterToken, { revision: "01", token: "x" }],
  ["a list", isK8sClusterUnitBag, []],
  ["nothing", isK8sClusterToken, null],
] as const)("%s is refused", (_, is, bag) => {
  expect(is(bag)).toBe(false);
});

import { expect, test } from "vitest";
import { summary } from "../src/commands.ts";

const report = {
  model: "k8s",
  kubeconfig: "/home/ada/.kube/cantrip-k8s",
  version: "1.36.3+cantrip.1",
  packageTree: "",
  packageReference: "",
  charms: {},
  image: "",
  dnsAddress: "10.152.183.10",
  machines: [
    { unit: "k8s/0", instance: "a" },
    { unit: "k8s-worker/0", instance: "b" },
  ],
  changed: true,
  totalMs: 20_400,
  phases: [],
};

test("the summary tells what there is, where the kubeconfig is and what to try", () => {
  const text = summary(report, "./cantrip");
  expect(text).toContain("The cluster is up: Kubernetes 1.36.3, 2 nodes, in 20 s.");
  expect(text).toContain("/home/ada/.kube/cantrip-k8s");
  expect(text.match(/^ {2}\.\/cantrip /gm)).toHaveLength(3);
});

test("when nothing had to be done it says so", () => {
  expect(summary({ ...report, changed: false })).toContain(
    "All is well: Kubernetes 1.36.3, 2 nodes; nothing had to be done.",
  );
});

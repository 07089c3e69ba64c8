/** Control plane and workers together, in memory: joined, scaled and taken apart in the orders of several seeds, killed at times. */
import { deepEqual, equal } from "node:assert/strict";
import { TestModel } from "@cantrip/lib/testing";
import { FakeCluster } from "@cantrip/charm-node/testing";
import { K8sWorkerCharm } from "@cantrip/charm-k8s-worker";
import { describe, test } from "vitest";
import { K8sCharm } from "../src/index.ts";

const MINUTES = 60_000;
const resources = { "node-package": "/resource.tar" };
const dirOf = (charm: string): URL => new URL(`../../${charm}/`, import.meta.url);
const nodeOf = (unit: string): string => unit.replace("/", "-");

/** Kubelets come up beside the charms. */
async function settleWithNodes(model: TestModel, cluster: FakeCluster): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    await model.advance(10 * MINUTES);
    for (const name of cluster.nodes.keys()) cluster.setReady(name);
  }
  await model.advance(10 * MINUTES);
}

async function deployed(seed: number, kills = 0): Promise<{ model: TestModel; cluster: FakeCluster }> {
  const cluster = new FakeCluster();
  const model = new TestModel({ seed, kills });
  const fakes = (unit: string) => cluster.machine(nodeOf(unit));
  await model.deploy(K8sCharm, { dir: dirOf("k8s"), resources, fakes });
  await model.deploy(K8sWorkerCharm, { dir: dirOf("k8s-worker"), units: 2, resources, fakes });
  await model.deploy(K8sWorkerCharm, { dir: dirOf("k8s-worker"), app: "gpu", resources, fakes });
  for (const worker of ["k8s-worker", "gpu"])
    model.do({ type: "integrate", endpoints: ["k8s:k8s-cluster", `${worker}:cluster`] });
  return { model, cluster };
}
const shown = (model: TestModel): string[] =>
  Object.keys(model.state.units).map((unit) => `${unit} ${model.status(unit)}`);

describe.each([
  ["undisturbed", 0, 6],
  ["killed in every fifth hook", 0.2, 12],
])("a control plane and workers, %s", (_, kills, seeds) => {
  test.each(Array.from({ length: seeds }, (__, n) => n + 1))("become one cluster, seed %i", async (seed) => {
    const { model, cluster } = await deployed(seed, kills);
    await settleWithNodes(model, cluster);
    deepEqual(shown(model), [
      "k8s/0 active: Ready",
      "k8s-worker/0 active: Ready",
      "k8s-worker/1 active: Ready",
      "gpu/0 active: Ready",
    ]);
    equal(cluster.bootstraps.length, 1);
    deepEqual([...cluster.nodes.keys()].toSorted(), ["gpu-0", "k8s-0", "k8s-worker-0", "k8s-worker-1"]);
    deepEqual(Object.keys(model.state.secrets), [], "no token is left over");
    // One that was made by a killed hook is not known to anybody; it expires.
    if (kills === 0) equal(cluster.tokens.size, 0);
  });

  test.each(Array.from({ length: seeds }, (__, n) => n + 1))(
    "loses a worker and no other, seed %i",
    async (seed) => {
      const { model, cluster } = await deployed(seed, kills);
      await settleWithNodes(model, cluster);
      // What another controller's unit would see while the worker still waits to be taken out.
      model.do({ type: "remove-unit", unit: "k8s-worker/1" });
      await settleWithNodes(model, cluster);
      deepEqual([...cluster.nodes.keys()].toSorted(), ["gpu-0", "k8s-0", "k8s-worker-0"]);
      deepEqual(shown(model), ["k8s/0 active: Ready", "k8s-worker/0 active: Ready", "gpu/0 active: Ready"]);
      deepEqual(model.unit("k8s/0").relations?.[1]?.ownAppData?.["k8s-worker/1"], undefined);
    },
  );
});

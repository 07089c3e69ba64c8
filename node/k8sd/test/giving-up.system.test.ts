/** A control plane that gives its join up while nobody can be told takes no quorum along. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, exec, kubectl, machines, must, node, readyNodes, shell } from "./machines.ts";

beforeAll(async () => {
  await machines.cleanup();
  await machines.prepare();
  for (const name of ["c1", "c2"]) await node(name);
  await must("c1", ["k8s", "bootstrap"]);
});

afterAll(async () => {
  await machines.cleanup();
  await machines.restore();
});

test("its etcd member goes before it does, and the cluster works on", async () => {
  const token = (await must("c1", ["k8s", "get-join-token", "c2"])).trim();
  const joining = exec("c2", ["k8s", "join-cluster", token, "--timeout", "25s"]);
  await eventually("its API server is started: it votes", async () =>
    (await shell("c2", "systemctl is-active snap.k8s.kube-apiserver || true")).startsWith("active"),
  );
  await shell("c1", "systemctl stop snap.k8s.k8sd");
  const { exitCode, stderr } = await joining;
  expect(exitCode).toBe(1);
  expect(stderr).toContain("k8s remove-node c2 --force");
  await eventually("the API answers", async () => (await kubectl("c1", "get", "nodes")).includes("c1"));
  await shell("c1", "systemctl start snap.k8s.k8sd");
  await eventually("c1 answers", async () => (await exec("c1", ["k8s", "status"])).exitCode === 0);
  await must("c1", ["k8s", "remove-node", "c2", "--force"]);
  expect(await readyNodes("c1")).toEqual(["c1"]);
  const again = (await must("c1", ["k8s", "get-join-token", "c2"])).trim();
  await must("c2", ["k8s", "join-cluster", again]);
  await eventually("both are Ready", async () => (await readyNodes("c1")).join() === "c1,c2");
});

/** A full etcd on real machines: it is said, and heals by itself once something was deleted. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually, exec, kubectl, machines, must, node, readyNodes, shell } from "./machines.ts";

const QUOTA_MIB = 32;
const CONFIG = `extra-node-etcd-args:\n  --quota-backend-bytes: "${QUOTA_MIB * 1024 ** 2}"\n`;
const PKI = "/etc/kubernetes/pki";
const ETCDCTL = `/opt/k8s/current/bin/etcdctl --endpoints=https://127.0.0.1:2379 --cacert=${PKI}/etcd/ca.crt --cert=${PKI}/k8sd-etcd-client.crt --key=${PKI}/k8sd-etcd-client.key`;

const datastoreLine = async (name: string) =>
  (await must(name, ["k8s", "status"])).split("\n").find((line) => line.startsWith("datastore:"));
const fileMiB = async (name: string) => {
  const [{ Status }] = JSON.parse(await shell(name, `${ETCDCTL} endpoint status -w json`)) as [
    { Status: { dbSize: number } },
  ];
  return Status.dbSize / 1024 ** 2;
};

beforeAll(async () => {
  await machines.cleanup();
  await machines.prepare();
  const [, second] = await Promise.all([node("c1"), node("c2")]);
  await must(
    "c1",
    ["k8s", "bootstrap", "--file", "-"],
    `${CONFIG}cluster-config: {network: {enabled: true}}\n`,
  );
  const token = (await must("c1", ["k8s", "get-join-token", "c2"])).trim();
  await must("c2", ["k8s", "join-cluster", token, "--address", second, "--file", "-"], CONFIG);
  await eventually("both are Ready", async () => (await readyNodes("c1")).join() === "c1,c2");
});

afterAll(async () => {
  await machines.cleanup();
  await machines.restore();
});

test("nothing is said while all is well", async () => {
  expect(await datastoreLine("c1")).toMatch(/^datastore: +etcd$/);
});

test("a full datastore refuses writes, and every control plane's status says so", async () => {
  await exec("c1", [
    "sh",
    "-c",
    `for i in $(seq 60); do head -c 1000000 /dev/zero | tr '\\0' x | ${ETCDCTL} put /filler/$i || break; done`,
  ]);
  const refused = await exec("c1", ["k8s", "kubectl", "create", "configmap", "one", "--request-timeout=10s"]);
  expect(refused.stderr).toContain("database space exceeded");
  for (const name of ["c1", "c2"])
    expect(await datastoreLine(name)).toMatch(/etcd; member c[12] is full: etcd takes no writes; delete/);
});

test("once something is deleted writes are taken again, and every member's file is small", async () => {
  await shell("c1", `${ETCDCTL} del --prefix /filler/`);
  await eventually("writes are taken", async () => {
    await kubectl("c1", "create", "configmap", "two", "--request-timeout=10s");
    return true;
  });
  for (const name of ["c1", "c2"]) {
    await eventually(`the file of ${name} is small`, async () => (await fileMiB(name)) < QUOTA_MIB / 2);
    expect(await datastoreLine(name)).toMatch(/^datastore: +etcd$/);
  }
  expect((await readyNodes("c2")).join()).toBe("c1,c2");
});

/** The worst days: two control planes of three lost and one going on alone, and a cluster begun anew from its snapshot. */
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  boot,
  eventually,
  exec,
  kubectl,
  machines,
  must,
  node,
  readyNodes,
  shell,
} from "../../node/k8sd/test/machines.ts";

const NAMES = ["c1", "c2", "c3", "w1"];
const PASSPHRASE = "correct horse battery staple";
const SNAPSHOT = "/root/cluster.snapshot";

async function join(name: string, via: string): Promise<void> {
  const role = name.startsWith("w") ? ["--worker"] : [];
  const token = (await must(via, ["k8s", "get-join-token", name, ...role])).trim();
  await must(name, ["k8s", "join-cluster", token]);
}

const untilReady = (via: string, names: readonly string[]) =>
  eventually(
    `${names.join(", ")} are Ready, and nobody else`,
    async () => {
      const all = (await kubectl(via, "get", "nodes", "-o", "name")).trim().split("\n").sort();
      const ready = await readyNodes(via);
      return ready.join() === [...names].sort().join() && all.length === names.length;
    },
    180_000,
  );

const RECOVERY = "/var/snap/k8s/common/var/lib/etcd/recovery";
const hardKill = "kill -9 $(systemctl show --property=MainPID --value snap.k8s.k8sd.service)";

/** What an operation worked with cannot be deleted from now on: its end finds the disk as a daemon leaves it that is killed before the tidying. */
const keepTidyingAway = (name: string) =>
  shell(name, `mount --bind ${RECOVERY} ${RECOVERY}; mount -o remount,bind,ro ${RECOVERY}`);

/** The daemon is killed where its operation is done, and only the tidying is not. */
async function killBeforeTidying(name: string): Promise<void> {
  expect(await shell(name, `ls ${RECOVERY}`)).toContain("snapshot.db");
  await shell(name, `umount ${RECOVERY}; ${hardKill}`);
  await eventually("it has tidied up", async () => (await shell(name, `ls ${RECOVERY}`)) === "");
  await must(name, ["k8s", "status", "--wait-ready", "--timeout", "120s"]);
}

/** Writes objects one after the other and returns the names of those that were acknowledged. */
async function written(via: string, prefix: string, count: number): Promise<string[]> {
  const script = `for i in $(seq ${count}); do k8s kubectl create configmap ${prefix}-$i --from-literal=i=$i -o name || true; done`;
  return (await shell(via, script))
    .trim()
    .split("\n")
    .map((line) => line.replace("configmap/", ""));
}

async function missing(via: string, names: readonly string[]): Promise<string[]> {
  const found = new Set(
    (await kubectl(via, "get", "configmaps", "-o", "jsonpath={.items[*].metadata.name}")).split(" "),
  );
  return names.filter((name) => !found.has(name));
}

beforeAll(async () => {
  await machines.cleanup();
  await machines.prepare();
  for (const name of NAMES) await node(name);
  await must("c1", ["k8s", "bootstrap"]);
  for (const name of NAMES.slice(1)) await join(name, "c1");
  await untilReady("c1", NAMES);
});

afterAll(async () => {
  await machines.cleanup();
  await machines.restore();
});

let acknowledged: string[] = [];

test("a working quorum is not recovered", async () => {
  acknowledged = await written("c2", "before", 15);
  expect(acknowledged).toHaveLength(15);
  const refused = await exec("c1", ["k8s", "recover", "--yes"]);
  expect(refused).toMatchObject({ exitCode: 1 });
  expect(refused.stderr).toContain("etcd has a working quorum");
  expect((await exec("w1", ["k8s", "recover", "--yes"])).stderr).toContain("restricted on workers");
});

test("without a quorum the status says so, and nobody recovers unasked", async () => {
  await machines.kill("c2");
  await machines.kill("c3");
  await eventually(
    "the API is stuck",
    async () =>
      (await exec("c1", ["k8s", "kubectl", "create", "configmap", "stuck", "--request-timeout=3s"]))
        .exitCode !== 0,
  );
  const status = await exec("c1", ["k8s", "status"]);
  expect(`${status.stdout}${status.stderr}`).toMatch(/unknown|not ready/);
  const unasked = await exec("c1", ["k8s", "recover"]);
  expect(unasked.stderr).toContain("Nobody can be asked here");
  expect(unasked.stderr).toMatch(/c2 \(.*\): does not answer/);
});

test("the survivor goes on alone, also if its daemon is killed meanwhile, with every acknowledged write", async () => {
  // Which etcd is going to refuse: the recovery cannot come to its end.
  await shell("c1", "echo --no-such-flag=1 >> /var/snap/k8s/common/args/etcd");
  const recovering = exec("c1", ["k8s", "recover", "--yes", "--timeout", "20s"]);
  await eventually("it is at work", async () =>
    (await shell("c1", "ls /var/snap/k8s/common/var/lib/etcd")).includes("before-recovery"),
  );
  await shell("c1", hardKill);
  await recovering;
  await eventually("it has failed where only going on makes sense, and says so", async () =>
    (await exec("c1", ["k8s", "status"])).stderr.includes("has to go on: k8s recover"),
  );
  await shell("c1", "sed -i /no-such-flag/d /var/snap/k8s/common/args/etcd");
  await keepTidyingAway("c1");
  const again = await exec("c1", ["k8s", "recover"]);
  expect(again).toMatchObject({ exitCode: 0 });
  expect(again.stderr).toContain("failed halfway: going on with it");
  await untilReady("c1", ["c1", "w1"]);
  expect(await missing("c1", acknowledged)).toEqual([]);
  await eventually("the recovery is done", async () =>
    (await must("c1", ["k8s", "status"])).includes("(voter)"),
  );
  expect(await must("c1", ["k8s", "status"])).toMatch(/control plane nodes: +\S+ \(voter\)\n/);
  acknowledged.push(...(await written("c1", "after", 5)));
  await eventually(
    "DNS and pods are as before",
    async () =>
      (await kubectl(
        "c1",
        "-n",
        "kube-system",
        "get",
        "deployment",
        "coredns",
        "-o",
        "jsonpath={.status.availableReplicas}",
      )) !== "",
  );
  expect(await shell("c1", "ls -d /var/snap/k8s/common/var/lib/etcd/before-recovery-*/member")).toContain(
    "member",
  );
});

test("a recovery whose daemon was killed at its end is tidied up by the next one", async () => {
  await killBeforeTidying("c1");
  expect(await must("c1", ["k8s", "status"])).toMatch(/control plane nodes: +\S+ \(voter\)\n/);
  acknowledged.push(...(await written("c1", "tidy", 1)));
});

test("the lost ones stop by themselves when they return, and join anew", async () => {
  for (const name of ["c2", "c3"]) await boot(name);
  for (const name of ["c2", "c3"]) {
    await eventually(`${name} has stepped down`, async () =>
      (await exec(name, ["k8s", "status"])).stderr.includes("the cluster was recovered without"),
    );
    await eventually(
      `nothing of the past runs on ${name}`,
      async () =>
        (await shell(name, "for p in etcd kube-apiserver kubelet; do pgrep -x $p || true; done")) === "",
    );
    expect(await shell(name, "ls /var/snap/k8s/common/var/lib/etcd/data")).toContain("member");
  }
  await untilReady("c1", ["c1", "w1"]);
  for (const name of ["c2", "c3"]) await join(name, "c1");
  await untilReady("c3", NAMES);
  expect(await missing("c3", acknowledged)).toEqual([]);
});

test("a snapshot is opened by its passphrase alone, and holds nothing in clear", async () => {
  await must("c2", ["k8s", "snapshot", "save", SNAPSHOT, "--passphrase-file", "-"], PASSPHRASE);
  expect(await shell("c2", `stat -c %a ${SNAPSHOT}; head -1 ${SNAPSHOT}`)).toBe("600\ncantrip-snapshot 1\n");
  expect(await shell("c2", `grep -acE 'PRIVATE KEY|before-1' ${SNAPSHOT} || true`)).toBe("0\n");
  const again = await exec("c2", ["k8s", "snapshot", "save", SNAPSHOT, "--passphrase-file", "/dev/null"]);
  expect(again.stderr).toContain("it is there already");
  await machines.copyOut("c2", SNAPSHOT, `/tmp/${machinesFile}`);
});

const machinesFile = `cantrip-e2e-${process.pid}.snapshot`;

test("the cluster begins anew from its snapshot on a bare machine of another name, also if its daemon is killed meanwhile", async () => {
  for (const name of NAMES) await machines.destroy(name);
  await node("n9");
  await machines.copyIn("n9", `/tmp/${machinesFile}`, SNAPSHOT);
  await shell("n9", `printf wrong-passphrase >/root/wrong; head -c 5000 ${SNAPSHOT} >/root/cut`);
  const wrong = await exec("n9", [
    "k8s",
    "snapshot",
    "restore",
    SNAPSHOT,
    "--passphrase-file",
    "/root/wrong",
  ]);
  expect(wrong.stderr).toContain("the passphrase is another");
  await shell("n9", `printf '${PASSPHRASE}' >/root/right`);
  const cut = await exec("n9", [
    "k8s",
    "snapshot",
    "restore",
    "/root/cut",
    "--passphrase-file",
    "/root/right",
  ]);
  expect(cut.stderr).toContain("cut or changed");
  expect((await exec("n9", ["k8s", "status"])).stderr).toContain("not part of a Kubernetes cluster");
  const restoring = exec("n9", ["k8s", "snapshot", "restore", SNAPSHOT, "--passphrase-file", "/root/right"]);
  await eventually("etcd runs on the data", async () =>
    (await shell("n9", "systemctl is-active snap.k8s.etcd || true")).startsWith("active"),
  );
  await shell("n9", hardKill);
  await keepTidyingAway("n9");
  expect(await restoring).toMatchObject({ exitCode: 1 });
  await must("n9", ["k8s", "status", "--wait-ready", "--timeout", "240s"]);
  expect(await shell("n9", "ls -l /proc/$(pgrep -x etcd)/fd | grep -c deleted || true")).toBe("0\n");
  await killBeforeTidying("n9");
  await eventually("it is Ready", async () => (await readyNodes("n9")).includes("n9"));
  expect(await missing("n9", acknowledged)).toEqual([]);
  const nodes = (await kubectl("n9", "get", "nodes", "-o", "name")).trim().split("\n").sort();
  expect(nodes, "no other control plane remains; the worker's Node waits for it").toEqual([
    "node/n9",
    "node/w1",
  ]);
  await must("n9", ["k8s", "remove-node", "w1", "--force"]);
  await node("w1");
  await join("w1", "n9");
  await untilReady("n9", ["n9", "w1"]);
  const again = await exec("n9", [
    "k8s",
    "snapshot",
    "restore",
    SNAPSHOT,
    "--passphrase-file",
    "/root/right",
  ]);
  expect(again.stderr).toContain("part of a cluster");
});

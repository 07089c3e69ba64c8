/** The control plane, given → event → then, on the model of the controller and a cluster in memory. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { dispatcher, type EventGiven, type State, type Then } from "@cantrip/lib/testing";
import { FakeCluster, type FakeMachine } from "@cantrip/charm-node/testing";
import { clusterNameFor } from "@cantrip/relations/k8s-cluster";
import { beforeEach, describe, test } from "vitest";
import { K8sCharm } from "../src/index.ts";

const dispatch = dispatcher(new URL("..", import.meta.url));
const MODEL = { name: "test", uuid: "f00dfeed-1111-4222-8333-444455556666" };
const CLUSTER = clusterNameFor("k8s", MODEL.uuid);

let cluster: FakeCluster;
let machine: FakeMachine;
beforeEach(() => {
  cluster = new FakeCluster();
  machine = cluster.machine("n0");
});

const after = (event: EventGiven, given: State): Promise<Then> =>
  dispatch(K8sCharm, event, { model: MODEL, ...given }, { fakes: machine });
const peer = (more: object = {}) => ({ endpoint: "cluster", id: 0, ...more });
const relation = (then: State, id: number) => then.relations!.find((candidate) => candidate.id === id)!;
const alone: State = { leader: true, relations: [peer()], resources: { "node-package": "/resource.tar" } };

/** A single control plane that is up and active. */
async function running(more: Partial<State> = {}): Promise<Then> {
  const claimed = await after("leader-elected", { ...alone, ...more });
  const bootstrapped = await after("config-changed", claimed);
  cluster.setReady("n0");
  return after("update-status", bootstrapped);
}

/** `given` with a worker relation whose unit has this bag. */
function withWorker(given: Then, bag: Record<string, string>, unit = "k8s-worker/0"): State {
  const earlier = given.relations.find(({ id }) => id === 1);
  const workers = {
    ...earlier,
    endpoint: "k8s-cluster",
    id: 1,
    app: unit.split("/")[0]!,
    units: { [unit]: bag },
  };
  return { ...given, relations: [...given.relations.filter(({ id }) => id !== 1), workers] };
}
const asking = { "node-name": "n1", version: "1.36.3", "node-kind": "package" };

describe("from nothing to active", () => {
  test("install installs the package, and needs nothing else", async () => {
    const then = await after("install", { ...alone, relations: [] });
    equal(then.status, "waiting: the peer relation");
    equal(machine.installs, 1);
    equal(then.workloadVersion, "1.36.3");
  });

  test("the leader claims in one hook and bootstraps in a later one", async () => {
    const claimed = await after("leader-elected", alone);
    equal(relation(claimed, 0).appData!["bootstrap-claim"], "k8s/0");
    equal(claimed.status, "waiting: the next hook, to bootstrap the cluster");
    deepEqual(cluster.bootstraps, []);
    equal(machine.wakes.length, 1);
    const then = await after("config-changed", claimed);
    equal(cluster.bootstraps.length, 1);
    equal(then.status, "waiting: Node n0 is not ready");
    deepEqual(then.openPorts, ["6443/tcp"]);
    equal(machine.watched, "n0");
  });

  test("it is active once its node is ready, at the version of its package", async () => {
    const then = await running();
    equal(then.status, "active: Ready");
    deepEqual(relation(then, 0).ownUnitData, { "node-name": "n0", "cluster-name": CLUSTER, joined: CLUSTER });
    equal(relation(then, 0).appData!["k8s/0"], "joined-n0");
    deepEqual(cluster.nodes.get("n0")?.node.labels, { "juju-application": "k8s", "juju-charm": "k8s" });
  });

  test("a hook more changes nothing", async () => {
    const then = await running();
    const again = await after("update-status", then);
    deepEqual(again.relations, then.relations);
    deepEqual(again.openPorts, ["6443/tcp"]);
    equal(cluster.bootstraps.length, 1);
  });

  test("options go into the bootstrap", async () => {
    await running({
      config: {
        "bootstrap-pod-cidr": "10.7.0.0/16",
        "bootstrap-node-taints": "a=b:NoSchedule c:NoExecute",
        "dns-cluster-domain": "example.test",
      },
      addresses: ["10.0.0.5"],
    });
    const { config } = cluster.bootstraps[0]!;
    equal(config["pod-cidr"], "10.7.0.0/16");
    deepEqual(config["control-plane-taints"], ["a=b:NoSchedule", "c:NoExecute"]);
    equal(config["cluster-config"]?.dns?.["cluster-domain"], "example.test");
    equal(config["cluster-config"]?.["metrics-server"]?.enabled, false);
    deepEqual(config["extra-sans"], ["10.0.0.5"]);
    deepEqual(config["extra-node-kubelet-args"], { "--node-ip": "10.0.0.5" });
  });
});

describe("no second cluster", () => {
  const two = (claim: Record<string, string>, other: Record<string, string> = {}): State => ({
    ...alone,
    unitNumber: 1,
    relations: [peer({ appData: claim, units: { "k8s/0": other } })],
  });

  test("a unit that does not lead waits for a claim", async () => {
    const then = await after("config-changed", { ...alone, leader: false });
    equal(then.status, "waiting: a leader to claim the bootstrap");
    deepEqual(cluster.bootstraps, []);
  });

  test("the named unit bootstraps though it leads no longer", async () => {
    await after("config-changed", {
      ...alone,
      leader: false,
      relations: [peer({ appData: { "bootstrap-claim": "k8s/0" } })],
    });
    equal(cluster.bootstraps.length, 1);
  });

  test("a new leader beside the named unit does not, and says what to do", async () => {
    const then = await after("config-changed", two({ "bootstrap-claim": "k8s/0" }));
    equal(
      then.status,
      "blocked: More than one control plane is not available yet (k8s/0 has the cluster): remove this unit",
    );
    deepEqual(cluster.bootstraps, []);
  });

  test("a new leader claims anew if the named unit has left and nobody joined", async () => {
    const given: State = {
      ...alone,
      unitNumber: 1,
      relations: [peer({ appData: { "bootstrap-claim": "k8s/0", "k8s/0": "joined-n0" } })],
    };
    const then = await after("leader-elected", given);
    equal(relation(then, 0).appData!["bootstrap-claim"], "k8s/1");
  });

  test("but not while a worker is part of the lost cluster", async () => {
    const workers = {
      endpoint: "k8s-cluster",
      id: 1,
      units: { "gpu/0": { "node-name": "n1", joined: CLUSTER } },
    };
    const then = await after("leader-elected", {
      ...alone,
      unitNumber: 1,
      relations: [peer({ appData: { "bootstrap-claim": "k8s/0" } }), workers],
    });
    match(then.status, /^blocked: gpu\/0 joined a cluster that this node is not part of/u);
    equal(relation(then, 0).appData!["bootstrap-claim"], "k8s/0");
  });

  test("a unit whose node lost its cluster does not make another", async () => {
    const given = {
      ...alone,
      relations: [peer({ appData: { "bootstrap-claim": "k8s/0" }, ownUnitData: { joined: CLUSTER } })],
    };
    match((await after("config-changed", given)).status, /^blocked: k8s\/0 joined a cluster/u);
    deepEqual(cluster.bootstraps, []);
  });

  test("a node that does not answer is not taken for one without a cluster", async () => {
    machine.installed();
    for (let n = 0; n < 200; n++) machine.failOnce("identity", "refused");
    const then = await after("config-changed", {
      ...alone,
      relations: [peer({ appData: { "bootstrap-claim": "k8s/0" } })],
    });
    match(then.status, /^waiting: Cannot call identity/u);
    deepEqual(cluster.bootstraps, []);
  });

  test("a bootstrap whose answer is lost is not repeated", async () => {
    machine.failOnce("bootstrap", "unanswered");
    const claimed = await after("leader-elected", alone);
    const silent = await after("config-changed", claimed);
    match(silent.status, /^waiting: .*no answer from k8sd/u);
    cluster.setReady("n0");
    equal((await after("update-status", silent)).status, "active: Ready");
    equal(cluster.bootstraps.length, 1);
  });
});

describe("the status is measured", () => {
  const worlds: [string, () => void, RegExp][] = [
    ["the API is away", () => (cluster.isApiUp = false), /^waiting: Cannot read node n0/u],
    ["the node is gone", () => cluster.nodes.delete("n0"), /^waiting: Node n0 is not registered yet/u],
    [
      "the node runs another version",
      () => cluster.setReady("n0", { kubeletVersion: "v1.35.1" }),
      /^waiting: Node n0 runs 1\.35\.1, its package is 1\.36\.3/u,
    ],
    [
      "the node is not ready",
      () => cluster.setReady("n0", { ready: false }),
      /^waiting: Node n0 is not ready/u,
    ],
    ["DNS is not deployed", () => cluster.undeployed.add("dns"), /^waiting: Feature 'dns' is not ready/u],
    [
      "k8sd refuses to say",
      () => machine.failOnce("clusterStatus", "refused"),
      /^waiting: Cannot call clusterStatus/u,
    ],
  ];
  test.each(worlds)("%s", async (_, happens, expected) => {
    const given = await running();
    happens();
    match((await after("update-status", given)).status, expected);
  });

  test.each([
    "node-package is missing: attach it as a resource of the application",
    'node-package is damaged: "bin/etcd" is missing; attach it again',
  ])("%s", async (problem) => {
    machine.packageProblem = problem;
    equal((await after("install", { ...alone, relations: [] })).status, `blocked: ${problem}`);
  });
});

describe("options", () => {
  const problems: [string, State["config"], RegExp][] = [
    [
      "a feature that does not exist yet",
      { "ingress-enabled": true },
      /^blocked: ingress-enabled=true: this charm has no ingress yet; set it to false/u,
    ],
    ["metrics-server", { "metrics-server-enabled": true }, /^blocked: metrics-server-enabled=true/u],
    [
      "an external etcd",
      { "bootstrap-datastore": "etcd" },
      /^blocked: bootstrap-datastore='etcd': an external etcd is not available yet/u,
    ],
    [
      "an unknown datastore",
      { "bootstrap-datastore": "dqlite" },
      /^blocked: bootstrap-datastore='dqlite' is invalid\./u,
    ],
    [
      "a CIDR with host bits",
      { "bootstrap-pod-cidr": "10.0.0.1/8" },
      /^blocked: 10\.0\.0\.1\/8 has host bits set/u,
    ],
    [
      "a label that is none",
      { "node-labels": "a=b c" },
      /^blocked: Invalid config on node-labels: expected key=value, got "c"/u,
    ],
    [
      "a taint that is none",
      { "bootstrap-node-taints": "a=b" },
      /^blocked: Invalid config on bootstrap-node-taints/u,
    ],
  ];
  test.each(problems)("%s blocks, and nothing is bootstrapped", async (_, config, expected) => {
    const claimed = await after("leader-elected", { ...alone, config: config! });
    match((await after("config-changed", claimed)).status, expected);
    deepEqual(cluster.bootstraps, []);
  });

  test.each([
    ["bootstrap-pod-cidr", "10.9.0.0/16", "10.1.0.0/16"],
    ["bootstrap-service-cidr", "10.9.0.0/16", "10.152.183.0/24"],
  ])("%s is immutable", async (option, value, stored) => {
    const given = await running();
    const then = await after("config-changed", { ...given, config: { [option]: value } });
    equal(then.status, `blocked: ${option} is immutable; revert to '${stored}'`);
    equal((await after("config-changed", { ...then, config: {} })).status, "active: Ready");
  });

  test("DNS options are live, and unsetting one restores its default", async () => {
    const given = await running();
    const set = await after("config-changed", {
      ...given,
      config: { "dns-upstream-nameservers": "10.0.0.53  10.0.0.54" },
    });
    deepEqual(cluster.config.status.dns?.["upstream-nameservers"], ["10.0.0.53", "10.0.0.54"]);
    await after("config-changed", { ...set, config: {} });
    deepEqual(cluster.config.status.dns?.["upstream-nameservers"], ["/etc/resolv.conf"]);
  });

  test("nothing is sent to k8sd while nothing differs", async () => {
    const given = await running();
    machine.calls.length = 0;
    await after("update-status", given);
    ok(!machine.calls.includes("setConfig"));
  });

  test("labels are set, and unset again", async () => {
    const given = await running();
    const set = await after("config-changed", { ...given, config: { "node-labels": "zone=a disk=ssd" } });
    equal(cluster.nodes.get("n0")?.node.labels["disk"], "ssd");
    await after("config-changed", { ...set, config: { "node-labels": "zone=b" } });
    const { labels } = cluster.nodes.get("n0")!.node;
    deepEqual([labels["zone"], labels["disk"]], ["b", undefined]);
  });
});

describe("join tokens", () => {
  test("a worker that names its node gets one by a secret for it alone", async () => {
    const given = await running();
    const then = await after(
      { hook: "k8s-cluster-relation-changed", relation: 1 },
      withWorker(given, asking),
    );
    const { ownAppData, ownUnitData } = relation(then, 1);
    equal(ownAppData!["k8s-worker/0"], "pending-n1");
    deepEqual(ownUnitData, { "node-name": "n0", "cluster-name": CLUSTER, joined: CLUSTER });
    const [secret] = then.secrets;
    deepEqual(secret?.content, { revision: "0", token: "token-1-for-n1" });
    equal(secret?.owner, "application");
    deepEqual(secret?.grants, [{ relation: 1, unit: "k8s-worker/0" }]);
    ok(ownAppData!["k8s-worker/0-secret-id"]?.endsWith(secret.id.replace("secret:", "")));
    equal(ownAppData!["node-kind"], "package");
    equal(then.status, "active: Ready");
  });

  test("asking on is no second token", async () => {
    const issued = await after("update-status", withWorker(await running(), asking));
    const then = await after("update-status", issued);
    equal(cluster.tokens.size, 1);
    deepEqual(then.secrets, issued.secrets);
  });

  test("a failure is answered by a new revision", async () => {
    const issued = await after("update-status", withWorker(await running(), asking));
    const failed = { ...asking, "token-failure": '{"revision":0,"error":"401"}' };
    const then = await after("update-status", withWorker(issued, failed));
    const [secret] = then.secrets;
    deepEqual(secret?.content, { revision: "1", token: "token-2-for-n1" });
  });

  test("joined: the state says so, the secret goes", async () => {
    const issued = await after("update-status", withWorker(await running(), asking));
    cluster.register("n1", "worker", "10.0.0.2:6400");
    const then = await after("update-status", withWorker(issued, { ...asking, joined: CLUSTER }));
    equal(relation(then, 1).ownAppData!["k8s-worker/0"], "joined-n1");
    equal(relation(then, 1).ownAppData!["k8s-worker/0-secret-id"], undefined);
    deepEqual(then.secrets, []);
  });

  test("a unit of the other kind is refused by name", async () => {
    const then = await after(
      "update-status",
      withWorker(await running(), { "node-name": "n1", version: "1.36.1" }),
    );
    equal(then.status, 'blocked: k8s-worker/0 runs node kind "snap", this cluster "package": remove it');
    equal(cluster.tokens.size, 0);
  });

  test("k8sd failing to make one is a wait with its reason, and the hook succeeds", async () => {
    const given = await running();
    machine.failOnce("createToken", "refused");
    const then = await after("update-status", withWorker(given, asking));
    match(then.status, /^waiting: Cannot call createToken/u);
    equal((await after("update-status", then)).status, "active: Ready");
    equal(cluster.tokens.size, 1);
  });

  test("a leader without a node in the cluster issues none", async () => {
    const workers = { endpoint: "k8s-cluster", id: 1, units: { "k8s-worker/0": asking } };
    const then = await after("update-status", {
      ...alone,
      unitNumber: 1,
      relations: [peer({ appData: { "bootstrap-claim": "k8s/0" }, units: { "k8s/0": {} } }), workers],
    });
    deepEqual(then.secrets, []);
  });
});

describe("departures", () => {
  /** A worker under a name of its own that has joined. */
  async function withJoined(unit = "gpu-nodes/0"): Promise<Then> {
    const issued = await after("update-status", withWorker(await running(), asking, unit));
    cluster.register("n1", "worker", "10.0.0.2:6400");
    return after("update-status", withWorker(issued, { ...asking, joined: CLUSTER }, unit));
  }
  const without = (given: Then): State => ({
    ...given,
    relations: given.relations.map((r) => (r.id === 1 ? { ...r, units: {} } : r)),
  });
  const departed = (unit: string, departingUnit = unit) => ({
    hook: "k8s-cluster-relation-departed",
    relation: 1,
    unit,
    departingUnit,
  });

  test("the node of a unit that left is removed, whatever its application is called", async () => {
    const given = await withJoined();
    const then = await after(departed("gpu-nodes/0"), without(given));
    equal(cluster.nodes.has("n1"), false);
    equal(relation(then, 1).ownAppData!["gpu-nodes/0"], undefined);
    equal(relation(then, 0).appData!["departed-nodes"], undefined);
    equal(then.status, "active: Ready");
  });

  test("a missed departure is made good by any later hook", async () => {
    await after("update-status", without(await withJoined()));
    equal(cluster.nodes.has("n1"), false);
  });

  test("what cannot be removed now is kept beyond the end of the relation", async () => {
    const given = await withJoined();
    machine.failOnce("removeNode", "unsent");
    const kept = await after(departed("gpu-nodes/0"), without(given));
    match(kept.status, /^waiting: nodes of departed units to be removed: n1/u);
    const peersOnly = { ...kept, relations: kept.relations.filter(({ id }) => id === 0) };
    const then = await after("update-status", peersOnly);
    equal(cluster.nodes.has("n1"), false);
    equal(then.status, "active: Ready");
  });

  test("a node that cannot leave gracefully is removed by force", async () => {
    const given = await withJoined();
    machine.failOnce("removeNode", "refused");
    await after(departed("gpu-nodes/0"), without(given));
    equal(cluster.nodes.has("n1"), false);
  });

  test("a pending unit that left takes its secret and its token along", async () => {
    const issued = await after("update-status", withWorker(await running(), asking));
    const then = await after(departed("k8s-worker/0"), without(issued));
    deepEqual(then.secrets, []);
    equal(cluster.tokens.size, 0);
  });

  test("departures go on while something else waits", async () => {
    const given = await withJoined();
    cluster.isApiUp = false;
    const then = await after(
      departed("gpu-nodes/0"),
      without({ ...given, config: { "ingress-enabled": true } }),
    );
    equal(cluster.nodes.has("n1"), false);
    match(then.status, /^blocked: ingress-enabled/u);
  });

  test("the end of a relation removes the nodes whose departure nobody saw", async () => {
    const given = without(await withJoined());
    const ending = {
      ...given,
      relations: given.relations!.map((r) => (r.id === 1 ? { ...r, dying: true } : r)),
    };
    await after({ hook: "k8s-cluster-relation-broken", relation: 1 }, ending);
    equal(cluster.nodes.has("n1"), false);
  });

  test("a unit that leads anew and was not introduced to a worker does not take it for gone", async () => {
    const given = await withJoined();
    const { stored: _, ...fresh } = without(given) as Then;
    await after("update-status", fresh);
    equal(cluster.nodes.has("n1"), true);
  });

  test("a control plane on its way out takes nobody for gone", async () => {
    const given = await withJoined();
    const leaving = await after(departed("gpu-nodes/0", "k8s/0"), without(given));
    await after("update-status", leaving);
    equal(cluster.nodes.has("n1"), true);
  });
});

describe("the end", () => {
  test("the last unit takes the cluster away", async () => {
    const given = await running();
    await after("stop", given);
    equal(machine.removals, 1);
    equal(machine.watched, undefined);
  });

  test("a daemon that does not answer holds nobody up", async () => {
    const given = await running();
    for (const method of ["identity", "clusterStatus", "removeNode"] as const)
      machine.failOnce(method, "unsent");
    await after("stop", given);
    equal(machine.removals, 1);
  });
});

describe("get-kubeconfig", () => {
  test("is for the public address of the unit", async () => {
    const { action } = await after(
      { action: "get-kubeconfig" },
      { ...(await running()), addresses: ["198.51.100.7"] },
    );
    match(String(action?.results["kubeconfig"]), /https:\/\/198\.51\.100\.7:6443/u);
  });

  test("takes a server as it is", async () => {
    const { action } = await after(
      { action: "get-kubeconfig", params: { server: "https://lb.test" } },
      await running(),
    );
    equal(action?.results["kubeconfig"], "server: https://lb.test\n");
  });

  test("fails with k8sd's words", async () => {
    const given = await running();
    machine.failOnce("kubeconfig", "refused");
    const { action } = await after({ action: "get-kubeconfig" }, given);
    match(action?.failure ?? "", /^Failed to retrieve kubeconfig: .*context deadline exceeded/u);
  });
});

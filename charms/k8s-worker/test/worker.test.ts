/** The worker, given → event → then, on the model of the controller and a cluster in memory. */
import { deepEqual, equal, match, ok } from "node:assert/strict";
import { dispatcher, type EventGiven, type State, type Then } from "@cantrip/lib/testing";
import { FakeCluster, type FakeMachine } from "@cantrip/charm-node/testing";
import { beforeEach, describe, test } from "vitest";
import { K8sWorkerCharm } from "../src/index.ts";

const dispatch = dispatcher(new URL("..", import.meta.url));
const CLUSTER = "k8s-3b59ed4e";
const SECRET = "d1u5j4nmp25c7a8k2v10";

let cluster: FakeCluster;
let machine: FakeMachine;
let controlPlane: FakeMachine;
beforeEach(async () => {
  cluster = new FakeCluster();
  controlPlane = cluster.machine("n0").installed();
  await controlPlane.service.bootstrap({ name: "n0", address: "10.0.0.1:6400", config: {} });
  machine = cluster.machine("n1");
});

/** Under a name of its own, as any worker may be deployed. */
const base: State = { app: "gpu", resources: { "node-package": "/resource.tar" }, addresses: ["10.0.0.2"] };
const leaderBag = { "node-name": "n0", "cluster-name": CLUSTER, joined: CLUSTER };
const integrated = (appData: Record<string, string> = {}, more: object = {}): State => ({
  ...base,
  relations: [{ endpoint: "cluster", id: 3, app: "k8s", units: { "k8s/0": leaderBag }, appData, ...more }],
});
const after = (event: EventGiven, given: State): Promise<Then> =>
  dispatch(K8sWorkerCharm, event, given, { fakes: machine });
const bagOf = (then: Then) => then.relations[0]?.ownUnitData ?? {};

/** The control plane has offered this token. */
function offered(token: string, revision = "0", given: State = integrated()): State {
  const [relation] = given.relations ?? [];
  const appData = { "node-kind": "package", "gpu/0": "pending-n1", "gpu/0-secret-id": `secret:${SECRET}` };
  return {
    ...given,
    relations: [{ ...relation!, appData }],
    secrets: [{ id: SECRET, content: { revision, token } }],
  };
}
const tokenFor = (name: string) => controlPlane.service.createToken({ name, worker: true });

describe("joining", () => {
  test("without a control plane it asks for the relation, with its package installed already", async () => {
    const then = await after("install", base);
    equal(then.status, "blocked: Missing cluster integration: integrate with a control plane (cluster)");
    equal(machine.installs, 1);
  });

  test("it asks by naming its node, its version and its kind", async () => {
    const then = await after("cluster-relation-created", integrated());
    deepEqual(bagOf(then), { "node-name": "n1", version: "1.36.3", "node-kind": "package" });
    equal(then.status, "waiting: Waiting for Cluster token");
  });

  test("with a token it joins, says so, and is active once its node is ready", async () => {
    const joined = await after("cluster-relation-changed", offered(await tokenFor("n1")));
    equal(bagOf(joined)["joined"], CLUSTER);
    equal(joined.status, "waiting: Node n1 is not ready");
    equal(machine.watched, "n1");
    cluster.setReady("n1");
    const then = await after("update-status", joined);
    equal(then.status, "active: Ready");
    equal(then.workloadVersion, "1.36.3");
    deepEqual(cluster.nodes.get("n1")?.node.labels, {
      "juju-application": "gpu",
      "juju-charm": "k8s-worker",
    });
  });

  test("a token that is refused is reported with its revision, without the token itself", async () => {
    const then = await after("cluster-relation-changed", offered("worthless"));
    const failure = JSON.parse(bagOf(then)["token-failure"]!) as { revision: number; error: string };
    equal(failure.revision, 0);
    match(failure.error, /invalid token/u);
    ok(!bagOf(then)["token-failure"]!.includes("worthless"));
    ok(!then.status.includes("worthless"));
    match(then.status, /^waiting: a new token, as joining failed/u);
  });

  test("a revision that failed is not tried again, the next one is", async () => {
    const failed = await after("cluster-relation-changed", offered("worthless"));
    machine.calls.length = 0;
    const waiting = await after("update-status", failed);
    ok(!machine.calls.includes("join"));
    match(waiting.status, /^waiting: a new token/u);
    const then = await after(
      { hook: "secret-changed", secret: SECRET },
      offered(await tokenFor("n1"), "1", waiting),
    );
    equal(bagOf(then)["joined"], CLUSTER);
    equal(bagOf(then)["token-failure"], undefined);
  });

  test("a join that timed out though it succeeded is a success", async () => {
    machine.failOnce("join", "unanswered");
    const silent = await after("cluster-relation-changed", offered(await tokenFor("n1")));
    match(silent.status, /^waiting: .*no answer from k8sd/u);
    equal(bagOf(silent)["token-failure"], undefined);
    ok(machine.wakes.length > 0);
    equal(bagOf(await after("update-status", silent))["joined"], CLUSTER);
  });

  test("a hook that failed after the join is made good by the next", async () => {
    const given = offered(await tokenFor("n1"));
    await after("cluster-relation-changed", given);
    equal(bagOf(await after("cluster-relation-changed", given))["joined"], CLUSTER);
  });

  test("a machine that was made anew takes back what its bag says, and asks again", async () => {
    const then = await after(
      "start",
      integrated({}, { ownUnitData: { "node-name": "n1", joined: CLUSTER } }),
    );
    equal(bagOf(then)["joined"], undefined);
    equal(then.status, "waiting: Waiting for Cluster token");
  });

  test("a token of the other kind is refused by name", async () => {
    const given = offered("t");
    const { "node-kind": _, ...appData } = given.relations![0]!.appData!;
    const then = await after("update-status", {
      ...given,
      relations: [{ ...given.relations![0]!, appData }],
    });
    equal(
      then.status,
      'blocked: The control plane runs node kind "snap", this unit "package": integrate with another',
    );
    ok(!machine.calls.includes("join"));
  });

  test("a node that does not answer is not taken for one without a cluster", async () => {
    machine.installed();
    for (let n = 0; n < 200; n++) machine.failOnce("identity", "refused");
    const then = await after("update-status", offered(await tokenFor("n1")));
    match(then.status, /^waiting: Cannot call identity/u);
    ok(!machine.calls.includes("join"));
  });
});

describe("options", () => {
  test.each([
    ["node-labels", "a", /^blocked: Invalid config on node-labels: expected key=value, got "a"/u],
    ["bootstrap-node-taints", "a:Sometimes", /^blocked: Invalid config on bootstrap-node-taints/u],
  ])("a wrong %s blocks and is not joined with", async (option, value, expected) => {
    const then = await after("update-status", {
      ...offered(await tokenFor("n1")),
      config: { [option]: value },
    });
    match(then.status, expected);
    ok(!machine.calls.includes("join"));
  });

  test("a damaged package blocks", async () => {
    machine.packageProblem = "node-package is damaged: its manifest is no JSON object; attach it again";
    equal((await after("install", base)).status, `blocked: ${machine.packageProblem}`);
  });
});

describe("leaving", () => {
  async function active(): Promise<Then> {
    const joined = await after("cluster-relation-changed", offered(await tokenFor("n1")));
    cluster.setReady("n1");
    return after("update-status", joined);
  }

  /** As the leader of the control plane does when it sees a unit depart. */
  const takeOut = async () => {
    cluster.removeNode("n1");
    await machine.nodePackage.remove();
    machine.removals = 0;
    machine.installed();
  };

  test("a unit that is removed waits to be taken out, resets its node, and never joins again", async () => {
    const given = await active();
    const leaving = await after(
      { hook: "cluster-relation-departed", unit: "k8s/0", departingUnit: "gpu/0" },
      given,
    );
    equal(machine.removals, 0);
    await takeOut();
    const stopped = await after("stop", leaving);
    equal(machine.removals, 1);
    equal(machine.watched, undefined);
    await after("update-status", stopped);
    equal(machine.installs, 1);
  });

  test("a unit whose control plane is silent does not wait for it long", async () => {
    const given = await active();
    cluster.isApiUp = false;
    await after("stop", given);
    equal(machine.removals, 1);
  }, 15_000);

  test("a control plane unit that goes does not make it leave", async () => {
    const given = await active();
    await after({ hook: "cluster-relation-departed", unit: "k8s/0", departingUnit: "k8s/0" }, given);
    equal(machine.removals, 0);
  });

  test("without its relation it lets itself be taken out and is as new for the next one", async () => {
    const given = await active();
    const dying = { ...given, relations: given.relations.map((r) => ({ ...r, dying: true, units: {} })) };
    machine.wakes.length = 0;
    const left = await after("cluster-relation-broken", dying);
    equal(left.status, "waiting: The control plane to take this node out");
    deepEqual(machine.wakes, [2]);
    await takeOut();
    const alone = await after("update-status", { ...left, relations: [] });
    equal(alone.status, "blocked: Missing cluster integration: integrate with a control plane (cluster)");
    equal(machine.removals, 1);
    const again = await after("cluster-relation-changed", { ...alone, ...offered(await tokenFor("n1")) });
    equal(bagOf(again)["joined"], CLUSTER);
  });

  test("remove leaves nothing behind", async () => {
    await after("remove", await active());
    equal(machine.removals, 1);
  });
});

/** The worker's process killed at every point of a hook: nothing is half written, and the next hook is right. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { dispatch, type EventGiven, killed, type State, type Then } from "@cantrip/lib/testing";
import { FakeCluster, type FakeMachine } from "@cantrip/charm-node/testing";
import { describe, test } from "vitest";
import { K8sWorkerCharm } from "../src/index.ts";

const dir = new URL("..", import.meta.url);
const CLUSTER = "k8s-3b59ed4e";
const SECRET = "d1u5j4nmp25c7a8k2v10";

interface Setting {
  readonly given: State;
  readonly cluster: FakeCluster;
  readonly machine: FakeMachine;
}

/** Beside a control plane that offers a token. */
async function offered(): Promise<Setting> {
  const cluster = new FakeCluster();
  const controlPlane = cluster.machine("n0").installed();
  await controlPlane.service.bootstrap({ name: "n0", address: "10.0.0.1:6400", config: {} });
  const token = await controlPlane.service.createToken({ name: "n1", worker: true });
  const appData = { "node-kind": "package", "gpu/0": "pending-n1", "gpu/0-secret-id": `secret:${SECRET}` };
  const leaderBag = { "node-name": "n0", "cluster-name": CLUSTER, joined: CLUSTER };
  const given: State = {
    app: "gpu",
    resources: { "node-package": "/resource.tar" },
    addresses: ["10.0.0.2"],
    relations: [{ endpoint: "cluster", id: 3, app: "k8s", units: { "k8s/0": leaderBag }, appData }],
    secrets: [{ id: SECRET, content: { revision: "0", token } }],
  };
  return { given, cluster, machine: cluster.machine("n1") };
}

const alone = async (): Promise<Setting> => {
  const setting = await offered();
  return { ...setting, given: { ...setting.given, relations: [], secrets: [] } };
};

async function running(): Promise<Setting> {
  const setting = await offered();
  const fakes = setting.machine;
  const joined = await dispatch(K8sWorkerCharm, "cluster-relation-changed", setting.given, { dir, fakes });
  setting.cluster.setReady("n1");
  return { ...setting, given: await dispatch(K8sWorkerCharm, "update-status", joined, { dir, fakes }) };
}

/** The leader of the control plane has seen it depart. */
async function takenOut(): Promise<Setting> {
  const setting = await running();
  setting.cluster.removeNode("n1");
  return setting;
}

interface Row {
  readonly title: string;
  readonly event: EventGiven;
  readonly setting: () => Promise<Setting>;
  readonly check?: (setting: Setting, then: Then) => void;
}

const rows: readonly Row[] = [
  { title: "install", event: "install", setting: alone },
  {
    title: "the join, of which there is one",
    event: "cluster-relation-changed",
    setting: offered,
    check: ({ cluster }, { relations }) => {
      ok(cluster.nodes.has("n1"));
      equal(relations[0]?.ownUnitData["joined"], CLUSTER);
      equal(relations[0]?.ownUnitData["token-failure"], undefined);
    },
  },
  { title: "a hook that changes nothing", event: "update-status", setting: running },
  {
    title: "its removal",
    event: "remove",
    setting: takenOut,
    check: ({ machine }) => deepEqual([machine.watched, machine.removals > 0], [undefined, true]),
  },
];

/** What comes with a commit: in full, or, whenever the process dies, as the first death leaves it, before any call. */
const committed = ({ relations, secrets, openPorts }: Then) => ({ relations, secrets, openPorts });

describe.each(rows)("killed at every point of $title", ({ event, setting, check }) => {
  test("nothing is half written, and the next hook is right", async () => {
    const whole = await setting();
    const expected = await dispatch(K8sWorkerCharm, event, whole.given, { dir, fakes: whole.machine });
    check?.(whole, expected);
    let now = whole;
    let before: ReturnType<typeof committed> | undefined;
    const fakes = async (): Promise<FakeMachine> => {
      now = await setting();
      return now.machine;
    };
    for await (const { at, left } of killed(K8sWorkerCharm, event, whole.given, { dir, fakes })) {
      before ??= committed(left);
      deepEqual(committed(left), before, at);
      const again = await dispatch(K8sWorkerCharm, event, left, { dir, fakes: now.machine });
      deepEqual([committed(again), again.status], [committed(expected), expected.status], at);
      check?.(now, again);
    }
  });
});

/** The control plane's process killed at every point of a hook: nothing is half written, and the next hook is right. */
import { deepEqual, equal } from "node:assert/strict";
import { dispatch, type EventGiven, killed, type State, type Then } from "@cantrip/lib/testing";
import { FakeCluster, type FakeMachine } from "@cantrip/charm-node/testing";
import { describe, test } from "vitest";
import { K8sCharm } from "../src/index.ts";

const dir = new URL("..", import.meta.url);

interface Setting {
  readonly given: State;
  readonly cluster: FakeCluster;
  readonly machine: FakeMachine;
}

function nothing(): Setting {
  const cluster = new FakeCluster();
  const peers = { endpoint: "cluster", id: 0 };
  const given = { leader: true, relations: [peers], resources: { "node-package": "/resource.tar" } };
  return { given, cluster, machine: cluster.machine("n0") };
}

/** `setting`, after these events. */
async function later(setting: Setting, ...events: EventGiven[]): Promise<Setting> {
  const given = await dispatch(K8sCharm, events, setting.given, { dir, fakes: setting.machine });
  return { ...setting, given };
}

async function running(): Promise<Setting> {
  const bootstrapped = await later(nothing(), "leader-elected", "config-changed");
  bootstrapped.cluster.setReady("n0");
  return later(bootstrapped, "update-status");
}

/** A running one, with this databag of a worker. */
function withWorker({ given, ...rest }: Setting, units: Record<string, Record<string, string>>): Setting {
  const earlier = given.relations?.find(({ id }) => id === 1);
  const workers = { endpoint: "k8s-cluster", id: 1, app: "gpu", ...earlier, units };
  return { ...rest, given: { ...given, relations: [...(given.relations ?? []).slice(0, 1), workers] } };
}
const asking = { "node-name": "n1", version: "1.36.3", "node-kind": "package" };

async function joined(): Promise<Setting> {
  const issued = await later(withWorker(await running(), { "gpu/0": asking }), "update-status");
  issued.cluster.register("n1", "worker", "10.0.0.2:6400");
  return issued;
}
const clusterName = ({ given }: Setting): string => given.relations?.[0]?.ownUnitData?.["joined"] ?? "";

interface Row {
  readonly title: string;
  readonly event: EventGiven;
  readonly setting: () => Setting | Promise<Setting>;
  readonly check?: (setting: Setting, then: Then) => void;
}

const rows: readonly Row[] = [
  { title: "install", event: "install", setting: nothing },
  { title: "the claim", event: "leader-elected", setting: nothing },
  {
    title: "the bootstrap, of which there is one",
    event: "config-changed",
    setting: () => later(nothing(), "leader-elected"),
    check: ({ cluster }) => equal(cluster.bootstraps.length, 1),
  },
  { title: "a hook that changes nothing", event: "update-status", setting: running },
  {
    title: "labels",
    event: "config-changed",
    setting: async () => {
      const setting = await running();
      return { ...setting, given: { ...setting.given, config: { "node-labels": "zone=a" } } };
    },
    check: ({ cluster }) => equal(cluster.nodes.get("n0")?.node.labels["zone"], "a"),
  },
  {
    title: "a token: one secret, whose token is good",
    event: { hook: "k8s-cluster-relation-changed", relation: 1 },
    setting: async () => withWorker(await running(), { "gpu/0": asking }),
    check: ({ cluster }, { secrets, relations }) => {
      equal(secrets.length, 1);
      equal(cluster.tokens.get(secrets[0]?.content["token"] ?? ""), "n1");
      equal(relations[1]?.ownAppData["gpu/0-secret-id"], `secret:${secrets[0]?.id}`);
    },
  },
  {
    title: "the end of a join",
    event: { hook: "k8s-cluster-relation-changed", relation: 1 },
    setting: async () => {
      const setting = await joined();
      return withWorker(setting, { "gpu/0": { ...asking, joined: clusterName(setting) } });
    },
    check: (_, { secrets }) => deepEqual(secrets, []),
  },
  {
    title: "a departure",
    event: { hook: "k8s-cluster-relation-departed", relation: 1, unit: "gpu/0" },
    setting: async () => {
      const setting = await joined();
      const told = withWorker(setting, { "gpu/0": { ...asking, joined: clusterName(setting) } });
      return withWorker(await later(told, "update-status"), {});
    },
    check: ({ cluster }) => equal(cluster.nodes.has("n1"), false),
  },
];

/** What comes with a commit: in full, or, whenever the process dies, as the first death leaves it, before any call. */
const committed = ({ relations, secrets, openPorts }: Then) => ({ relations, secrets, openPorts });
/** Contents of tokens tell how many were asked for. */
const result = (then: Then) => ({
  ...committed(then),
  status: then.status,
  secrets: then.secrets.map(({ id, owner, grants, revision }) => ({ id, owner, grants, revision })),
});

describe.each(rows)("killed at every point of $title", ({ event, setting, check }) => {
  test("nothing is half written, and the next hook is right", async () => {
    const whole = await setting();
    const expected = await dispatch(K8sCharm, event, whole.given, { dir, fakes: whole.machine });
    check?.(whole, expected);
    let now = whole;
    const fakes = async () => {
      now = await setting();
      return now.machine;
    };
    let before: ReturnType<typeof committed> | undefined;
    for await (const { at, left } of killed(K8sCharm, event, whole.given, { dir, fakes })) {
      before ??= committed(left);
      deepEqual(committed(left), before, at);
      const again = await dispatch(K8sCharm, event, left, { dir, fakes: now.machine });
      deepEqual(result(again), result(expected), at);
      check?.(now, again);
    }
  });
});

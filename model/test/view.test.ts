import { deepEqual, equal } from "node:assert/strict";
import { test } from "vitest";
import { displayedApplicationStatus, hookEnvironment, hookView, planGoalState } from "../src/index.ts";
import type { HookInfo } from "../src/index.ts";
import { pg, web } from "./support/charms.ts";
import { World } from "./support/world.ts";

const paths = {
  charmDir: "/charm",
  toolsDir: "/tools",
  socket: "/run/agent.socket",
  contextId: "web/0-x-1",
  apiAddresses: ["10.0.0.1:17070", "10.0.0.2:17070"],
  version: "3.6.11",
  path: "/usr/bin:/bin",
};
const related = async () => {
  const world = await new World().deploy(web, 2).deploy(pg).elect("web/0").settle();
  world.do({ type: "integrate", endpoints: ["web", "pg"] });
  return world.settle();
};
const environment = (world: World, hook: HookInfo) =>
  hookEnvironment(hookView(world.state, "web/0", { id: "1", kind: "run-hook", hook }), paths);

test("the environment of a plain hook", async () => {
  const world = await related();
  const env = environment(world, { name: "config-changed" });
  deepEqual(env, {
    CHARM_DIR: "/charm",
    JUJU_CHARM_DIR: "/charm",
    JUJU_CONTEXT_ID: "web/0-x-1",
    JUJU_AGENT_SOCKET_ADDRESS: "/run/agent.socket",
    JUJU_AGENT_SOCKET_NETWORK: "unix",
    JUJU_UNIT_NAME: "web/0",
    JUJU_MODEL_NAME: "m",
    JUJU_MODEL_UUID: world.state.uuid,
    JUJU_HOOK_NAME: "config-changed",
    JUJU_DISPATCH_PATH: "hooks/config-changed",
    JUJU_VERSION: "3.6.11",
    JUJU_API_ADDRESSES: "10.0.0.1:17070 10.0.0.2:17070",
    JUJU_MACHINE_ID: "0",
    JUJU_PRINCIPAL_UNIT: "",
    JUJU_AVAILABILITY_ZONE: "",
    CLOUD_API_VERSION: "",
    JUJU_SLA: "unsupported",
    JUJU_CHARM_HTTP_PROXY: "",
    JUJU_CHARM_HTTPS_PROXY: "",
    JUJU_CHARM_FTP_PROXY: "",
    JUJU_CHARM_NO_PROXY: "127.0.0.1,localhost,::1",
    PATH: "/tools:/usr/bin:/bin",
    APT_LISTCHANGES_FRONTEND: "none",
    DEBIAN_FRONTEND: "noninteractive",
    LANG: "C.UTF-8",
    TERM: "tmux-256color",
  });
});

const only = (env: Record<string, string>, pattern: RegExp) =>
  Object.fromEntries(Object.entries(env).filter(([key]) => pattern.test(key)));

test.each([
  [
    { name: "db-relation-joined", relationId: 2, remoteUnit: "pg/0", remoteApplication: "pg" },
    { JUJU_RELATION: "db", JUJU_RELATION_ID: "db:2", JUJU_REMOTE_APP: "pg", JUJU_REMOTE_UNIT: "pg/0" },
  ],
  [
    { name: "db-relation-broken", relationId: 2, remoteApplication: "pg" },
    { JUJU_RELATION: "db", JUJU_RELATION_ID: "db:2", JUJU_REMOTE_APP: "pg", JUJU_REMOTE_UNIT: "" },
  ],
  [
    {
      name: "db-relation-departed",
      relationId: 2,
      remoteUnit: "pg/0",
      remoteApplication: "pg",
      departingUnit: "web/0",
    },
    {
      JUJU_RELATION: "db",
      JUJU_RELATION_ID: "db:2",
      JUJU_REMOTE_APP: "pg",
      JUJU_REMOTE_UNIT: "pg/0",
      JUJU_DEPARTING_UNIT: "web/0",
    },
  ],
  [
    { name: "secret-changed", secretId: "s1", secretLabel: "l" },
    { JUJU_SECRET_ID: "secret:s1", JUJU_SECRET_LABEL: "l" },
  ],
  [
    { name: "secret-expired", secretId: "s1", secretRevision: 3 },
    { JUJU_SECRET_ID: "secret:s1", JUJU_SECRET_LABEL: "", JUJU_SECRET_REVISION: "3" },
  ],
] as [HookInfo, Record<string, string>][])("what %j adds", async (hook, expected) => {
  const env = environment(await related(), hook);
  deepEqual(only(env, /RELATION|REMOTE|DEPARTING|SECRET/), expected);
});

test("an action has no hook's name; a command has no dispatch path", async () => {
  const world = await related();
  world.do({ type: "enqueue-action", requests: [{ receiver: "web/0", action: "ping", parameters: {} }] });
  const env = hookEnvironment(hookView(world.state, "web/0", world.next("web/0")!), paths);
  deepEqual(only(env, /ACTION|HOOK_NAME|DISPATCH/), {
    JUJU_HOOK_NAME: "",
    JUJU_DISPATCH_PATH: "actions/ping",
    JUJU_ACTION_NAME: "ping",
    JUJU_ACTION_UUID: "2",
    JUJU_ACTION_TAG: "action-2",
  });
  const exec = hookEnvironment(hookView(world.state, "web/0", { exec: true }), paths);
  deepEqual(only(exec, /ACTION|HOOK_NAME|DISPATCH/), { JUJU_HOOK_NAME: "", JUJU_DISPATCH_PATH: "" });
});

test("proxies of the model reach every process only if they are set the old way", async () => {
  const world = await related();
  world.do({ type: "set-model-config", values: { "juju-http-proxy": "http://p:1" }, reset: [] });
  equal(environment(world, { name: "start" })["JUJU_CHARM_HTTP_PROXY"], "http://p:1");
  equal(environment(world, { name: "start" })["http_proxy"], undefined);
  world.do({ type: "set-model-config", values: { "http-proxy": "http://p:2" }, reset: ["juju-http-proxy"] });
  const env = environment(world, { name: "start" });
  deepEqual(
    [env["http_proxy"], env["HTTP_PROXY"], env["no_proxy"]],
    ["http://p:2", "http://p:2", "127.0.0.1,localhost,::1"],
  );
});

test("members are those whose joined was told and whose departed was not; bags outlive them", async () => {
  const world = await related();
  world.do({ type: "remove-unit", unit: "pg/0" });
  const hook = world.next("web/0")!;
  equal(hook.hook?.name, "db-relation-departed");
  const shown = hookView(world.state, "web/0", hook).relations[2]!;
  deepEqual(shown.members, []);
  equal(shown.bags["pg/0"]?.["ingress-address"], "10.0.0.3");
});

test("goal state: what is planned, with units that go", async () => {
  const world = await related();
  world.do({ type: "set-status", unit: "web/0", status: "active", message: "" });
  world.do({ type: "remove-unit", unit: "web/1" });
  const { units, relations } = planGoalState(world.state, world.unit("web/0"));
  deepEqual(
    Object.entries(units).map(([name, { status }]) => `${name} ${status}`),
    ["web/0 active", "web/1 dying"],
  );
  deepEqual(
    Object.entries(relations["db"] ?? {}).map(([name, { status }]) => `${name} ${status}`),
    ["pg joined", "pg/0 unknown"],
  );
});

test("an application shows what its leader set, else the worst of its units", async () => {
  const world = await related();
  const application = world.state.applications["web"]!;
  const shown = () => displayedApplicationStatus(world.state, application).status;
  world.do({ type: "set-status", unit: "web/0", status: "active", message: "" });
  world.do({ type: "set-status", unit: "web/1", status: "blocked", message: "" });
  equal(shown(), "blocked");
  world.do({ type: "set-application-status", unit: "web/0", status: "waiting", message: "" });
  equal(shown(), "waiting");
});

test("a view is data: what is done to it does not reach the state", async () => {
  const world = await related();
  const view = hookView(world.state, "web/0", { exec: true });
  deepEqual(JSON.parse(JSON.stringify(view)), view);
  const before = JSON.stringify(world.state);
  view.charmState["k"] = "v";
  view.relations[2]!.bags["web/0"]!["k"] = "v";
  view.openPorts.push({ endpoint: "", from: 1, to: 1, protocol: "tcp" });
  equal(JSON.stringify(world.state), before);
});

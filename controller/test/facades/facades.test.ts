import { describe, expect, test } from "vitest";
import { ApiError, facadesFor } from "../../src/facade.ts";
import { deployed, etcd, tiny, uuid, world, type World } from "./memory.ts";

type Row = [title: string, facade: string, method: string, params: object, answer: unknown];

const task = (id: string, more: object = {}): object => ({
  action: { tag: `action-${id}`, receiver: "unit-tiny-0", name: "hello", parameters: { x: 1 } },
  enqueued: "2026-01-02T03:04:05.000Z",
  status: "pending",
  message: "",
  log: [],
  output: {},
  ...more,
});
const notFound = (message: string): object => ({ error: { message, code: "not found" } });

/** Shapes of juju-api.md 5, on a model with `tiny` deployed. */
const rows: Row[] = [
  [
    "units are added and named",
    "Application",
    "AddUnits",
    { application: "tiny", "num-units": 2, placement: null },
    { units: ["tiny/2", "tiny/3"] },
  ],
  [
    "each unit to destroy has its result",
    "Application",
    "DestroyUnit",
    {
      units: [
        { "unit-tag": "unit-tiny-1", "dry-run": false, "max-wait": null },
        { "unit-tag": "unit-tiny-9" },
      ],
    },
    { results: [{ info: {} }, notFound('unit "tiny/9" not found')] },
  ],
  [
    "an application names the units that go with it",
    "Application",
    "DestroyApplication",
    { applications: [{ "application-tag": "application-tiny", "dry-run": true }] },
    { results: [{ info: { "destroyed-units": [{ tag: "unit-tiny-0" }, { tag: "unit-tiny-1" }] } }] },
  ],
  [
    "options with their sources",
    "Application",
    "Get",
    { application: "tiny", branch: "master" },
    {
      application: "tiny",
      charm: "tiny",
      config: {
        opt: { type: "string", description: "x", default: "d", source: "default", value: "d" },
        port: { type: "int", description: "", source: "unset" },
      },
      "application-config": {
        trust: {
          type: "bool",
          description: "Does this application have access to trusted credentials",
          default: false,
          source: "default",
          value: false,
        },
      },
      constraints: {},
      base: { name: "ubuntu", channel: "24.04/stable" },
      channel: "",
      "endpoint-bindings": { "": "alpha" },
    },
  ],
  [
    "options are set by name, typed by the charm",
    "Application",
    "SetConfigs",
    {
      Args: [
        {
          application: "tiny",
          generation: "",
          config: { opt: "z", trust: "true", port: "80" },
          "config-yaml": "",
        },
      ],
    },
    { results: [{}] },
  ],
  [
    "options are set by YAML",
    "Application",
    "SetConfigs",
    { Args: [{ application: "tiny", config: null, "config-yaml": "tiny:\n  opt: z\n  trust: 'True'\n" }] },
    { results: [{}] },
  ],
  [
    "an option that the charm lacks",
    "Application",
    "SetConfigs",
    { Args: [{ application: "tiny", config: { nope: "1" } }] },
    { results: [{ error: { message: 'unknown option "nope"', code: expect.any(String) as string } }] },
  ],
  [
    "the leader is not known yet",
    "Application",
    "GetCharmURLOrigin",
    { application: "tiny" },
    {
      url: "local:tiny-0",
      "charm-origin": expect.objectContaining({ source: "local", revision: 0 }) as object,
    },
  ],
  [
    "an action is enqueued, one of an unknown unit is not",
    "Action",
    "EnqueueOperation",
    {
      actions: [
        { tag: "", receiver: "unit-tiny-0", name: "hello", parameters: { x: 1 } },
        { receiver: "unit-tiny-7", name: "hello" },
      ],
    },
    { operation: "operation-1", actions: [task("2"), notFound('unit "tiny/7" not found')] },
  ],
  [
    "an action that the charm lacks",
    "Action",
    "EnqueueOperation",
    { actions: [{ receiver: "unit-tiny-0", name: "nope", parameters: {} }] },
    { operation: "operation-1", actions: [notFound('action "nope" not defined on unit "tiny/0"')] },
  ],
  [
    "what a charm offers",
    "Action",
    "ApplicationsCharmsActions",
    { entities: [{ tag: "application-tiny" }] },
    {
      results: [
        {
          "application-tag": "application-tiny",
          actions: {
            hello: {
              description: "says hello",
              params: {
                type: "object",
                title: "hello",
                description: "says hello",
                properties: { x: { type: "integer" } },
              },
            },
          },
        },
      ],
    },
  ],
  [
    "resources are announced before the application exists",
    "Resources",
    "AddPendingResources",
    { tag: "application-later", url: "", "charm-origin": null, resources: [{ name: "blob", type: "file" }] },
    { "pending-ids": ["pending-blob"] },
  ],
  [
    "a machine",
    "MachineManager",
    "AddMachines",
    {
      params: [
        {
          jobs: ["JobHostUnits"],
          base: null,
          constraints: null,
          placement: null,
          "container-type": "",
          "parent-id": "",
        },
      ],
    },
    { machines: [{ machine: "2" }] },
  ],
  [
    "a machine with a unit stays",
    "MachineManager",
    "DestroyMachineWithParams",
    { "machine-tags": ["machine-0"], force: false },
    {
      results: [
        {
          error: { message: expect.stringContaining("tiny/0") as string, code: "machine has assigned units" },
        },
      ],
    },
  ],
  [
    "an address",
    "SSHClient",
    "PublicAddress",
    { entities: [{ tag: "unit-tiny-0" }, { tag: "machine-1" }] },
    { results: [{ address: "10.0.0.1" }, notFound("machine 1 has no address yet")] },
  ],
  [
    "models",
    "ModelManager",
    "ListModels",
    { tag: "user-admin" },
    {
      "user-models": [
        { model: { name: "t1", uuid, type: "iaas", "owner-tag": "user-admin" }, "last-connection": null },
      ],
    },
  ],
  [
    "a model that is not there",
    "ModelManager",
    "ModelInfo",
    { entities: [{ tag: "model-x" }] },
    { results: [{ error: { message: "permission denied", code: "unauthorized access" } }] },
  ],
  [
    "a model that is gone",
    "ModelManager",
    "ModelStatus",
    { entities: [{ tag: "model-x" }] },
    { models: [{ error: { message: "model not found", code: "not found" } }] },
  ],
  ["the next numbers", "ModelConfig", "Sequences", {}, { sequences: { "application-tiny": 2, machine: 2 } }],
  [
    "annotations of nobody",
    "Annotations",
    "Get",
    { entities: [{ tag: "application-tiny" }] },
    { results: [{ entity: "application-tiny", annotations: {}, error: {} }] },
  ],
  [
    "one cloud",
    "Cloud",
    "Clouds",
    {},
    {
      clouds: {
        "cloud-local": {
          type: "manual",
          "auth-types": ["empty"],
          endpoint: "",
          regions: [{ name: "default" }],
        },
      },
    },
  ],
  [
    "where the controller is",
    "Controller",
    "ControllerAPIInfoForModels",
    { entities: [{ tag: `model-${uuid}` }] },
    { results: [{ addresses: ["127.0.0.1:17070"], cacert: "PEM" }] },
  ],
  [
    "there is no store",
    "Charms",
    "ResolveCharms",
    { resolve: [{ reference: "ch:k8s" }] },
    { results: [notFound('charm "ch:k8s" not found: there is no charm store, deploy a local .charm file')] },
  ],
];

describe("facades answer in Juju's shapes", () => {
  test.each(rows)("%s: %s.%s", async (_title, facade, method, params, answer) => {
    expect(await (await deployed()).call(facade, method, params)).toEqual(answer);
  });

  test("a deploy takes options, constraints and trust, and a second one of the name is refused", async () => {
    const given = await deployed();
    const application = {
      application: "web",
      "charm-url": tiny.url,
      "charm-origin": null,
      "num-units": 1,
      config: { opt: "v" },
      "config-yaml": "web:\n  port: 8080\n  trust: 'True'\n",
      constraints: { mem: 4096 },
      placement: null,
      resources: null,
      "endpoint-bindings": null,
      Force: false,
    };
    expect(await given.call("Application", "Deploy", { applications: [application] })).toEqual({
      results: [{}],
    });
    expect(given.model.state.applications["web"]).toMatchObject({
      settings: { opt: "v", port: 8080 },
      trust: true,
      constraints: { mem: 4096 },
    });
    const again = await given.call("Application", "Deploy", { applications: [application] });
    expect(again).toMatchObject({ results: [{ error: { code: "already exists" } }] });
  });

  test("a relation is added once", async () => {
    const given = await deployed();
    await given.do({
      type: "deploy",
      application: "etcd",
      charmUrl: etcd.url,
      units: 0,
      base: { name: "ubuntu", channel: "24.04" },
    });
    const endpoint = { name: "db", interface: "etcd", optional: false, limit: 0, scope: "global" };
    expect(
      await given.call("Application", "AddRelation", { endpoints: ["tiny:db", "etcd"], "via-cidrs": null }),
    ).toEqual({
      endpoints: { tiny: { ...endpoint, role: "requirer" }, etcd: { ...endpoint, role: "provider" } },
    });
    const again = given.call("Application", "AddRelation", { endpoints: ["tiny", "etcd"] });
    await expect(again).rejects.toMatchObject({
      code: "already exists",
      message: 'cannot add relation "tiny:db etcd:db": relation tiny:db etcd:db already exists',
    });
  });

  test("a task runs, logs and completes", async () => {
    const given = await deployed();
    await given.call("Action", "EnqueueOperation", {
      actions: [{ receiver: "unit-tiny-0", name: "hello", parameters: { x: 1 } }],
    });
    const watch = await given.call<{ results: { "watcher-id": string }[] }>(
      "Action",
      "WatchActionsProgress",
      { entities: [{ tag: "action-2" }] },
    );
    const next = given.call("StringsWatcher", "Next", {}, watch.results[0]?.["watcher-id"]);
    await given.do({ type: "start-task", task: "2" });
    await given.do({ type: "task-log", task: "2", message: "working" });
    expect(await next).toEqual({
      "watcher-id": "1",
      changes: ['{"timestamp":"2026-01-02T03:04:05.000Z","message":"working"}'],
    });
    await given.do({
      type: "finish-task",
      task: "2",
      result: { status: "completed", message: "", results: { "return-code": 0, greeting: "hi" } },
    });
    expect(await given.call("Action", "Actions", { entities: [{ tag: "action-2" }] })).toMatchObject({
      results: [
        { status: "completed", output: { "return-code": 0, greeting: "hi" }, log: [{ message: "working" }] },
      ],
    });
    expect(await given.call("Action", "Operations", { entities: [{ tag: "operation-1" }] })).toMatchObject({
      results: [{ status: "completed" }],
      truncated: false,
    });
  });
});

describe("AllWatcher", () => {
  const watching = async (given: World): Promise<string> =>
    (await given.call<{ "watcher-id": string }>("Client", "WatchAll"))["watcher-id"];
  type Deltas = { deltas: [string, string, Record<string, unknown>][] };

  test("the first answer has all, a unit after its machine and application", async () => {
    const given = await deployed();
    const { deltas } = await given.call<Deltas>("AllWatcher", "Next", {}, await watching(given));
    const kinds = deltas.map(([kind]) => kind);
    expect(kinds).toEqual([
      "model",
      "charm",
      "charm",
      "machine",
      "machine",
      "application",
      "unit",
      "unit",
      "relation",
    ]);
    expect(deltas[0]?.[2]).toMatchObject({
      name: "t1",
      config: expect.anything() as object,
      status: { current: "available", message: "", version: "" },
    });
    expect(deltas[6]?.[2]).toMatchObject({
      name: "tiny/0",
      "machine-id": "0",
      base: "ubuntu@24.04",
      "workload-status": { current: "waiting" },
    });
  });

  test("later answers have what changed and what is gone, and wait for it", async () => {
    const given = await deployed();
    const id = await watching(given);
    await given.call("AllWatcher", "Next", {}, id);
    const next = given.call<Deltas>("AllWatcher", "Next", {}, id);
    await given.do({ type: "set-status", unit: "tiny/0", status: "active", message: "ready" });
    expect((await next).deltas.map(([kind, change, data]) => [kind, change, data["name"]])).toEqual([
      ["unit", "change", "tiny/0"],
    ]);
    const gone = given.call<Deltas>("AllWatcher", "Next", {}, id);
    await given.do({ type: "remove-unit", unit: "tiny/1", force: true });
    const kinds = new Set((await gone).deltas.map(([kind]) => kind));
    expect(kinds).not.toContain("model");
  });

  test("a stopped watcher ends its waiting call in Juju's words", async () => {
    const given = await deployed();
    const id = await watching(given);
    await given.call("AllWatcher", "Next", {}, id);
    const next = given.call("AllWatcher", "Next", {}, id);
    await given.call("AllWatcher", "Stop", {}, id);
    await expect(next).rejects.toMatchObject({ message: "watcher was stopped", code: "stopped" });
    await expect(given.call("AllWatcher", "Next", {}, id)).rejects.toMatchObject({
      message: "unknown watcher id",
      code: "not found",
    });
  });
});

describe("hostile parameters", () => {
  const wrong: unknown[] = [
    {},
    { application: 5 },
    { application: "__proto__" },
    { application: "x".repeat(100_000) },
    { entities: "x" },
    { entities: [null] },
    { entities: [{ tag: 1 }] },
    {
      entities: [
        { tag: "unit-constructor-0" },
        { tag: "application-__proto__" },
        { tag: "bogus" },
        { tag: "unit-" },
      ],
    },
    { applications: [{ application: "a", "charm-url": {} }] },
    { applications: {} },
    { args: [{ application: [] }] },
    { args: 7 },
    { units: [{ "unit-tag": "unit-../../etc-0" }] },
    { units: [5] },
    { endpoints: [1, 2] },
    { endpoints: ["a", "b", "c"] },
    { endpoints: ["tiny:__proto__", "tiny:constructor"] },
    { config: [] },
    { config: { name: "x" } },
    { config: { mode: {} } },
    { actions: [{ receiver: "unit-tiny-0", name: "hello", parameters: [] }] },
    { commands: 1, units: ["tiny/0"] },
    { "num-units": 1e9, application: "tiny" },
    { "num-units": -1, application: "tiny" },
    { "num-units": 1.5, application: "tiny" },
    { patterns: Array.from({ length: 20_000 }, () => "*") },
    { requests: [{ tag: "x", historyKind: "constructor" }] },
    { tag: "application-tiny", resources: "x" },
    { "machine-tags": ["machine-__proto__"] },
    { models: [{ "model-tag": "model-__proto__" }] },
    { name: "" },
    { "ssh-keys": ["rm -rf /", "ssh-rsa AAAA\nssh-rsa BBBB"] },
    { relation: "x", entity: "tiny" },
    { entity: "__proto__" },
    { filter: [], "show-secrets": "yes" },
    { annotations: [{ entity: "application-tiny", annotations: { a: 1 } }] },
  ];
  const methods: Record<string, string[]> = {
    Action: [
      "Actions",
      "ApplicationsCharmsActions",
      "Cancel",
      "EnqueueOperation",
      "ListOperations",
      "Operations",
      "Run",
      "WatchActionsProgress",
    ],
    AllWatcher: ["Next", "Stop"],
    Annotations: ["Get", "Set"],
    Application: [
      "AddRelation",
      "AddUnits",
      "ApplicationsInfo",
      "CharmConfig",
      "Deploy",
      "DestroyApplication",
      "DestroyRelation",
      "DestroyUnit",
      "Expose",
      "Get",
      "GetCharmURLOrigin",
      "GetConstraints",
      "Leader",
      "ResolveUnitErrors",
      "SetCharm",
      "SetConfigs",
      "SetConstraints",
      "Unexpose",
      "UnitsInfo",
      "UnsetApplicationsConfig",
    ],
    Charms: ["CharmInfo", "ResolveCharms"],
    Client: ["FullStatus", "StatusHistory"],
    Cloud: ["Cloud", "UserCredentials"],
    Controller: ["ControllerAPIInfoForModels", "GetControllerAccess", "ModelStatus"],
    Insight: ["History", "Why"],
    KeyManager: ["AddKeys", "DeleteKeys", "ListKeys"],
    MachineManager: ["AddMachines", "DestroyMachineWithParams"],
    ModelConfig: ["ModelSet", "ModelUnset", "SetModelConstraints"],
    ModelManager: ["CreateModel", "DestroyModels", "ModelInfo", "ModelStatus"],
    Resources: ["AddPendingResources", "ListResources"],
    SSHClient: ["PublicAddress", "AllAddresses"],
    Secrets: ["ListSecrets"],
    StringsWatcher: ["Next", "Stop"],
    UserManager: ["UserInfo"],
  };

  test.each(
    Object.entries(methods).flatMap(([facade, names]) => names.map((name) => [facade, name] as const)),
  )("%s.%s answers or refuses in words, and nothing else breaks", async (facade, method) => {
    const given = await deployed();
    for (const params of wrong) {
      await given.call(facade, method, params as object).catch((error: unknown) => {
        const isRefusal = error instanceof ApiError || (error as Error).name === "ModelError";
        if (!isRefusal)
          throw new Error(`${facade}.${method} with ${JSON.stringify(params).slice(0, 200)}`, {
            cause: error,
          });
      });
    }
  });

  test("what is ours alone is served, and not listed to clients that do not know it", async () => {
    const given = await deployed();
    expect(await given.call("Insight", "Why", { entity: "tiny/0" })).toMatchObject({ compacted: false });
    const user = { kind: "user", tag: "user-admin", name: "admin", displayName: "admin" } as const;
    const listed = facadesFor(user, true).map(({ name }) => name);
    expect(listed).toContain("Application");
    expect(listed).not.toContain("Insight");
  });

  test("an unknown method is not implemented", async () => {
    await expect(world().call("Application", "Explode")).rejects.toMatchObject({
      code: "not implemented",
      message: "no such request - method Application(19).Explode is not implemented",
    });
  });
});

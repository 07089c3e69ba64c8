import { describe, expect, test } from "vitest";
import type { FullStatus } from "../../src/facades/status/wire.ts";
import { deployed, etcd, world } from "./memory.ts";

const since = "2026-01-02T03:04:05.000Z";
const status = (text: string, info = "", more = {}): object => ({
  status: text,
  info,
  data: {},
  since,
  kind: "",
  version: "",
  life: "",
  ...more,
});

describe("Client.FullStatus", () => {
  test("an empty model has every section", async () => {
    const { "controller-timestamp": now, ...full } = await world().call<FullStatus>("Client", "FullStatus", {
      patterns: null,
    });
    expect(now).toMatch(/^\d{4}-\d\d-\d\dT/);
    expect(full).toEqual({
      model: {
        name: "t1",
        type: "iaas",
        "cloud-tag": "cloud-local",
        region: "default",
        version: "3.6.11",
        "available-version": "",
        "model-status": status("available"),
        "meter-status": { color: "", message: "" },
        sla: "",
      },
      machines: {},
      applications: {},
      "remote-applications": {},
      offers: {},
      relations: [],
      branches: {},
      storage: [],
      filesystems: [],
      volumes: [],
    });
  });

  test("a machine with an address and hardware", async () => {
    const { machines } = await (await deployed()).call<FullStatus>("Client", "FullStatus");
    expect(machines["0"]).toEqual({
      "agent-status": status("started", "", { version: "3.6.11" }),
      "instance-status": status("running", "Running"),
      "modification-status": status("idle"),
      hostname: "juju-abcdef-0",
      "dns-name": "10.0.0.1",
      "ip-addresses": ["10.0.0.1"],
      "instance-id": "i-0",
      "display-name": "",
      base: { name: "ubuntu", channel: "24.04/stable" },
      id: "0",
      "network-interfaces": {},
      containers: {},
      constraints: "",
      hardware: "arch=amd64 cores=2 mem=4096M root-disk=16384M",
      jobs: ["JobHostUnits"],
      "has-vote": false,
      "wants-vote": false,
    });
    expect(machines["1"]).toMatchObject({
      "agent-status": { status: "pending" },
      hardware: "",
      "dns-name": "",
    });
  });

  test("an application takes the status of its worst unit until its leader sets one", async () => {
    const given = await deployed();
    await given.do({ type: "set-status", unit: "tiny/0", status: "active", message: "ready" });
    await given.do({ type: "set-status", unit: "tiny/1", status: "blocked", message: "no token" });
    const read = async () => (await given.call<FullStatus>("Client", "FullStatus")).applications["tiny"];
    expect(await read()).toMatchObject({
      charm: "local:tiny-0",
      "charm-rev": 0,
      exposed: false,
      life: "",
      relations: { ring: ["tiny"] },
      "subordinate-to": [],
      status: { status: "blocked", info: "no token" },
      units: {
        "tiny/0": {
          "workload-status": { status: "active", info: "ready" },
          machine: "0",
          "public-address": "10.0.0.1",
        },
      },
    });
    await given.do({ type: "elect-leader", application: "tiny", unit: "tiny/0" });
    await given.do({
      type: "set-application-status",
      unit: "tiny/0",
      status: "maintenance",
      message: "busy",
    });
    expect(await read()).toMatchObject({
      status: { status: "maintenance", info: "busy" },
      units: { "tiny/0": { leader: true } },
    });
    expect((await read())?.units?.["tiny/1"]).not.toHaveProperty("leader");
  });

  test("a relation, with the requirer first", async () => {
    const given = await deployed();
    await given.do({
      type: "deploy",
      application: "etcd",
      charmUrl: etcd.url,
      units: 1,
      base: { name: "ubuntu", channel: "24.04" },
    });
    await given.do({ type: "integrate", endpoints: ["etcd", "tiny"] });
    const { relations, applications } = await given.call<FullStatus>("Client", "FullStatus");
    expect(relations[1]).toEqual({
      id: 1,
      key: "tiny:db etcd:db",
      interface: "etcd",
      scope: "global",
      endpoints: [
        { application: "tiny", name: "db", role: "requirer", subordinate: false },
        { application: "etcd", name: "db", role: "provider", subordinate: false },
      ],
      status: status("joining"),
    });
    expect(applications["etcd"]?.relations).toEqual({ db: ["tiny"] });
  });

  test("a started machine whose agent is silent is down", async () => {
    const given = await deployed();
    given.silent.add("machine-0");
    const { machines } = await given.call<FullStatus>("Client", "FullStatus");
    expect(machines["0"]?.["agent-status"]).toMatchObject({
      status: "down",
      info: "agent is not communicating with the server",
    });
  });

  test.each([
    [["tiny/1"], ["tiny/1"], ["1"]],
    [["tiny"], ["tiny/0", "tiny/1"], ["0", "1"]],
    [["tiny/*"], ["tiny/0", "tiny/1"], ["0", "1"]],
    [["0"], ["tiny/0"], ["0"]],
    [["active"], ["tiny/0"], ["0"]],
    [["nothing"], [], []],
    [
      ["tiny/1", "0"],
      ["tiny/0", "tiny/1"],
      ["0", "1"],
    ],
    [["("], [], []],
  ])("selectors %j keep units %j and machines %j", async (patterns, units, machines) => {
    const given = await deployed();
    await given.do({ type: "set-status", unit: "tiny/0", status: "active", message: "" });
    const full = await given.call<FullStatus>("Client", "FullStatus", { patterns });
    expect(Object.keys(full.applications["tiny"]?.units ?? {})).toEqual(units);
    expect(Object.keys(full.machines)).toEqual(machines);
  });
});

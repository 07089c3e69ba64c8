/**
 * What every implementation of the hook tools must do, in memory or by processes. The far side is given, so that a test sees what
 * arrived there.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  HookTools,
  NotLeader,
  PermissionDenied,
  RelationNotFound,
  SecretNotFound,
  ToolError,
  type ToolRunner,
} from "@cantrip/lib";
import type { EventGiven, State } from "../../src/testing/state.ts";
import { type FarSide, definitionOfCharm, farSide, worldOfFar } from "./world.ts";

export interface Connection {
  readonly runner: ToolRunner;
  readonly stop: () => void;
}

const remoteSecret = "remotesecret00000000";
const ownSecret = "ownsecret00000000000";

const given: State = {
  app: "web",
  leader: true,
  config: { greeting: "grüß 'Gott'\n\"$HOME\"" },
  relations: [
    {
      endpoint: "db",
      id: 3,
      app: "pg",
      units: { "pg/0": { host: "10.0.0.1" }, "pg/1": {} },
      appData: { version: "16" },
      ownUnitData: { asked: "yes" },
    },
    { endpoint: "peers", id: 0, units: { "web/1": { ready: "true" } }, appData: { term: "1" } },
  ],
  secrets: [
    { id: remoteSecret, content: { password: "old" }, latest: { password: "new" } },
    { id: ownSecret, owner: "application", label: "mine", content: { token: "abc" }, revision: 2 },
  ],
  storage: { "data/1": "/srv/data/1" },
  resources: { package: "/srv/package.tar" },
  status: "waiting: for a friend",
  openPorts: ["80/tcp"],
  plannedUnits: 2,
};

export function hookToolsContract(name: string, connect: (far: FarSide) => Promise<Connection>): void {
  describe(`hook tools: ${name}`, () => {
    let far: FarSide;
    let tools: HookTools;
    let connection: Connection;

    const called = new Set<string>();

    async function reconnect(event: EventGiven, changes: State = {}): Promise<void> {
      connection?.stop();
      far = farSide(await definitionOfCharm("contract"), event, { ...given, ...changes });
      connection = await connect(far);
      tools = watched(new HookTools(connection.runner), called);
    }

    beforeEach(() => reconnect("config-changed"));
    afterEach(() => connection.stop());

    test("relations are listed with their units and application", async () => {
      expect(await tools.relationIds("db")).toEqual(["db:3"]);
      expect(await tools.relationIds("website")).toEqual([]);
      expect(await tools.relationList("db:3")).toEqual(["pg/0", "pg/1"]);
      expect(await tools.relationApp("db:3")).toBe("pg");
      expect(await tools.relationApp("peers:0")).toBe("web");
      expect(await tools.relationModel("db:3")).toEqual({ uuid: far.view.model.uuid });
    });

    test("databags are read by the name of their owner", async () => {
      const bags = [];
      for (const entity of ["pg/0", "pg/1", "pg", "web/0"])
        bags.push(await tools.relationGet("db:3", entity));
      expect(bags).toEqual([{ host: "10.0.0.1" }, {}, { version: "16" }, { asked: "yes" }]);
      expect(await tools.relationGet("peers:0", "web")).toEqual({ term: "1" });
    });

    test("what is written arrives whole, is read again, and waits for the end of the hook", async () => {
      const values = { plain: "1", text: "a=b\n'\"$(id) ü", long: "x".repeat(300_000), asked: "" };
      await tools.relationSet("db:3", "unit", values);
      await tools.relationSet("db:3", "app", { leader: "me" });
      expect(far.buffer.changes.relations[3]).toEqual({ unit: values, application: { leader: "me" } });
      const { asked: _, ...kept } = values;
      expect(await tools.relationGet("db:3", "web/0")).toEqual(kept);
    });

    test("an unknown relation is told from other failures", async () => {
      await expect(tools.relationList("db:99")).rejects.toThrow(RelationNotFound);
      await expect(tools.relationGet("db:99", "pg/0")).rejects.toThrow(RelationNotFound);
      await expect(tools.relationModel("db:99")).rejects.toThrow(RelationNotFound);
      await expect(tools.relationSet("db:99", "unit", { a: "b" })).rejects.toThrow(RelationNotFound);
    });

    test("a databag that is not this unit's to read is refused", async () => {
      await expect(tools.relationGet("db:3", "other/0")).rejects.toThrow(PermissionDenied);
      await expect(tools.relationGet("db:3", "other")).rejects.toThrow(PermissionDenied);
      await reconnect("config-changed", { leader: false });
      await expect(tools.relationGet("db:3", "web")).rejects.toThrow(PermissionDenied);
      expect(await tools.relationGet("peers:0", "web")).toEqual({ term: "1" });
    });

    test("only the leader writes for its application", async () => {
      await reconnect("config-changed", { leader: false });
      expect(await tools.isLeader()).toBe(false);
      await expect(tools.relationSet("db:3", "app", { a: "b" })).rejects.toThrow(NotLeader);
      await expect(tools.setStatus("app", { status: "active", message: "" })).rejects.toThrow(NotLeader);
      await expect(tools.status("app")).rejects.toThrow(NotLeader);
      await expect(tools.secretAdd({ token: "abc" }, { owner: "application" })).rejects.toThrow(NotLeader);
      expect([worldOfFar(far).appStatus, far.buffer.changes.relations, far.buffer.changes.secrets]).toEqual([
        "unknown",
        {},
        [],
      ]);
    });

    test("options have their types, and nothing where there is nothing", async () => {
      expect(await tools.config()).toEqual({
        port: 80,
        greeting: given.config?.["greeting"],
        verbose: false,
      });
    });

    test("statuses show at once", async () => {
      expect(await tools.status("unit")).toEqual({ status: "waiting", message: "for a friend" });
      await tools.setStatus("unit", { status: "blocked", message: "--help: 'me' = $HOME" });
      await tools.setStatus("app", { status: "active", message: "" });
      expect([worldOfFar(far).status, worldOfFar(far).appStatus]).toEqual([
        "blocked: --help: 'me' = $HOME",
        "active",
      ]);
      expect(await tools.status("unit")).toEqual({ status: "blocked", message: "--help: 'me' = $HOME" });
      expect(await tools.status("app")).toEqual({ status: "active", message: "" });
    });

    test("version, leadership, goal state", async () => {
      await tools.setWorkloadVersion("1.36.3");
      expect(worldOfFar(far).workloadVersion).toBe("1.36.3");
      expect(await tools.isLeader()).toBe(true);
      expect(Object.keys((await tools.goalState()).units ?? {})).toEqual(["web/0", "web/1"]);
    });

    test("a log line arrives as it is", async () => {
      const { exitCode } = await tools.log("WARNING", "--level ERROR\nsecond 'line'");
      expect([exitCode, far.effects.logged]).toEqual([
        0,
        [{ level: "warning", text: "--level ERROR\nsecond 'line'" }],
      ]);
    });

    test("addresses", async () => {
      expect(await tools.unitAddress("private-address")).toBe("192.0.2.0");
      expect(await tools.unitAddress("public-address")).toBe("192.0.2.0");
      expect(await tools.network("db")).toMatchObject({ "ingress-addresses": ["192.0.2.0"] });
      expect(await tools.network("db", "db:3")).toMatchObject({ "ingress-addresses": ["192.0.2.0"] });
      await expect(tools.network("nope")).rejects.toThrow('no network config found for binding "nope"');
    });

    test("ports open and close at the end of the hook", async () => {
      await tools.openPort("6443/tcp");
      await tools.closePort("80/tcp");
      expect(await tools.openedPorts()).toEqual(["80/tcp"]);
      expect(far.buffer.changes.ports).toMatchObject({
        open: [{ from: 6443, protocol: "tcp" }],
        close: [{ from: 80 }],
      });
      await expect(tools.openPort("99999/tcp")).rejects.toThrow(ToolError);
    });

    test("a resource has a path, or was never uploaded", async () => {
      expect(await tools.resource("package")).toBe("/srv/package.tar");
      await expect(tools.resource("missing")).rejects.toThrow(/could not download resource: .*not found/);
    });

    test("storage is listed and has a place; what is not attached has none", async () => {
      expect(await tools.storageList("data")).toEqual(["data/1"]);
      expect(await tools.storageGet("data/1")).toEqual({ kind: "filesystem", location: "/srv/data/1" });
      await expect(tools.storageGet("data/0")).rejects.toThrow('storage "data/0" not found');
    });

    test("more storage is asked for at the end of the hook", async () => {
      await tools.storageAdd("data", 1);
      expect(far.buffer.changes.storage).toEqual([{ name: "data", count: 1 }]);
      await expect(tools.storageAdd("data", 0)).rejects.toThrow(ToolError);
    });

    test("the cloud's credential is for applications that are trusted", async () => {
      await expect(tools.credential()).rejects.toThrow("cannot access cloud credentials");
    });

    test("a new secret is readable in its hook, and its content was no argument", async () => {
      const content = { password: "a=b\n'\"$HOME ü", token: "x".repeat(200_000) };
      const id = await tools.secretAdd(content, { owner: "application", label: "fresh", rotate: "daily" });
      expect(id).toMatch(/^secret:[0-9a-z]{20}$/);
      expect(await tools.secretGet({ id })).toEqual(content);
      expect(far.buffer.changes.secrets).toMatchObject([
        { kind: "add", owner: "application", label: "fresh", rotate: "daily" },
      ]);
    });

    test("a reader keeps its revision until it asks for the latest", async () => {
      expect(await tools.secretGet({ id: remoteSecret })).toEqual({ password: "old" });
      expect(await tools.secretGet({ id: remoteSecret, read: "peek" })).toEqual({ password: "new" });
      expect(await tools.secretGet({ id: remoteSecret })).toEqual({ password: "old" });
      expect(await tools.secretGet({ id: `secret:${remoteSecret}`, read: "refresh" })).toEqual({
        password: "new",
      });
    });

    test("an owner describes, changes, grants, revokes and removes", async () => {
      expect(await tools.secretInfo({ label: "mine" })).toMatchObject({
        id: ownSecret,
        revision: 2,
        owner: "application",
      });
      expect(await tools.secretIds()).toEqual([ownSecret]);
      await tools.secretSet(ownSecret, { token: "def" }, { description: "d" });
      await tools.secretGrant(ownSecret, "db:3", "pg/0");
      await tools.secretRevoke(ownSecret, { unit: "pg/0" });
      await tools.secretRemove(ownSecret, 1);
      expect(far.buffer.changes.secrets.map(({ kind }) => kind)).toEqual([
        "set",
        "grant",
        "revoke",
        "remove",
      ]);
    });

    test.each([
      ["a relation's", { relation: "db:3" }],
      ["an application's", { app: "pg" }],
      ["a unit's", { unit: "pg/0" }],
    ])("%s grant is taken back, and a secret goes with all its revisions", async (_, from) => {
      await tools.secretRevoke(ownSecret, from);
      await tools.secretRemove(ownSecret);
      expect(far.buffer.changes.secrets).toEqual([
        expect.objectContaining({ kind: "revoke", id: ownSecret }),
        { kind: "remove", id: ownSecret },
      ]);
    });

    test("a secret is found by its label, also one that its reader gave it", async () => {
      expect(await tools.secretGet({ label: "mine" })).toEqual({ token: "abc" });
      expect(await tools.secretGet({ id: remoteSecret, label: "theirs" })).toEqual({ password: "old" });
    });

    test.each([
      ["an id", { id: "nosuchsecret00000000" }],
      ["a label", { label: "nosuch" }],
    ])("a secret that is not there is named so, by %s", async (_, by) => {
      await expect(tools.secretGet(by)).rejects.toThrow(SecretNotFound);
      await expect(tools.secretInfo(by)).rejects.toThrow(SecretNotFound);
    });

    test("an action has parameters with defaults, results, a log and an end", async () => {
      await reconnect({ action: "backup" });
      expect(await tools.actionParams()).toEqual({ target: "local" });
      await tools.actionSet({ "a.b": "1", text: "x=y\n'z'" });
      await tools.actionLog("--half way");
      await tools.actionFail("no disk");
      expect(far.buffer.action).toEqual({ results: { a: { b: "1" }, text: "x=y\n'z'" }, failed: "no disk" });
      expect(far.effects.actionLines).toEqual(["--half way"]);
    });

    test("outside an action there is none", async () => {
      await expect(tools.actionParams()).rejects.toThrow("not running an action");
    });

    test("a reboot is noted for the end of the hook", async () => {
      await tools.reboot({ now: false });
      expect(far.buffer.changes.reboot).toBe("after");
      await tools.reboot({ now: true });
      expect(far.buffer.changes.reboot).toBe("now");
      await reconnect({ action: "backup" });
      await expect(tools.reboot({ now: true })).rejects.toThrow("not supported when running an action");
    });

    test("many calls at once are served one after another", async () => {
      const texts = Array.from({ length: 8 }, (_, n) => `line ${n}`);
      await Promise.all(texts.map((text) => tools.log("INFO", text)));
      expect(far.effects.logged.map(({ text }) => text)).toEqual(texts);
    });

    // The last one: it looks back at the others.
    test("no tool of the port is left out here", () => {
      const port = Object.getOwnPropertyNames(HookTools.prototype).filter((name) => name !== "constructor");
      expect(port.filter((name) => !called.has(name))).toEqual([]);
    });
  });
}

/** The same tools; `called` gets the names of those that are used. */
function watched(tools: HookTools, called: Set<string>): HookTools {
  return new Proxy(tools, {
    get(target, name) {
      const tool: unknown = Reflect.get(target, name);
      if (typeof tool !== "function") return tool;
      called.add(String(name));
      return tool.bind(target) as unknown;
    },
  });
}

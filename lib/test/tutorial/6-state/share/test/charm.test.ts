import { expect, test } from "vitest";
import { dispatcher } from "@cantrip/lib/testing";
import { MemoryMachine } from "../../machine/memory.ts";
import { ShareCharm } from "../src/charm.ts";

const dispatch = dispatcher(new URL("..", import.meta.url));

test("the public directory is served", async () => {
  const machine = new MemoryMachine();
  const then = await dispatch(ShareCharm, "install", {}, { fakes: machine });
  expect(machine.directories).toEqual(new Set(["/srv/share/public"]));
  expect(machine.services).toEqual(new Set(["rsync"]));
  expect([then.status, then.openPorts]).toEqual(["active", ["873/tcp"]]);
});

test("options get into the daemon's configuration", async () => {
  const machine = new MemoryMachine();
  const given = { config: { comment: "Photos", "max-connections": 3 } };
  await dispatch(ShareCharm, "config-changed", given, { fakes: machine });
  expect(machine.files.get("/etc/rsyncd.conf")).toMatch(/^max connections = 3\n[^]*\ncomment = Photos\n/);
});

test.each([
  [{ comment: "two\nlines" }, "comment: expected one line"],
  [{ "max-connections": -1 }, "max-connections: expected 0 or more, got -1"],
])("an option that makes no sense blocks the unit: %o", async (config, reason) => {
  const machine = new MemoryMachine();
  const then = await dispatch(ShareCharm, "config-changed", { config }, { fakes: machine });
  expect(then.status).toBe(`blocked: Invalid config: ${reason}`);
  expect(machine.files.size).toBe(0);
});

const withBackup = {
  relations: [{ endpoint: "clients", app: "backup", appData: { access: "write" } }],
};

test("an application that asks gets a module of its own", async () => {
  const machine = new MemoryMachine();
  const given = { leader: true, ...withBackup };
  const then = await dispatch(ShareCharm, "clients-relation-changed", given, { fakes: machine });
  expect(then.relations[0]?.ownUnitData).toEqual({ address: "192.0.2.0", port: "873", module: "backup" });
  expect(machine.files.get("/etc/rsyncd.conf")).toContain(
    "[backup]\npath = /srv/share/backup\nread only = false\n",
  );
  expect(then.status).toBe("active");
});

test("its password is in a secret that only it can read", async () => {
  const machine = new MemoryMachine();
  const given = { leader: true, ...withBackup };
  const then = await dispatch(ShareCharm, "clients-relation-changed", given, { fakes: machine });
  const [secret] = then.secrets;
  expect(secret).toMatchObject({ owner: "application", rotate: "monthly", grants: [{ relation: 0 }] });
  expect(then.relations[0]?.ownAppData).toEqual({ "secret-id": `secret:${secret?.id}` });
  expect(machine.files.get("/etc/rsyncd.secrets")).toBe(`backup:${secret?.content["password"]}\n`);
  expect(machine.modes.get("/etc/rsyncd.secrets")).toBe(0o600);
});

test("the password stays, until it is time for another", async () => {
  const machine = new MemoryMachine();
  const given = { leader: true, ...withBackup };
  const first = await dispatch(ShareCharm, "clients-relation-changed", given, { fakes: machine });
  const second = await dispatch(ShareCharm, "config-changed", first, { fakes: machine });
  expect(second.secrets).toEqual(first.secrets);
  const third = await dispatch(ShareCharm, "secret-rotate", second, { fakes: machine });
  const password = third.secrets[0]?.content["password"];
  expect(password).not.toBe(first.secrets[0]?.content["password"]);
  expect(machine.files.get("/etc/rsyncd.secrets")).toBe(`backup:${password}\n`);
});

test("a password that nobody uses any more is removed", async () => {
  const machine = new MemoryMachine();
  const given = { leader: true, ...withBackup };
  const first = await dispatch(ShareCharm, "clients-relation-changed", given, { fakes: machine });
  const rotated = await dispatch(ShareCharm, "secret-rotate", first, { fakes: machine });
  const event = { hook: "secret-remove", secret: rotated.secrets[0]!.id, revision: 1 };
  const last = await dispatch(ShareCharm, event, rotated, { fakes: machine });
  expect([rotated.secrets[0]?.obsolete, last.secrets[0]?.obsolete]).toEqual([[1], undefined]);
});

test("a client's secret goes with the client", async () => {
  const machine = new MemoryMachine();
  const given = { leader: true, ...withBackup };
  const first = await dispatch(ShareCharm, "clients-relation-changed", given, { fakes: machine });
  const last = await dispatch(ShareCharm, "clients-relation-broken", first, { fakes: machine });
  expect([first.secrets.length, last.secrets.length]).toEqual([1, 0]);
  expect(machine.files.get("/etc/rsyncd.secrets")).toBe("");
});

test("a unit that is not the leader makes no secret, and serves the client later", async () => {
  const machine = new MemoryMachine();
  const then = await dispatch(ShareCharm, "clients-relation-changed", withBackup, { fakes: machine });
  expect(then.secrets).toEqual([]);
  expect(machine.files.get("/etc/rsyncd.conf")).not.toContain("[backup]");
});

test("an action tells what a client stores", async () => {
  const machine = new MemoryMachine();
  await machine.write("/srv/share/backup/a", "12345");
  await machine.write("/srv/share/backup/b/c", "67890");
  const event = { action: "usage", params: { client: "backup", unit: "B" } };
  const { action } = await dispatch(ShareCharm, event, withBackup, { fakes: machine });
  expect(action?.results).toEqual({ files: "2", size: "10 B" });
});

test.each([
  ["other", '"other" has no share here'],
  ["backup/0", 'Error in action parameters: client: expected an application, got the unit "backup/0"'],
])("an action says why it fails: %s", async (client, failure) => {
  const event = { action: "usage", params: { client } };
  const { action } = await dispatch(ShareCharm, event, withBackup, { fakes: new MemoryMachine() });
  expect(action).toMatchObject({ failure, results: {} });
});

test("one client that cannot be understood does not stop the others", async () => {
  const machine = new MemoryMachine();
  const relations = [
    { endpoint: "clients", app: "odd", appData: { access: "all" } },
    { endpoint: "clients", app: "backup", appData: { access: "read" } },
  ];
  const then = await dispatch(ShareCharm, "config-changed", { relations }, { fakes: machine });
  expect(then.status).toBe('blocked: fix what odd sends in clients:0: "access": expected one of read, write');
  expect(then.relations[1]?.ownUnitData["module"]).toBe("backup");
});

test("the welcome is written once, and may be removed", async () => {
  const machine = new MemoryMachine();
  const first = await dispatch(ShareCharm, "install", {}, { fakes: machine });
  expect(machine.files.has("/srv/share/public/README")).toBe(true);
  await machine.remove("/srv/share/public/README");
  await dispatch(ShareCharm, "config-changed", first, { fakes: machine });
  expect(machine.files.has("/srv/share/public/README")).toBe(false);
});

test("after an upgrade the daemon is restarted, as soon as nobody copies", async () => {
  const machine = new MemoryMachine();
  machine.busy.add("rsync");
  const first = await dispatch(ShareCharm, "upgrade-charm", {}, { fakes: machine });
  const second = await dispatch(ShareCharm, "update-status", first, { fakes: machine });
  expect([second.deferred.length, machine.restarted]).toEqual([1, []]);
  machine.busy.clear();
  const third = await dispatch(ShareCharm, "update-status", second, { fakes: machine });
  expect([third.deferred.length, machine.restarted]).toEqual([0, ["rsync"]]);
});

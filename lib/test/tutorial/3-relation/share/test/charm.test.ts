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

test("an application that asks gets a module of its own", async () => {
  const machine = new MemoryMachine();
  const given = { relations: [{ endpoint: "clients", app: "backup", appData: { access: "write" } }] };
  const then = await dispatch(ShareCharm, "clients-relation-changed", given, { fakes: machine });
  expect(then.relations[0]?.ownUnitData).toEqual({ address: "192.0.2.0", port: "873", module: "backup" });
  expect(machine.files.get("/etc/rsyncd.conf")).toContain(
    "[backup]\npath = /srv/share/backup\nread only = false\n",
  );
  expect(then.status).toBe("active");
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

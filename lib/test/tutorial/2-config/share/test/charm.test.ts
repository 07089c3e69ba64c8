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
  expect(machine.files.get("/etc/rsyncd.conf")).toMatch(
    /^max connections = 3\n\[public\]\ncomment = Photos\n/,
  );
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

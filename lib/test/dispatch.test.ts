import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UnpackedCharm } from "./harness/unpacked.ts";

describe("a packed charm", () => {
  let charm: UnpackedCharm;
  beforeAll(async () => {
    charm = await UnpackedCharm.of("greeter");
  });
  afterAll(() => charm.remove());

  test("says so where there is no runtime", async () => {
    const { exitCode, stderr } = await charm.dispatch("install");
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringContaining("dispatch: no JavaScript runtime: neither"),
    ]);
    charm.linkRuntime();
  });

  test("runs its hooks by dispatch, tools and all", async () => {
    const given = {
      config: { greeting: "hello" },
      relations: [{ endpoint: "guests", units: { "guest/0": {} } }],
    };
    const { exitCode, stderr, world, buffer, effects } = await charm.dispatch(
      "guests-relation-joined",
      given,
    );
    expect([exitCode, stderr, world.status]).toEqual([0, "", "active"]);
    expect(buffer.changes.relations[0]?.unit).toEqual({ greeting: "hello" });
    expect(effects.logged).toEqual([{ level: "debug", text: "guests:0: converged: active" }]);
  });

  test("runs its actions", async () => {
    const { exitCode, buffer } = await charm.dispatch({ action: "greet" }, { config: { greeting: "hello" } });
    expect([exitCode, buffer.action]).toEqual([0, { results: { said: "hello world" } }]);
  });

  test("keeps its compiled code below its own directory", () => {
    expect(readdirSync(join(charm.dir, ".cache", "compiled"))).not.toEqual([]);
  });

  test.each([
    "no-such-hook",
    "gone-relation-changed",
    "collect-metrics",
    "gone-storage-attached",
    "__proto__",
  ])("leaves an event alone that it does not define: %s", async (hook) => {
    const { exitCode, stderr, calls } = await charm.dispatch(
      "update-status",
      {},
      { JUJU_DISPATCH_PATH: `hooks/${hook}` },
    );
    expect([exitCode, stderr, calls]).toEqual([0, "", []]);
  });

  test("says which variable no agent would set so, in one line", async () => {
    const { exitCode, stderr, calls } = await charm.dispatch("install", {}, { JUJU_UNIT_NAME: "foo" });
    expect([exitCode, stderr, calls]).toEqual([
      1,
      'Cannot dispatch: JUJU_UNIT_NAME is "foo", expected "application/number"; a charm\'s program is started by its unit agent, through "dispatch"\n',
      [],
    ]);
  });

  test("runs a hook of an older style first, and not itself by it", async () => {
    mkdirSync(join(charm.dir, "hooks"));
    writeFileSync(
      join(charm.dir, "hooks", "install"),
      '#!/bin/sh\necho "old hook" && ./dispatch && echo "still here" && exit 3\n',
      { mode: 0o755 },
    );
    const { exitCode, stdout, calls } = await charm.dispatch("install");
    expect([exitCode, stdout, calls]).toEqual([3, "old hook\nstill here\n", []]);
  });
});

describe("a charm in which everything goes wrong", () => {
  let charm: UnpackedCharm;
  const stateFile = (): string => join(charm.dir, ".unit-state.json");
  beforeAll(async () => {
    charm = await UnpackedCharm.of("wild");
    charm.linkRuntime();
  });
  afterAll(() => charm.remove());

  test("fails the hook with what was thrown, in the log and on stderr, and keeps nothing", async () => {
    const { exitCode, stderr, effects } = await charm.dispatch("install");
    expect(exitCode).toBe(1);
    for (const text of [stderr, effects.logged[0]?.text]) {
      expect(text).toMatch(/^Uncaught in hooks\/install: Error: boom\n/);
      expect(text).toContain("Caused by: Error: the fuse");
    }
    expect(effects.logged.map(({ level }) => level)).toEqual(["error"]);
    expect(existsSync(stateFile())).toBe(false);
  });

  test("fails the hook with what nobody awaited", async () => {
    // At once: what it awaits itself takes longer than this test may.
    const { exitCode, stderr } = await charm.dispatch("start");
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("nobody awaits this")]);
  });

  test("ends as it says itself, keeping nothing", async () => {
    const { exitCode, stderr } = await charm.dispatch("config-changed");
    expect([exitCode, stderr, existsSync(stateFile())]).toEqual([0, "", false]);
  });

  test("stores what it wants to find again, and a timer does not hold it up", async () => {
    await charm.dispatch("update-status");
    const { exitCode } = await charm.dispatch("update-status");
    expect(exitCode).toBe(0);
    expect(JSON.parse(readFileSync(stateFile(), "utf8"))).toEqual({
      schema: 1,
      values: { seen: 2 },
      notices: [],
    });
  });

  test("logs long lines in parts, in order", async () => {
    const { exitCode, effects } = await charm.dispatch("leader-elected");
    expect([exitCode, effects.logged.map(({ level }) => level)]).toEqual([
      0,
      ["debug", "debug", "warning", "warning"],
    ]);
    expect(effects.logged.map(({ text }) => text).join("")).toBe(
      `debug ${"ü".repeat(100_000)}warning ${"ü".repeat(100_000)}`,
    );
  });

  test("is told when its arguments are too long for a process", async () => {
    const { exitCode, stderr, world } = await charm.dispatch("stop");
    expect([exitCode, world.status]).toEqual([1, "unknown"]);
    expect(stderr).toContain("status-set exited with 126: its arguments are too long for one call");
  });

  test("fails an action as a hook", async () => {
    const { exitCode, stderr } = await charm.dispatch({ action: "break" });
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringContaining("Uncaught in actions/break: TypeError: no such thing"),
    ]);
  });
});

test("a charm with its runtime in it runs where there is none", async () => {
  const charm = await UnpackedCharm.of("minimal", { runtime: "bundled" });
  const { exitCode, world } = await charm.dispatch("config-changed");
  charm.remove();
  expect([exitCode, world.status]).toEqual([0, "active: hello"]);
}, 120_000);

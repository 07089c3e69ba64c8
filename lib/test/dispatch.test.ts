import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
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

  describe("says which variable no agent would set so, in one line", () => {
    const complaint =
      'Cannot dispatch: JUJU_UNIT_NAME is "foo", expected "application/number"; a charm\'s program is started by its unit agent, through "dispatch"';

    test("in the log, once", async () => {
      const { exitCode, stderr, effects } = await charm.dispatch("install", {}, { JUJU_UNIT_NAME: "foo" });
      expect([exitCode, stderr, effects.logged]).toEqual([1, "", [{ level: "error", text: complaint }]]);
    });

    test("on stderr, too, for an operator who waits for an action", async () => {
      const changes = { JUJU_UNIT_NAME: "foo" };
      const { exitCode, stderr, effects } = await charm.dispatch({ action: "greet" }, {}, changes);
      expect([exitCode, stderr, effects.logged.length]).toEqual([1, `${complaint}\n`, 1]);
    });

    test("on stderr where there is no log", async () => {
      const changes = { JUJU_UNIT_NAME: "foo", PATH: "/usr/bin:/bin" };
      const { exitCode, stderr, calls } = await charm.dispatch("install", {}, changes);
      expect([exitCode, stderr, calls]).toEqual([1, `${complaint}\n`, []]);
    });
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

  test("fails the hook with what was thrown, once in the log, and keeps nothing", async () => {
    const { exitCode, stderr, effects } = await charm.dispatch("install");
    expect([exitCode, stderr, effects.logged.length]).toEqual([1, "", 1]);
    expect(effects.logged[0]?.level).toBe("error");
    expect(effects.logged[0]?.text).toMatch(
      /^Uncaught in hooks\/install: Error: boom\n +at [^\n]*\(src\/main\.ts:10:13\)\n[^]*Caused by: Error: the fuse\n +at [^\n]*\(src\/main\.ts:10:40\)/,
    );
    expect(effects.logged[0]?.text).toContain("Caused by: Error: the fuse");
    expect(existsSync(stateFile())).toBe(false);
  });

  test.each(["", "{", '{"version": 3}', "[]"])("reports also with %j for a source map", async (garbage) => {
    const map = join(charm.dir, "charm.mjs.map");
    const whole = readFileSync(map);
    writeFileSync(map, garbage);
    const { effects } = await charm.dispatch("install");
    writeFileSync(map, whole);
    expect(effects.logged[0]?.text).toMatch(
      /^Uncaught in hooks\/install: Error: boom\n +at [^]*charm\.mjs:\d+:\d+/,
    );
  });

  test("fails the hook with what its stored state is, if that cannot be read, once in the log", async () => {
    writeFileSync(stateFile(), "{");
    const { exitCode, stderr, effects } = await charm.dispatch("install");
    rmSync(stateFile());
    expect([exitCode, stderr, effects.logged.length]).toEqual([1, "", 1]);
    expect(effects.logged[0]?.text).toMatch(
      /^Uncaught in hooks\/install: Error: Cannot read [^]*Caused by: SyntaxError/,
    );
  });

  test("says on stderr what does not reach the log", async () => {
    const { stderr } = await charm.dispatch("install", {}, { PATH: "/usr/bin:/bin" });
    expect(stderr).toMatch(
      /^juju-log exited with 127 \(no "juju-log" on PATH.*\) on: Uncaught in hooks\/install: Error: boom\n[^]*the fuse/,
    );
  });

  test("fails the hook with what nobody awaited", async () => {
    // At once: what it awaits itself takes longer than this test may.
    const { exitCode, effects } = await charm.dispatch("start");
    expect([exitCode, effects.logged.length]).toEqual([1, 1]);
    expect(effects.logged[0]?.text).toMatch(/^Uncaught in hooks\/start: Error: nobody awaits this\n +at /);
  });

  test("fails the hook with all that nobody awaited, each once", async () => {
    const { exitCode, effects } = await charm.dispatch("leader-settings-changed");
    expect([exitCode, effects.logged.map(({ text }) => text.split("\n")[0])]).toEqual([
      1,
      ["one", "two"].map(
        (port) =>
          `Uncaught in hooks/leader-settings-changed: ToolError: open-port exited with 2: invalid port "${port}"`,
      ),
    ]);
  });

  test("ends when what nobody awaited has ended, tools, events and all", async () => {
    const { exitCode, stderr, world, buffer } = await charm.dispatch("upgrade-charm");
    expect([exitCode, stderr, world.workloadVersion]).toEqual([0, "", "2"]);
    expect(buffer.changes.secrets).toMatchObject([{ kind: "add", description: "for later" }]);
    expect(JSON.parse(readFileSync(stateFile(), "utf8"))).toMatchObject({ values: { version: "2" } });
    rmSync(stateFile());
  });

  test("ends as it says where nobody listens, when the rest has ended", async () => {
    const { exitCode, world } = await charm.dispatch({ action: "leave" });
    expect([exitCode, world.status]).toEqual([3, "active: left"]);
  });

  test("fails a hook that waits for what can never come, and says which", async () => {
    const { exitCode, effects } = await charm.dispatch("remove");
    expect(exitCode).toBe(1);
    expect(effects.logged[0]?.text).toContain(
      'UnendedWork: Cannot end this dispatch: "remove" waits for what can no longer come',
    );
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
    const { exitCode, effects, world } = await charm.dispatch("stop");
    expect([exitCode, world.status]).toEqual([1, "unknown"]);
    expect(effects.logged[0]?.text).toContain(
      "status-set exited with 126: its arguments are too long for one call",
    );
  });

  test("fails an action as a hook", async () => {
    const { exitCode, stderr } = await charm.dispatch({ action: "break" });
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringContaining("Uncaught in actions/break: TypeError: no such thing"),
    ]);
  });

  test("tells an error whole whose causes lead back to it, and what is no error", async () => {
    const { exitCode, stderr } = await charm.dispatch({ action: "circle" });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(
      /^Uncaught in actions\/circle: AggregateError: the real reason\n +at [^]*\n- \{ code: 7 \}\n- \[Object: null prototype\] \{\}\n- AggregateError: the real reason \(as above\)\nCaused by: Error: the fuse\n[^]*Caused by: AggregateError: the real reason \(as above\)\n$/,
    );
  });

  test("removes what a hook that was killed left of the contents of secrets", async () => {
    const left = join(charm.dir, ".secret-contents", "secret-abc");
    mkdirSync(left, { recursive: true });
    writeFileSync(join(left, "0"), "hunter2");
    await charm.dispatch("update-status");
    expect(existsSync(join(charm.dir, ".secret-contents"))).toBe(false);
  });
});

test("a charm with its runtime in it runs where there is none", async () => {
  const charm = await UnpackedCharm.of("minimal", { runtime: "bundled" });
  const { exitCode, world } = await charm.dispatch("config-changed");
  charm.remove();
  expect([exitCode, world.status]).toEqual([0, "active: hello"]);
}, 120_000);

import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { UnpackedCharm } from "./harness/unpacked.ts";

const given = { config: { greeting: "hello" } };
let charm: UnpackedCharm;

beforeAll(async () => {
  charm = await UnpackedCharm.of("minimal");
  charm.linkRuntime();
});
afterEach(() => {
  for (const folder of ["hooks", "actions"])
    rmSync(join(charm.dir, folder), { recursive: true, force: true });
});
afterAll(() => charm.remove());

function place(path: string): string {
  const place = join(charm.dir, path);
  mkdirSync(join(place, ".."), { recursive: true });
  return place;
}
const script = (path: string, ...lines: string[]): void =>
  writeFileSync(place(path), ["#!/bin/sh", ...lines, ""].join("\n"), { mode: 0o755 });
const link = (path: string, target: string): void => symlinkSync(target, place(path));
const toolsOf = (calls: readonly (readonly string[])[]): unknown => calls.map(([tool]) => tool);

describe("a hook of an older style", () => {
  test("runs before the handlers, with the hook tools, in the charm's directory", async () => {
    script("hooks/config-changed", "pwd", 'status-set maintenance "$JUJU_HOOK_NAME by hand"');
    const { exitCode, stdout, effects, calls } = await charm.dispatch("config-changed", given);
    expect([exitCode, stdout]).toEqual([0, `${charm.dir}\n`]);
    expect(effects.statusHistory).toEqual(["maintenance: config-changed by hand", "active: hello"]);
    expect(toolsOf(calls)).toEqual(["status-set", "config-get", "status-set"]);
  });

  test("may call its own framework by dispatch, which is not run twice", async () => {
    script("hooks/config-changed", './dispatch && echo "still here"');
    const { exitCode, stdout, calls } = await charm.dispatch("config-changed", given);
    expect([exitCode, stdout, toolsOf(calls)]).toEqual([0, "still here\n", ["config-get", "status-set"]]);
  });

  test("ends the dispatch by its failure, with its exit code", async () => {
    script("hooks/config-changed", "exit 3");
    const { exitCode, calls } = await charm.dispatch("config-changed", given);
    expect([exitCode, calls]).toEqual([3, []]);
  });

  test("that is killed fails the dispatch, which says so", async () => {
    script("hooks/config-changed", "kill -KILL $$");
    const { exitCode, stderr, effects } = await charm.dispatch("config-changed", given);
    expect([exitCode, stderr, effects.logged.length]).toEqual([1, "", 1]);
    expect(effects.logged[0]?.text).toMatch(
      /^Uncaught in hooks\/config-changed: Error: Cannot go on after hooks\/config-changed of the charm: ended by SIGKILL\n +at /,
    );
  });

  test("that cannot be run fails the dispatch, which says so", async () => {
    writeFileSync(place("hooks/config-changed"), "#!/no/such/interpreter\n", { mode: 0o755 });
    const { exitCode, stderr, effects } = await charm.dispatch("config-changed", given);
    expect([exitCode, stderr, effects.logged.length]).toEqual([1, "", 1]);
    expect(effects.logged[0]?.text).toContain("Cannot run hooks/config-changed of the charm: ");
  });

  test("of another event is left alone", async () => {
    script("hooks/install", "exit 3");
    expect((await charm.dispatch("config-changed", given)).exitCode).toBe(0);
  });

  test("runs alone for an event that the charm does not observe", async () => {
    script("hooks/update-status", "status-set active");
    const { exitCode, calls } = await charm.dispatch("update-status", given);
    expect([exitCode, toolsOf(calls)]).toEqual([0, ["status-set"]]);
  });

  test.each([
    ["that is not executable", () => writeFileSync(place("hooks/config-changed"), "#!/bin/sh\nexit 3\n")],
    ["that is a directory", () => mkdirSync(place("hooks/config-changed"))],
    ["that is a link to dispatch", () => link("hooks/config-changed", "../dispatch")],
    ["that is a link to nothing", () => link("hooks/config-changed", "gone")],
  ])("%s is none", async (_, make) => {
    make();
    const { exitCode, stderr, world, calls } = await charm.dispatch("config-changed", given);
    expect([exitCode, stderr, world.status]).toEqual([0, "", "active: hello"]);
    expect(toolsOf(calls)).toEqual(["config-get", "status-set"]);
  });

  test("may be an action's, too", async () => {
    script("actions/backup", 'echo "task $JUJU_ACTION_UUID"');
    const { exitCode, stdout } = await charm.dispatch("update-status", given, {
      JUJU_DISPATCH_PATH: "actions/backup",
      JUJU_ACTION_UUID: "7",
    });
    expect([exitCode, stdout]).toEqual([0, "task 7\n"]);
  });
});

describe("an agent that starts hooks/NAME itself", () => {
  test("runs the handlers once through a link to dispatch", async () => {
    link("hooks/config-changed", "../dispatch");
    const { exitCode, world, calls } = await charm.dispatch(
      "config-changed",
      given,
      {},
      "hooks/config-changed",
    );
    expect([exitCode, world.status, toolsOf(calls)]).toEqual([
      0,
      "active: hello",
      ["config-get", "status-set"],
    ]);
  });

  test("runs the handlers once where there is no dispatch", async () => {
    renameSync(join(charm.dir, "dispatch"), place("hooks/config-changed"));
    const { exitCode, world, calls } = await charm.dispatch(
      "config-changed",
      given,
      {},
      "hooks/config-changed",
    );
    renameSync(place("hooks/config-changed"), join(charm.dir, "dispatch"));
    expect([exitCode, world.status, toolsOf(calls)]).toEqual([
      0,
      "active: hello",
      ["config-get", "status-set"],
    ]);
  });
});

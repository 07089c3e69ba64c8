import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { HookTools, ToolError, processTools } from "@cantrip/lib";

let bin: string;
beforeEach(() => {
  bin = mkdtempSync(join(tmpdir(), "tools-"));
});
afterEach(() => rmSync(bin, { recursive: true }));

const script = (tool: string, ...lines: string[]): void =>
  writeFileSync(join(bin, tool), ["#!/bin/sh", ...lines, ""].join("\n"), { mode: 0o755 });
const tools = (options?: { timeoutMs: number }): HookTools =>
  new HookTools(processTools({ PATH: `${bin}:/usr/bin:/bin` }, options));

async function failure(call: Promise<unknown>): Promise<ToolError> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ToolError);
  return error as ToolError;
}

test("a tool that is not there is named, with where tools are", async () => {
  const error = await failure(tools().isLeader());
  expect(error).toMatchObject({ exitCode: 127, argv: ["is-leader", "--format=json"] });
  expect(error.message).toBe(
    'is-leader exited with 127: no "is-leader" on PATH: hook tools exist only while the agent runs a hook',
  );
});

test("a tool that is not executable cannot be run", async () => {
  writeFileSync(join(bin, "is-leader"), "#!/bin/sh\n", { mode: 0o644 });
  const error = await failure(tools().isLeader());
  expect(error.message).toBe("is-leader exited with 126: it cannot be run: EACCES");
});

describe("a tool that does not answer", () => {
  test.each([
    ["sleeps", "exec sleep 60"],
    ["will not be ended", "trap '' TERM INT HUP; while :; do sleep 1; done"],
    ["leaves a child with its output open", "sleep 60 & wait"],
  ])("is killed in time, and holds up no other: it %s", async (_, line) => {
    script("config-get", "echo working >&2", line);
    script("is-leader", "echo true");
    const began = performance.now();
    const bounded = tools({ timeoutMs: 300 });
    const [error, leads] = await Promise.all([failure(bounded.config()), bounded.isLeader()]);
    expect(error.exitCode).toBe(124);
    expect(error.message).toBe("config-get exited with 124: it gave no answer within 0.3 s, and was killed");
    expect(error.stderr).toMatch(/^working\n/);
    expect(leads).toBe(true);
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

test.each(["KILL", "TERM", "SEGV"])("a tool that is ended by SIG%s says so", async (signal) => {
  script("status-set", "echo half way >&2", `kill -${signal} $$`);
  const error = await failure(tools().setStatus("unit", { status: "active", message: "" }));
  expect(error.message).toBe(`status-set exited with 126: ended by SIG${signal}`);
  expect(error.stderr).toBe(`half way\nended by SIG${signal}`);
});

test.each([1, 2, 3, 77, 126, 127, 128, 255])(
  "exit code %i is passed on, with the last line",
  async (code) => {
    script("open-port", "echo one >&2", "echo ERROR two >&2", `exit ${code}`);
    const error = await failure(tools().openPort("80/tcp"));
    expect([error.exitCode, error.message]).toEqual([code, `open-port exited with ${code}: two`]);
  },
);

test("a tool that fails without a word is told from one that says why", async () => {
  script("open-port", "exit 9");
  const error = await failure(tools().openPort("80/tcp"));
  expect(error.message).toBe("open-port exited with 9: it printed no reason");
});

test("a tool whose interpreter is missing is told from one that is missing", async () => {
  writeFileSync(join(bin, "is-leader"), "#!/no/such/shell\n", { mode: 0o755 });
  const error = await failure(tools().isLeader());
  expect(error.message).toBe("is-leader exited with 126: it cannot be run: its interpreter is missing");
});

test("a tool that ends well and leaves a child behind has ended well", async () => {
  script("is-leader", "echo true", "sleep 60 &");
  expect(await tools({ timeoutMs: 300 }).isLeader()).toBe(true);
});

test("contents of a secret are handed over in files of the charm's own directory, for one call", async () => {
  script("secret-add", 'echo "$@" >"$(dirname "$0")/seen"', "echo secret:9m4e2mr0ui3e8a215n4g");
  const env = { PATH: `${bin}:/usr/bin:/bin`, JUJU_CHARM_DIR: bin };
  await new HookTools(processTools(env)).secretAdd({ token: "hunter2" }, {});
  const [, path = ""] = /token#file=(\S+)/.exec(readFileSync(join(bin, "seen"), "utf8")) ?? [];
  expect(path.startsWith(join(bin, ".secret-contents", "secret-"))).toBe(true);
  expect([existsSync(path), statSync(join(bin, ".secret-contents")).mode & 0o777]).toEqual([false, 0o700]);
});

describe("a tool that prints garbage", () => {
  test.each([
    ["nothing", "", '""'],
    ["a page", "<html>", '"<html>\\n"'],
    ["half of it", '{"a":', '"{\\"a\\":\\n"'],
  ])("instead of JSON: %s", async (_, text, shown) => {
    script("config-get", text === "" ? "exit 0" : `echo '${text}'`);
    const error = await failure(tools().config());
    expect(error.message).toBe(`config-get exited with 0: expected JSON, got ${shown}`);
  });

  test("bytes that are no text", async () => {
    script("relation-ids", String.raw`printf '\377\376\000'`);
    expect((await failure(tools().relationIds("db"))).message).toContain("expected JSON, got ");
  });

  test("instead of a path or an id", async () => {
    script("resource-get", "exit 0");
    script("secret-add", "echo thanks");
    expect((await failure(tools().resource("package"))).message).toBe(
      'resource-get exited with 0: expected an absolute path, got ""',
    );
    expect((await failure(tools().secretAdd({ token: "abc" }, {}))).message).toBe(
      'secret-add exited with 0: expected the id of a secret, got "thanks\\n"',
    );
  });

  test("never has a secret shown", async () => {
    script("secret-get", "echo 'password: hunter2'");
    const error = await failure(tools().secretGet({ label: "mine" }));
    expect(error.message).toBe(
      "secret-get exited with 0: expected JSON, got 18 characters of something else",
    );
    expect(JSON.stringify(error)).not.toContain("hunter2");
  });
});

describe("a tool that prints much", () => {
  test("is read whole", async () => {
    script("relation-get", `printf '{"long":"'`, "head -c 20000000 /dev/zero | tr '\\0' x", `printf '"}'`);
    expect((await tools().relationGet("db:3", "pg/0"))["long"]).toHaveLength(20_000_000);
  });

  test.each(["", " >&2"])("without end is killed%s", async (where) => {
    script("relation-get", `exec cat /dev/zero${where}`);
    const error = await failure(tools().relationGet("db:3", "pg/0"));
    expect([error.exitCode, error.message]).toEqual([
      126,
      "relation-get exited with 126: it printed more than 64 MiB, and was killed",
    ]);
  });
});

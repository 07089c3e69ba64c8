import { execFile, spawnSync } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import type { Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildHookTool } from "../hooktool/build.ts";
import { serveFrames, type ToolCall } from "../src/agent/frames.ts";

let directory: string;
let server: Server | undefined;
const calls: ToolCall[] = [];
const go = process.env["CANTRIP_GO"] ?? "go";
const skipped = spawnSync(go, ["version"]).status === 0 ? "" : ` (skipped: "${go}" does not run here)`;

/** Saves building it again, where whoever runs the tests may write there. */
function sharedCache(): string | undefined {
  const cache = process.env["CANTRIP_CACHE"];
  if (!cache) return undefined;
  try {
    accessSync(cache, constants.W_OK);
    return cache;
  } catch {
    return undefined;
  }
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "ct-tool-"));
  if (skipped) return;
  const tool = await buildHookTool({ cache: join(sharedCache() ?? directory, "hooktool") });
  for (const name of ["config-get", "relation-set", "juju-exec"]) symlinkSync(tool, join(directory, name));
  server = await serveFrames(join(directory, "agent.socket"), async (call) => {
    calls.push(call);
    if (call.argv.includes("-") && call.stdin === undefined)
      return { stdout: "", stderr: "", exitCode: 0, needStdin: true };
    return {
      stdout: `${call.argv.join(" ")}|${call.stdin ?? ""}\n`,
      stderr: "ERROR a warning\n",
      exitCode: 3,
    };
  });
}, 120_000);
afterAll(() => {
  server?.close();
  rmSync(directory, { recursive: true, force: true });
});

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}
function run(
  name: string,
  args: string[],
  { env = {}, input = "" }: { env?: Record<string, string>; input?: string } = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(join(directory, name), args, { env, cwd: directory }, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
    // A tool that does not want it may have ended before.
    child.stdin?.on("error", () => undefined).end(input);
  });
}
const inHook = () => ({
  JUJU_CONTEXT_ID: "ctx",
  JUJU_AGENT_SOCKET_ADDRESS: join(directory, "agent.socket"),
  JUJU_AGENT_SOCKET_NETWORK: "unix",
});

describe.skipIf(skipped)(`the hook tool${skipped}`, () => {
  test("a tool passes its name, arguments, directory and context, and prints the answer", async () => {
    expect(await run("config-get", ["--format", "json", "a b"], { env: inHook() })).toEqual({
      code: 3,
      stdout: "config-get --format json a b|\n",
      stderr: "ERROR a warning\n",
    });
    expect(calls.at(-1)).toMatchObject({ context: "ctx", cwd: directory });
  });

  test("standard input is read only if it is wanted", async () => {
    expect((await run("relation-set", ["--file", "-"], { env: inHook(), input: "a: ä\n" })).stdout).toBe(
      "relation-set --file -|a: ä\n\n",
    );
    expect((await run("relation-set", ["a=b"], { env: inHook(), input: "unread" })).stdout).toBe(
      "relation-set a=b|\n",
    );
  });

  test.each([
    [{}, "ERROR JUJU_CONTEXT_ID not set\n"],
    [{ JUJU_CONTEXT_ID: "x" }, "ERROR JUJU_AGENT_SOCKET_ADDRESS not set\n"],
  ])("outside a hook it says so", async (env, stderr) => {
    expect(await run("config-get", [], { env })).toEqual({ code: 1, stdout: "", stderr });
  });

  test("an agent that is not there is named", async () => {
    const { code, stderr } = await run("config-get", [], {
      env: { JUJU_CONTEXT_ID: "x", JUJU_AGENT_SOCKET_ADDRESS: "@nobody-listens-here" },
    });
    expect([code, stderr]).toEqual([1, expect.stringContaining("cannot reach the unit agent")]);
  });

  test.each([
    [["--bogus"], 2, "option provided but not defined: --bogus"],
    [["app/0"], 2, "expected: juju-exec [--unit] UNIT COMMAND"],
    [["nobody/0", "true"], 1, 'in the context of "nobody/0"'],
  ])("juju-exec %j exits with %i", async (args, code, text) => {
    expect(await run("juju-exec", args)).toMatchObject({ code, stderr: expect.stringContaining(text) });
  });
});

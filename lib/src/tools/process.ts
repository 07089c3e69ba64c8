import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ToolCall, type ToolResult, type ToolRunner, oneAtATime } from "./runner.ts";

/** A tool prints at most one databag or document; what is larger is not meant for us. */
const mostMiB = 64;

/** How long one tool may take. Agents wait ten minutes for a controller that is away, and a resource is downloaded in its call. */
const toolTimeoutMs = 30 * 60_000;

interface Terms {
  readonly env: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
}

/**
 * The hook tools as the agent offers them: executables on the PATH of `env`. One that does not answer in time is killed. While
 * one runs, nothing else of this process does, timers and requests included: waiting beside it would cost every hook a
 * tenth of its time, for what a tool takes some milliseconds to do.
 */
export function processTools(
  env: NodeJS.ProcessEnv = process.env,
  { timeoutMs = toolTimeoutMs } = {},
): ToolRunner {
  const terms = { env, timeoutMs };
  return oneAtATime({
    run: async (call) => (call.contents ? runWithFiles(call, call.contents, terms) : runTool(call, terms)),
  });
}

/** Where contents of secrets lie for as long as a tool reads them: one folder, so that what a killed hook has left is found. */
const handover = (charmDir: string): string => join(charmDir, ".secret-contents");

/** Removes what a hook that was killed has left of the contents of secrets. */
export const forgetHandedOver = (charmDir: string): void =>
  rmSync(handover(charmDir), { recursive: true, force: true });

/** Files that are readable by root only, for as long as the tool runs. */
function runWithFiles(call: ToolCall, contents: Readonly<Record<string, string>>, terms: Terms): ToolResult {
  const charmDir = terms.env["JUJU_CHARM_DIR"];
  // Where others may write, a name that is known is no place for secrets.
  const place = charmDir === undefined ? (terms.env["TMPDIR"] ?? "/tmp") : handover(charmDir);
  mkdirSync(place, { recursive: true, mode: 0o700 });
  const folder = mkdtempSync(join(place, "secret-"));
  try {
    const args = Object.entries(contents).map(([key, value], n) => contentArgument(folder, key, value, n));
    return runTool({ ...call, argv: [...call.argv, ...args] }, terms);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function contentArgument(folder: string, key: string, value: string, n: number): string {
  const path = join(folder, String(n));
  writeFileSync(path, value, { mode: 0o600 });
  return `${key}#file=${path}`;
}

function runTool({ argv, stdin = "" }: ToolCall, { env, timeoutMs }: Terms): ToolResult {
  const [tool, ...args] = argv;
  if (args.some((arg) => arg.includes("\0")))
    return { argv, exitCode: 126, stdout: "", stderr: "an argument contains a zero byte" };
  const { status, signal, stdout, stderr, error } = spawnSync(tool, args, {
    env,
    input: stdin,
    encoding: "utf8",
    maxBuffer: mostMiB * 1024 * 1024,
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  const { code, message }: Partial<NodeJS.ErrnoException> = error ?? {};
  // A tool may end without reading, or leave a child with its output open: its exit code tells more than that.
  if (status !== null && (error === undefined || code === "EPIPE" || code === "ETIMEDOUT"))
    return { argv, exitCode: status, stdout, stderr };
  const isThere = (env["PATH"] ?? "").split(":").some((folder) => existsSync(join(folder, tool)));
  const trouble = code === "ENOENT" && isThere ? "its interpreter is missing" : (code ?? message);
  const { exitCode, reason } = failure(tool, trouble, signal, timeoutMs);
  return {
    argv,
    exitCode,
    stdout: stdout ?? "",
    stderr: [stderr?.trimEnd(), reason].filter(Boolean).join("\n"),
  };
}

/** A tool that did not end by itself gets the exit code that a shell would give. */
function failure(
  tool: string,
  code: string | undefined,
  signal: string | null,
  timeoutMs: number,
): { exitCode: number; reason: string } {
  switch (code) {
    case "ENOENT":
      return {
        exitCode: 127,
        reason: `no "${tool}" on PATH: hook tools exist only while the agent runs a hook`,
      };
    case "E2BIG":
      return { exitCode: 126, reason: "its arguments are too long for one call" };
    case "ENOBUFS":
      return { exitCode: 126, reason: `it printed more than ${mostMiB} MiB, and was killed` };
    case "ETIMEDOUT":
      return { exitCode: 124, reason: `it gave no answer within ${timeoutMs / 1000} s, and was killed` };
    case undefined:
      return { exitCode: 126, reason: `ended by ${signal}` };
    default:
      return { exitCode: 126, reason: `it cannot be run: ${code}` };
  }
}

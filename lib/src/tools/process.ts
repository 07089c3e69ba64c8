import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
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

/** The hook tools as the agent offers them: executables on the PATH of `env`. One that does not answer in time is killed. */
export function processTools(
  env: NodeJS.ProcessEnv = process.env,
  { timeoutMs = toolTimeoutMs } = {},
): ToolRunner {
  const terms = { env, timeoutMs };
  return oneAtATime({
    run: (call) => (call.contents ? runWithFiles(call, call.contents, terms) : runTool(call, terms)),
  });
}

/** Files below the temporary directory, readable by root only, for as long as the tool runs. Modules that a hook may not need stay unloaded. */
async function runWithFiles(
  call: ToolCall,
  contents: Readonly<Record<string, string>>,
  terms: Terms,
): Promise<ToolResult> {
  const folder = mkdtempSync(join(terms.env["TMPDIR"] ?? "/tmp", "secret-"));
  try {
    const args = Object.entries(contents).map(([key, value], n) => contentArgument(folder, key, value, n));
    return await runTool({ ...call, argv: [...call.argv, ...args] }, terms);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function contentArgument(folder: string, key: string, value: string, n: number): string {
  const path = join(folder, String(n));
  writeFileSync(path, value, { mode: 0o600 });
  return `${key}#file=${path}`;
}

function runTool({ argv, stdin }: ToolCall, { env, timeoutMs }: Terms): Promise<ToolResult> {
  const [tool, ...args] = argv;
  if (args.some((arg) => arg.includes("\0")))
    return Promise.resolve({ argv, exitCode: 126, stdout: "", stderr: "an argument contains a zero byte" });
  return new Promise((resolve) => {
    const end = (error: Failure | null, stdout = "", stderr = ""): void => {
      if (error === null) return resolve({ argv, exitCode: 0, stdout, stderr });
      const { exitCode, reason } = failure(tool, error, timeoutMs);
      resolve({ argv, exitCode, stdout, stderr: [stderr.trimEnd(), reason].filter(Boolean).join("\n") });
    };
    try {
      const options = {
        env,
        maxBuffer: mostMiB * 1024 * 1024,
        timeout: timeoutMs,
        killSignal: "SIGKILL",
      } as const;
      const child = execFile(tool, args, options, end);
      // A tool may end without reading; its exit code tells more than the broken pipe.
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(stdin ?? "");
    } catch (error) {
      end(error as Failure);
    }
  });
}

type Failure = Error & {
  readonly code?: string | number | null;
  readonly signal?: string | null;
  readonly killed?: boolean;
};

/** A tool that did not end by itself gets the exit code that a shell would give. */
function failure(
  tool: string,
  { code, signal, killed, message }: Failure,
  timeoutMs: number,
): { exitCode: number; reason: string } {
  if (typeof code === "number") return { exitCode: code, reason: "" };
  if (code === "ENOENT")
    return {
      exitCode: 127,
      reason: `no "${tool}" on PATH: hook tools exist only while the agent runs a hook`,
    };
  if (code === "E2BIG") return { exitCode: 126, reason: "its arguments are too long for one call" };
  if (code === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER")
    return { exitCode: 126, reason: `it printed more than ${mostMiB} MiB, and was killed` };
  if (killed)
    return { exitCode: 124, reason: `it gave no answer within ${timeoutMs / 1000} s, and was killed` };
  return { exitCode: 126, reason: signal ? `ended by ${signal}` : `it cannot be run: ${code ?? message}` };
}

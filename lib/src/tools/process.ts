import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ToolCall, type ToolResult, type ToolRunner, oneAtATime } from "./runner.ts";

/** A tool prints at most one databag or document; what is larger is not meant for us. */
const maxBuffer = 64 * 1024 * 1024;

/** The hook tools as the agent offers them: executables on the PATH of `env`. */
export function processTools(env: NodeJS.ProcessEnv = process.env): ToolRunner {
  return oneAtATime({
    run: (call) => (call.contents ? runWithFiles(call, call.contents, env) : runTool(call, env)),
  });
}

/** Files below the temporary directory, readable by root only, for as long as the tool runs. Modules that a hook may not need stay unloaded. */
async function runWithFiles(
  call: ToolCall,
  contents: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv,
): Promise<ToolResult> {
  const folder = mkdtempSync(join(env["TMPDIR"] ?? "/tmp", "secret-"));
  try {
    const args = Object.entries(contents).map(([key, value], n) => contentArgument(folder, key, value, n));
    return await runTool({ ...call, argv: [...call.argv, ...args] }, env);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function contentArgument(folder: string, key: string, value: string, n: number): string {
  const path = join(folder, String(n));
  writeFileSync(path, value, { mode: 0o600 });
  return `${key}#file=${path}`;
}

function runTool({ argv, stdin }: ToolCall, env: NodeJS.ProcessEnv): Promise<ToolResult> {
  const [tool, ...args] = argv;
  if (args.some((arg) => arg.includes("\0")))
    return Promise.resolve({ argv, exitCode: 126, stdout: "", stderr: "an argument contains a zero byte" });
  return new Promise((resolve) => {
    const end = (error: Failure | null, stdout = "", stderr = ""): void => {
      resolve({ argv, stdout, ...(error === null ? { exitCode: 0, stderr } : failure(tool, error, stderr)) });
    };
    try {
      const child = execFile(tool, args, { env, maxBuffer }, end);
      // A tool may end without reading; its exit code tells more than the broken pipe.
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(stdin ?? "");
    } catch (error) {
      end(error as Failure);
    }
  });
}

type Failure = Error & { readonly code?: string | number | null; readonly signal?: string | null };

function failure(tool: string, error: Failure, stderr: string): { exitCode: number; stderr: string } {
  if (error.code === "ENOENT")
    return {
      exitCode: 127,
      stderr: `no "${tool}" on PATH: hook tools exist only while the agent runs a hook`,
    };
  if (error.code === "E2BIG") return { exitCode: 126, stderr: "its arguments are too long for one call" };
  if (typeof error.code === "number") return { exitCode: error.code, stderr };
  return {
    exitCode: 126,
    stderr: stderr.trim() || `ended by ${error.signal ?? error.code ?? error.message}`,
  };
}

import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
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

async function runWithFiles(
  call: ToolCall,
  contents: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv,
): Promise<ToolResult> {
  const folder = await mkdtemp(join(tmpdir(), "secret-"));
  try {
    const args = await Promise.all(
      Object.entries(contents).map(([key, value], n) => contentArgument(folder, key, value, n)),
    );
    return await runTool({ ...call, argv: [...call.argv, ...args] }, env);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function contentArgument(folder: string, key: string, value: string, n: number): Promise<string> {
  const path = join(folder, String(n));
  await writeFile(path, value, { mode: 0o600 });
  return `${key}#file=${path}`;
}

function runTool({ argv, stdin }: ToolCall, env: NodeJS.ProcessEnv): Promise<ToolResult> {
  const [tool, ...args] = argv;
  if (args.some((arg) => arg.includes("\0")))
    return Promise.resolve({ argv, exitCode: 126, stdout: "", stderr: "an argument contains a zero byte" });
  return new Promise((resolve) => {
    const child = execFile(tool, args, { env, maxBuffer }, (error, stdout, stderr) => {
      if (error === null) resolve({ argv, exitCode: 0, stdout, stderr });
      else resolve({ argv, stdout, ...failure(tool, error, stderr) });
    });
    // A tool may end without reading; its exit code tells more than the broken pipe.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(stdin ?? "");
  });
}

function failure(
  tool: string,
  error: Error & { code?: unknown; signal?: unknown },
  stderr: string,
): { exitCode: number; stderr: string } {
  if (error.code === "ENOENT")
    return {
      exitCode: 127,
      stderr: `no "${tool}" on PATH: hook tools exist only while the agent runs a hook`,
    };
  if (error.code === "E2BIG") return { exitCode: 126, stderr: "arguments are too long for one call" };
  if (typeof error.code === "number") return { exitCode: error.code, stderr };
  return {
    exitCode: 126,
    stderr: stderr.trim() || `ended by ${String(error.signal ?? error.code ?? error.message)}`,
  };
}

/** The one place where the daemon starts processes: arguments are arrays, every run has a bound. */
import { execFile } from "node:child_process";

export class ToolError extends Error {
  override readonly name = "ToolError";
  readonly exitCode: number | undefined;
  readonly stderr: string;

  constructor(argv: readonly string[], exitCode: number | undefined, stderr: string) {
    const reason = stderr.trim().split("\n").slice(-3).join("; ") || "no message";
    super(`${argv[0]} ${argv[1] ?? ""} exited with ${exitCode ?? "a signal or its time bound"}: ${reason}`);
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

export interface RunOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
}

/** Output of a command that exited with 0. @throws ToolError */
export function run(argv: readonly [string, ...string[]], { input, timeoutMs = 30_000 }: RunOptions = {}) {
  const [file, ...args] = argv;
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = execFile(
    file,
    args,
    { timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: 16 * 1024 * 1024 },
    (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      reject(
        new ToolError(argv, typeof error.code === "number" ? error.code : undefined, stderr || error.message),
      );
    },
  );
  child.stdin?.on("error", () => undefined);
  child.stdin?.end(input ?? "");
  return promise;
}

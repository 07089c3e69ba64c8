/** The one place where charms start processes: argument arrays, a bound, and an error that says what failed. */
import { execFile } from "node:child_process";

export class ProcessFailed extends Error {
  override readonly name = "ProcessFailed";
  readonly argv: readonly string[];
  readonly exitCode: number | undefined;
  readonly stderr: string;

  constructor(argv: readonly string[], exitCode: number | undefined, stderr: string, timeoutMs: number) {
    const last = stderr.trim().split("\n").at(-1) ?? "";
    const how =
      exitCode === undefined ? `did not end within ${timeoutMs / 1000} s` : `exited with ${exitCode}`;
    super(`${argv.join(" ")} ${how}${last ? `: ${last}` : ""}`);
    this.argv = argv;
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

export type Run = (argv: readonly string[], options: { timeoutMs: number; cwd?: string }) => Promise<string>;

/** Standard output of the process. @throws ProcessFailed */
export const run: Run = (argv, { timeoutMs, cwd }) =>
  new Promise((resolve, reject) => {
    const [file = "", ...args] = argv;
    const options = { timeout: timeoutMs, killSignal: "SIGKILL", maxBuffer: 16 * 1024 * 1024, cwd } as const;
    execFile(file, args, options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const exitCode = typeof error.code === "number" ? error.code : error.killed ? undefined : 127;
      reject(new ProcessFailed(argv, exitCode, stderr || error.message, timeoutMs));
    });
  });

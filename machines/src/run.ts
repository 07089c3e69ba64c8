/** The one place where processes are started. Arguments are arrays; nothing goes through a shell's parser. */
import { spawn, type ChildProcess, type StdioOptions } from "node:child_process";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants } from "node:os";
import { HostCommandFailed, MachineTimeout } from "./errors.ts";
import { descendantsOf } from "./proc.ts";
import type { ExecOptions, ExecResult } from "./port.ts";

export interface RunOptions extends Omit<ExecOptions, "user" | "env" | "cwd"> {
  /** The whole environment of the process; the caller's unless told. */
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Names the wait in MachineTimeout. */
  what?: string;
}

/** Runs to the end whatever the exit code. @throws MachineTimeout */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<ExecResult> {
  const [command = "", ...args] = argv;
  options.signal?.throwIfAborted();
  const stdio: StdioOptions = [options.stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"];
  const child = spawn(command, args, { stdio, env: options.env, cwd: options.cwd });
  const out = collect(child.stdout, options.onStdout);
  const err = collect(child.stderr, options.onStderr);
  feed(child, options.stdin);
  child.once("exit", () => letGo(child));
  const exitCode = await ended(child, argv, options);
  return { exitCode, stdout: out(), stderr: err() };
}

/** Runs and expects exit code 0. @throws HostCommandFailed */
export async function must(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(argv, { timeoutMs: 30_000, ...options });
  if (result.exitCode !== 0)
    throw new HostCommandFailed(argv, result.exitCode, result.stderr || result.stdout);
  return result.stdout;
}

export interface Command {
  argv: readonly string[];
  env?: NodeJS.ProcessEnv;
}

/** Runs two commands, the first one's output being the second one's input. @throws HostCommandFailed for the one that failed first */
export async function pipe(from: Command, to: Command): Promise<void> {
  const [command = "", ...args] = from.argv;
  const source = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], env: from.env, cwd: "/" });
  const complaint = collect(source.stderr);
  const sourceEnds = ended(source, from.argv, {});
  const [exitCode, sink] = await Promise.all([
    sourceEnds,
    run(to.argv, { stdin: source.stdout, ...(to.env ? { env: to.env } : {}), cwd: "/" }),
  ]);
  if (exitCode !== 0) throw new HostCommandFailed(from.argv, exitCode, complaint());
  if (sink.exitCode !== 0) throw new HostCommandFailed(to.argv, sink.exitCode, sink.stderr);
}

/** Starts a process that outlives us, in a session of its own; output goes to an open file. */
export function detach(
  argv: readonly string[],
  { env, output }: { env: NodeJS.ProcessEnv; output: number },
): ChildProcess {
  const [command = "", ...args] = argv;
  const child = spawn(command, args, { detached: true, stdio: ["ignore", output, output], env, cwd: "/" });
  child.unref();
  return child;
}

function collect(stream: Readable | null, listener?: (chunk: Buffer) => void): () => string {
  const chunks: Buffer[] = [];
  stream?.on("data", listener ?? ((chunk: Buffer) => chunks.push(chunk)));
  return () => Buffer.concat(chunks).toString("utf8");
}

function feed(child: ChildProcess, stdin: ExecOptions["stdin"]): void {
  if (stdin === undefined || !child.stdin) return;
  const source =
    stdin instanceof Readable ? stdin : Readable.from([Buffer.from(stdin)], { objectMode: false });
  // A command may end before it has read everything: that is its business, the exit code tells.
  pipeline(source, child.stdin).catch(() => undefined);
}

function ended(child: ChildProcess, argv: readonly string[], options: RunOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const abandon = (error: Error) => {
      reject(error);
      void killTree(child);
    };
    const { timeoutMs } = options;
    const what = options.what ?? `${argv[0]} ends`;
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => abandon(new MachineTimeout(what, timeoutMs)), timeoutMs);
    const onAbort = () =>
      abandon(
        options.signal?.reason instanceof Error
          ? options.signal.reason
          : new Error(`Stopped waiting until ${what}`),
      );
    options.signal?.addEventListener("abort", onAbort, { once: true });
    const settle = (finish: () => void) => {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", onAbort);
      finish();
    };
    child.once("error", (cause) =>
      settle(() => reject(new Error(`Cannot start ${argv[0]}: ${cause.message}`, { cause }))),
    );
    child.once("close", (code, signal) =>
      settle(() => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0))),
    );
  });
}

/** A process left behind may hold the pipes for ever: once the command has ended, half a second without output is enough. */
function letGo(child: ChildProcess): void {
  const streams = [child.stdout, child.stderr].filter((stream) => stream !== null);
  const close = () => streams.forEach((stream) => stream.destroy());
  let idle = setTimeout(close, 500);
  for (const stream of streams) {
    stream.on("data", () => {
      clearTimeout(idle);
      idle = setTimeout(close, 500);
    });
  }
  child.once("close", () => clearTimeout(idle));
}

/** Everything is stopped before anything is killed: what forks between the look and the signal would live on. */
async function killTree(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  const stopped = new Set<number>();
  for (let found = [child.pid]; found.length > 0;) {
    for (const pid of found) {
      stopped.add(pid);
      signal(pid, "SIGSTOP");
    }
    found = (await descendantsOf(child.pid)).filter((pid) => !stopped.has(pid));
  }
  for (const pid of stopped) signal(pid, "SIGKILL");
  child.stdout?.destroy();
  child.stderr?.destroy();
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It ended by itself in between.
  }
}

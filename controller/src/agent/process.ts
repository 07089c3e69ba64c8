/** Charm processes: own group, replaced environment, output line by line. */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

export interface CharmProcessOptions {
  readonly argv: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly onLine: (stream: "stdout" | "stderr", line: string) => void;
  readonly onStart?: (process: { pid: number; startedAt: string }) => void;
}

export interface Exit {
  /** undefined when it could not be started */
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  /** why it could not be started */
  readonly problem?: string;
}

const longestLine = 64 << 10;
const killAfterMs = 10_000;
/** a background process may keep the pipes open; its output is not waited for */
const drainMs = 500;

export class CharmProcess {
  readonly done: Promise<Exit>;
  readonly #pid: number | undefined;
  #ended = false;

  constructor({ argv, cwd, env, stdin, onLine, onStart }: CharmProcessOptions) {
    const [command, ...args] = argv;
    const child = spawn(command, args, {
      cwd,
      env: { ...env },
      detached: true,
      stdio: [stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"],
    });
    this.#pid = child.pid;
    if (child.pid !== undefined) onStart?.({ pid: child.pid, startedAt: startTimeOf(child.pid) ?? "" });
    if (child.stdin) {
      child.stdin.on("error", () => undefined);
      child.stdin.end(stdin);
    }
    if (child.stdout) eachLine(child.stdout, (line) => onLine("stdout", line));
    if (child.stderr) eachLine(child.stderr, (line) => onLine("stderr", line));
    this.done = new Promise((resolve) => {
      const finish = (exit: Exit) => {
        this.#ended = true;
        resolve(exit);
      };
      child.on("error", (error: Error) =>
        finish({ code: undefined, signal: undefined, problem: error.message }),
      );
      child.on("close", (code, signal) => finish({ code: code ?? undefined, signal: signal ?? undefined }));
      child.on("exit", (code, signal) => {
        setTimeout(() => {
          child.stdout?.destroy();
          child.stderr?.destroy();
          finish({ code: code ?? undefined, signal: signal ?? undefined });
        }, drainMs).unref();
      });
    });
  }

  /** SIGTERM to the group, and SIGKILL if that is not heard. */
  async stop(): Promise<Exit> {
    this.#signal("SIGTERM");
    const timer = setTimeout(() => this.#signal("SIGKILL"), killAfterMs);
    return this.done.finally(() => clearTimeout(timer));
  }

  kill(): void {
    this.#signal("SIGKILL");
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#pid === undefined || this.#ended) return;
    signalGroup(this.#pid, signal);
  }
}

/** Ends a process group that an earlier agent started, if it is still the one. */
export function killStranded({ pid, startedAt }: { pid: number; startedAt: string }): boolean {
  const leader = startTimeOf(pid);
  // A leader that is gone may have left children in its group; a number that was given away must not be touched.
  if (leader !== undefined && leader !== startedAt) return false;
  return signalGroup(pid, "SIGKILL");
}

function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}

/** Start time in clock ticks: with the pid, it names a process for ever. */
export function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}

function eachLine(stream: Readable, take: (line: string) => void): void {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  const cut = (text: string): void => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
    while (rest.length > longestLine) {
      take(rest.slice(0, longestLine));
      rest = rest.slice(longestLine);
    }
  };
  const flush = (): void => {
    cut(decoder.end());
    if (rest !== "") take(rest);
    rest = "";
  };
  stream.on("data", (chunk: Buffer) => cut(decoder.write(chunk)));
  stream.on("error", () => undefined);
  stream.on("close", flush);
}

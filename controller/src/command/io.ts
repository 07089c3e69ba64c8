/** The world of a command: streams, environment, interruption. Tests give their own. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  /** aborted by Ctrl-C */
  readonly interrupted: AbortSignal;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** One line of an answer; undefined where nobody can be asked. */
  readonly ask: (question: string) => Promise<string | undefined>;
}

/** The process's own. The first Ctrl-C ends what the command waits for, the second ends the process. */
export function processIo(): Io {
  const interruption = new AbortController();
  process.once("SIGINT", () => {
    interruption.abort();
    process.once("SIGINT", () => process.exit(130));
  });
  // a reader that has seen enough (`cantrip status | head -1`) is no failure
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
  return {
    env: process.env,
    cwd: process.cwd(),
    stdoutIsTerminal: process.stdout.isTTY,
    stderrIsTerminal: process.stderr.isTTY,
    interrupted: interruption.signal,
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    ask: askTerminal,
  };
}

async function askTerminal(question: string): Promise<string | undefined> {
  if (!process.stdin.isTTY) return undefined;
  const { createInterface } = await import("node:readline/promises");
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question);
  } finally {
    lines.close();
  }
}

/** Resolves after the time, or at once when interrupted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}

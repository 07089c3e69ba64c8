/** One call of a hook tool. What must not show up in a process list travels in `stdin` and `contents`. */
export interface ToolCall {
  readonly argv: readonly [tool: string, ...args: string[]];
  readonly stdin?: string;
  /** Contents of a secret, passed as `key#file=PATH` (or its equal) and never as arguments. */
  readonly contents?: Readonly<Record<string, string>>;
}

/** How a hook tool ended. */
export interface ToolResult {
  readonly argv: readonly string[];
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The port to Juju: runs one hook tool at a time, in the order of the calls. A failed tool is a result, not an exception. */
export interface ToolRunner {
  /** Runs one tool to its end. */
  run(call: ToolCall): Promise<ToolResult>;
}

/** Puts calls in a line: the agent serves one tool of a hook at a time. */
export function oneAtATime(runner: ToolRunner): ToolRunner {
  let last: Promise<unknown> = Promise.resolve();
  return {
    run(call) {
      const turn = last.then(() => runner.run(call));
      last = turn.catch(() => undefined);
      return turn;
    },
  };
}

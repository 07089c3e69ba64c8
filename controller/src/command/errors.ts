/** Why a command ended badly. Whoever catches one prints `ERROR message` and leaves with its code. */

/** What was asked could not be done: exit code 1, unless the command passes another's through. */
export class CommandError extends Error {
  override readonly name: string = "CommandError";
  readonly exitCode: number;

  constructor(message: string, { exitCode = 1, cause }: { exitCode?: number; cause?: unknown } = {}) {
    super(message, { cause });
    this.exitCode = exitCode;
  }
}

/** The command line itself is wrong: exit code 2, nothing was attempted. */
export class UsageError extends CommandError {
  override readonly name = "UsageError";

  constructor(message: string) {
    super(message, { exitCode: 2 });
  }
}

/** The work was done and reported; only the exit code is left to say. */
export class Silent extends CommandError {
  override readonly name = "Silent";

  constructor(exitCode: number) {
    super("", { exitCode });
  }
}

/** The server refused a call. */
export class RequestError extends CommandError {
  override readonly name = "RequestError";
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

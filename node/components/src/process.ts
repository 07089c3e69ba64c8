/** Processes start here and only here: arguments are arrays, the environment is explicit, a failure quotes the last lines of what was said. */
import { execa } from "execa";

export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly argv: readonly string[];
  readonly exitCode: number | undefined;
  readonly output: string;

  constructor(argv: readonly string[], exitCode: number | undefined, output: string, cause: unknown) {
    const tail = output.trim().split("\n").slice(-12).join("\n  ");
    super(
      `${argv.join(" ")} ${exitCode === undefined ? "did not run to its end" : `exited with ${exitCode}`}${tail ? `:\n  ${tail}` : ""}`,
      { cause },
    );
    this.argv = argv;
    this.exitCode = exitCode;
    this.output = output;
  }
}

export interface Command {
  readonly argv: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number;
}

/**
 * Runs a command to its end and returns its standard output. Its own process group dies with us.
 * @throws CommandError
 */
export async function run({ argv, cwd, env, timeoutMs = 60 * 60_000 }: Command): Promise<string> {
  const [file = "", ...args] = argv;
  const result = await execa(file, args, {
    ...(cwd === undefined ? {} : { cwd }),
    env: { ...process.env, ...env },
    extendEnv: false,
    stdin: "ignore",
    all: true,
    reject: false,
    timeout: timeoutMs,
  });
  if (result.failed)
    throw new CommandError(argv, result.exitCode, result.all ?? result.shortMessage ?? "", result.cause);
  return result.stdout;
}

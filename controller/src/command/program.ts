/**
 * The `cantrip` command. `runProgram` reads a command line, does what it says and returns the exit code; `buildProgram`
 * makes the tree of commands, to which another house may add its own.
 */
import { Command, CommanderError, Option } from "commander";
import { catalogue, type CommandSpec, type OptionSpec } from "./catalogue.ts";
import { Context, type Options } from "./context.ts";
import { CommandError, Silent } from "./errors.ts";
import { processIo, type Io } from "./io.ts";

export interface ProgramOptions {
  /** adds commands of its own; they end badly by throwing, best a CommandError */
  readonly extra?: (program: Command, io: Io) => void;
  readonly io?: Io;
}

export function buildProgram({ extra, io = processIo() }: ProgramOptions = {}): Command {
  const program = new Command("cantrip")
    .description("Runs Kubernetes with charms. Start with: cantrip up")
    .usage("COMMAND [options] [arguments]")
    .enablePositionalOptions()
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({ writeOut: io.out, writeErr: () => undefined, getOutHasColors: () => false });
  for (const spec of catalogue) addCommand(program, spec, io);
  extra?.(program, io);
  return program;
}

function addCommand(program: Command, spec: CommandSpec, io: Io): void {
  const command = program
    .command(spec.name)
    .summary(spec.summary)
    .description(spec.summary)
    .helpGroup(spec.group);
  if (spec.aliases) command.aliases([...spec.aliases]);
  if (spec.args) command.arguments(spec.args);
  for (const option of [...(spec.options ?? []), ...scopeOptions(spec)])
    command.addOption(commanderOption(option));
  if (spec.formats) {
    const [preset = "", ...others] = spec.formats;
    const format = new Option("--format <format>", "how to print")
      .choices([preset, ...others])
      .default(preset);
    command.addOption(format).addOption(new Option("-o, --output <file>", "print to a file"));
  }
  for (const flags of everywhere) command.addOption(new Option(flags).hideHelp());
  if (spec.passThrough) command.passThroughOptions();
  command.action(() => perform(spec, command, io));
}

/** Juju's global options: `quiet` is honoured, the others are accepted. */
const everywhere = ["-q, --quiet", "-v, --verbose", "--debug", "--show-log", "--logging-config <config>"];

function scopeOptions({ scope }: CommandSpec): OptionSpec[] {
  const controller = { flags: "-c, --controller <controller>", description: "the controller to ask" };
  const model = { flags: "-m, --model <model>", description: "the model: [CONTROLLER:]MODEL" };
  if (scope === "none") return [];
  return scope === "model" ? [model] : [controller];
}

function commanderOption({ flags, description, repeated }: OptionSpec): Option {
  const option = new Option(flags, description);
  return repeated
    ? option.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value])
    : option;
}

async function perform(spec: CommandSpec, command: Command, io: Io): Promise<void> {
  const options: Options = command.opts();
  const context = new Context(io, options);
  try {
    const run = await spec.load();
    await untilInterrupted(run(context, [...command.args]), io);
  } finally {
    context.close();
  }
}

/** Ctrl-C ends the wait for what runs elsewhere; what was asked of the controller stays asked. */
function untilInterrupted(work: Promise<void>, io: Io): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  work.catch(() => undefined);
  const stop = (): void => reject(new CommandError("interrupted", { exitCode: 130 }));
  if (io.interrupted.aborted) stop();
  io.interrupted.addEventListener("abort", stop, { once: true });
  return Promise.race([work, promise]).finally(() => io.interrupted.removeEventListener("abort", stop));
}

/** @param argv without the interpreter and the script. @returns the exit code; nothing is thrown */
export async function runProgram(argv: readonly string[], options: ProgramOptions = {}): Promise<number> {
  const io = options.io ?? processIo();
  try {
    const program = buildProgram({ ...options, io });
    if (argv[0] === "--version") {
      io.out(`${(await import("./commands/version.ts")).fullVersion()}\n`);
      return 0;
    }
    if (argv.length === 0) {
      io.out(program.helpInformation());
      return 0;
    }
    await program.parseAsync([...argv], { from: "user" });
    return 0;
  } catch (error) {
    return reported(error, io, argv);
  }
}

function reported(error: unknown, io: Io, argv: readonly string[]): number {
  if (error instanceof CommanderError) return reportedUsage(error, io);
  if (error instanceof Silent) return error.exitCode;
  const { message, stack } = error as Error;
  io.err(`ERROR ${message || String(error)}\n`);
  const isForeseen = error instanceof CommandError || "exitCode" in (error as object);
  if (!isForeseen && (argv.includes("--debug") || io.env["CANTRIP_DEBUG"])) io.err(`${stack ?? ""}\n`);
  return error instanceof CommandError ? error.exitCode : 1;
}

function reportedUsage(error: CommanderError, io: Io): number {
  if (error.exitCode === 0) return 0;
  io.err(`ERROR ${inJujusWords(error.message)}\n`);
  return 2;
}

function inJujusWords(message: string): string {
  const text = message.replace(/^error: /, "");
  const option = /^unknown option '(?<flag>[^']+)'(?<hint>[\s\S]*)$/.exec(text)?.groups;
  if (option) return `option provided but not defined: ${option["flag"] ?? ""}${option["hint"] ?? ""}`;
  const command = /^unknown command '(?<name>[^']+)'(?<hint>[\s\S]*)$/.exec(text)?.groups;
  if (command)
    return `cantrip: "${command["name"] ?? ""}" is not a cantrip command. See "cantrip --help".${command["hint"] ?? ""}`;
  const choice =
    /^option '[^']*(?<flag>--[a-z-]+)[^']*' argument '(?<value>[^']*)' is invalid\. (?<why>.*)$/.exec(
      text,
    )?.groups;
  if (choice)
    return `invalid value "${choice["value"] ?? ""}" for option ${choice["flag"] ?? ""}: ${choice["why"] ?? ""}`;
  return text;
}

/** What a command is made of, and options that several have. `-m`, `-c`, `--format` and `-o` come with scope and formats. */
import type { Context } from "../context.ts";

export type Run = (context: Context, args: string[]) => Promise<void>;

export interface OptionSpec {
  readonly flags: string;
  readonly description: string;
  /** may be given several times */
  readonly repeated?: boolean;
  readonly preset?: string;
}

export interface CommandSpec {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** commander's form: `<application> [values...]` */
  readonly args?: string;
  readonly summary: string;
  readonly group: string;
  /** what -m or -c select */
  readonly scope: "model" | "controller" | "none";
  readonly options?: readonly OptionSpec[];
  /** of --format; the first is the default */
  readonly formats?: readonly string[];
  /** the first argument ends the options: the rest belongs to another command */
  readonly passThrough?: boolean;
  readonly load: () => Promise<Run>;
}

export const option = (flags: string, description: string): OptionSpec => ({ flags, description });
export const repeated = (flags: string, description: string): OptionSpec => ({
  flags,
  description,
  repeated: true,
});

export const noPrompt = option("--no-prompt", "do not ask for confirmation");
export const force = option("--force", "go on where errors would stop it");
export const noWait = option("--no-wait", "with --force, do not wait between steps");
export const dryRun = option("--dry-run", "say what would be removed, change nothing");
export const destroyStorage = option("--destroy-storage", "destroy storage that belongs to it");
export const utc = option("--utc", "times in UTC");
export const constraints = option("--constraints <constraints>", "such as 'cores=2 mem=4G root-disk=16G'");
export const to = option("--to <machines>", "machines to place units on, separated by commas");
export const numUnits = option("-n, --num-units <number>", "number of units");
export const color = option("--color", "colours even where stdout is no terminal");
export const resource = repeated("--resource <name=file>", "a file for a resource of the charm");
export const background = option("--background", "do not wait for the result");
export const wait = option("--wait <duration>", "how long to wait for the result");

export const documents = ["yaml", "json"];
export const tables = ["tabular", "json", "yaml"];

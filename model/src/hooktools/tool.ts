import type { HookBuffer, HookEffects } from "../contract.ts";
import type { HookView } from "../hook-view.ts";
import type { FlagKind, Parsed } from "./flags.ts";

/** One hook tool. What it returns is printed; `undefined` prints nothing. */
export interface Tool {
  /** after the name: `[options] <key> [<unit>]` */
  readonly usage: string;
  readonly purpose: string;
  readonly flags?: Readonly<Record<string, FlagKind>>;
  /** the default format of a tool that has output; it then takes --format and --output */
  readonly format?: Format;
  /** how many arguments it takes at most; without it, any number */
  readonly most?: number;
  readonly run: (call: Call) => unknown;
}
export type Tools = Readonly<Record<string, Tool>>;
export type Format = "smart" | "yaml" | "json";

export interface Call extends Parsed {
  readonly view: HookView;
  readonly buffer: HookBuffer;
  readonly effects: HookEffects;
  readonly stdin: string | undefined;
  readonly format: Format;
}

/** Ends a tool: the message goes to stderr. Exit code 2 is for what is wrong with the command line itself. */
export class ToolFailure extends Error {
  override readonly name = "ToolFailure";
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

export const misuse = (message: string): ToolFailure => new ToolFailure(message, 2);

/** Printed as it is, without a newline. */
export class RawText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

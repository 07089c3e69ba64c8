/** What a command says on stdout: one value in the format that was asked for. */
import { writeFileSync } from "node:fs";
import { dump } from "js-yaml";
import { CommandError } from "./errors.ts";
import type { Io } from "./io.ts";

export interface OutputOptions {
  readonly format?: string;
  /** path, instead of stdout */
  readonly output?: string;
}

/** JSON on one line, or YAML; any other format is drawn by `draw`. */
export function emit(
  io: Io,
  { format, output }: OutputOptions,
  value: unknown,
  draw?: (format: string) => string,
): void {
  const text = rendered(value, format ?? "", draw);
  if (output === undefined) io.out(text);
  else writeTo(output, text);
}

function rendered(value: unknown, format: string, draw?: (format: string) => string): string {
  if (format === "json") return `${JSON.stringify(value)}\n`;
  if (format === "yaml" || !draw) return yaml(value);
  return draw(format);
}

export const yaml = (value: unknown): string =>
  dump(withoutUndefined(value), { lineWidth: -1, noRefs: true, seqNoIndent: true, quoteStyle: "double" });

/** js-yaml refuses what JSON leaves out. */
function withoutUndefined(value: unknown): unknown {
  return value === undefined ? null : JSON.parse(JSON.stringify(value));
}

function writeTo(path: string, text: string): void {
  try {
    writeFileSync(path, text);
  } catch (cause) {
    throw new CommandError(`cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}

const colours = { red: 31, green: 32, yellow: 33, blue: 34, bold: 1, dim: 2 } as const;
export type Colour = keyof typeof colours;

/** Paints on terminals only; `--color` forces it, NO_COLOR forbids it. */
export function painter(io: Io, { color }: { color?: boolean }): (colour: Colour, text: string) => string {
  const isWanted = color ?? (io.stdoutIsTerminal && !io.env["NO_COLOR"]);
  return (colour, text) => (isWanted && text !== "" ? `\u001B[${colours[colour]}m${text}\u001B[0m` : text);
}

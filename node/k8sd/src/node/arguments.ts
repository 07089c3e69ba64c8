/**
 * Argument files: one `--flag=value` per line, plain data that users may edit. `units/run-service` hands each line to
 * the service as one argument; no shell evaluates it. Comments and unknown lines survive a rewrite.
 */
import { join } from "node:path";
import { readIfExists, writeIfChanged } from "../base/files.ts";

export type Arguments = Readonly<Record<string, string>>;
/** `null` deletes the flag. */
export type ArgumentChanges = Readonly<Record<string, string | null>>;

const FLAG = /^(--[A-Za-z0-9][A-Za-z0-9-]*)(?:=|\s+|$)(.*)$/;

/** One flag as users may write it: `--flag=value`, `--flag="value"`, `--flag value`, `--flag` (true). */
export function parseLine(line: string): { flag: string; value: string } | undefined {
  const match = FLAG.exec(line.trim());
  if (!match) return undefined;
  const [, flag = "", value = ""] = match;
  const bare = /^"(.*)"$/.exec(value)?.[1] ?? value;
  return { flag, value: bare === "" && !line.includes("=") ? "true" : bare };
}

export function parseArguments(text: string): Arguments {
  const pairs = text.split("\n").map(parseLine);
  return Object.fromEntries(
    pairs.filter((pair) => pair !== undefined).map(({ flag, value }) => [flag, value]),
  );
}

/** Flags of a configuration document, with or without their dashes; a line break in a value would be a second flag. */
export function checkedChanges(changes: ArgumentChanges): ArgumentChanges {
  return Object.fromEntries(
    Object.entries(changes).map(([flag, value]) => [checkedFlag(flag), checkedValue(flag, value)]),
  );
}

function checkedFlag(flag: string): string {
  const dashed = flag.startsWith("--") ? flag : `--${flag}`;
  if (/^--[A-Za-z0-9][A-Za-z0-9-]*$/.test(dashed)) return dashed;
  throw new TypeError(`Cannot use ${JSON.stringify(flag.slice(0, 64))} as a flag: expected --name`);
}

function checkedValue(flag: string, value: string | null): string | null {
  if (value === null || !/[\n\r\0]/.test(value)) return value;
  throw new TypeError(`Cannot use the value of ${flag}: expected text without line breaks`);
}

/** The text with some flags set or deleted; every other line stays as it is. */
export function withArguments(text: string, changes: ArgumentChanges): string {
  const rest = new Map(Object.entries(checkedChanges(changes)));
  const lines = text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .flatMap((line) => {
      const flag = parseLine(line)?.flag;
      if (flag === undefined || !rest.has(flag)) return [line];
      const value = rest.get(flag);
      rest.delete(flag);
      return value === null || value === undefined ? [] : [`${flag}=${value}`];
    });
  const added = [...rest].flatMap(([flag, value]) => (value === null ? [] : [`${flag}=${value}`]));
  return [...lines, ...added].map((line) => `${line}\n`).join("");
}

/** A new file: defaults first, the user's changes over them, sorted. */
export function renderArguments(defaults: Arguments, changes: ArgumentChanges = {}): string {
  const merged = { ...defaults, ...checkedChanges(changes) };
  const lines = Object.entries(merged).filter(([, value]) => value !== null);
  return lines
    .map(([flag, value]) => `${flag}=${value}\n`)
    .sort()
    .join("");
}

export const readArguments = async (directory: string, service: string): Promise<Arguments> =>
  parseArguments((await readIfExists(join(directory, service))) ?? "");

/** Sets or deletes flags in a service's file; true if that changed it. */
export async function changeArguments(
  directory: string,
  service: string,
  changes: ArgumentChanges,
): Promise<boolean> {
  const path = join(directory, service);
  const before = (await readIfExists(path)) ?? "";
  return writeIfChanged(path, withArguments(before, changes));
}

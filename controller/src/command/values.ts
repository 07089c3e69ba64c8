/** Values on the command line: KEY=VALUE, constraints, placement, numbers. */
import { readFileSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { parseSizeMiB, readYaml } from "@cantrip/metadata";
import type { Options } from "./context.ts";
import { CommandError, UsageError } from "./errors.ts";

type Option = Options[string];

/** `a,b` and `a b` given as several arguments alike. */
export const separated = (values: Option): string[] =>
  [values ?? []]
    .flat()
    .flatMap((value) => String(value).split(","))
    .map((value) => value.trim())
    .filter((value) => value !== "");

/** @throws UsageError */
export function wholeNumber(value: Option, option: string, fallback: number, min = 0): number {
  if (value === undefined) return fallback;
  const number = Number(value);
  if (typeof value === "string" && /^\d{1,9}$/.test(value) && number >= min) return number;
  throw new UsageError(
    `invalid value "${String(value)}" for option ${option}: expected a whole number, at least ${min}`,
  );
}

/** @throws UsageError */
export function keyValue(text: string): [key: string, value: string] {
  const equals = text.indexOf("=");
  if (equals < 1) throw new UsageError(`expected "key=value", got "${text}"`);
  return [text.slice(0, equals), text.slice(equals + 1)];
}

/** @throws CommandError naming the file */
export function readText(path: string, cwd: string, what: string): string {
  const full = resolve(cwd, path);
  try {
    return readFileSync(full, "utf8");
  } catch (cause) {
    const reason =
      (cause as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : (cause as Error).message;
    throw new CommandError(`cannot read ${what} "${path}": ${reason}`, { cause });
  }
}

export function readYamlFile(path: string, cwd: string, what: string): unknown {
  const text = readText(path, cwd, what);
  try {
    return readYaml(path, text);
  } catch (cause) {
    throw new CommandError(`cannot read ${what}: ${(cause as Error).message}`, { cause });
  }
}

/** A regular file's full path. @throws CommandError */
export function existingFile(path: string, cwd: string, what: string): string {
  const full = resolve(cwd, path);
  const found = statSync(full, { throwIfNoEntry: false });
  if (found?.isFile()) return full;
  throw new CommandError(
    `cannot use "${path}" as ${what}: ${found ? "it is no regular file" : "there is no such file"}`,
  );
}

/** `k=v`; `k=@file` reads the value from a file. */
export function settingArguments(values: readonly string[], cwd: string): Record<string, string> {
  const entries = values.map((text) => {
    const [key, value] = keyValue(text);
    return [
      key,
      value.startsWith("@") ? readText(value.slice(1), cwd, `the value of "${key}" from`) : value,
    ] as const;
  });
  return Object.fromEntries(entries);
}

const lists = new Set(["tags", "spaces", "zones"]);
const sizes = new Set(["mem", "root-disk"]);
const counts = new Set(["cores", "cpu-power"]);
const words = new Set([
  "arch",
  "container",
  "instance-role",
  "instance-type",
  "virt-type",
  "image-id",
  "root-disk-source",
]);

/** `cores=2 mem=4G` → `{cores: 2, mem: 4096}`. @throws UsageError */
export function parseConstraints(text: string | readonly string[] | undefined): Record<string, unknown> {
  const parts = [text ?? []]
    .flat()
    .flatMap((part) => part.split(/\s+/))
    .filter((part) => part !== "");
  return Object.fromEntries(parts.map(parseConstraint));
}

function parseConstraint(part: string): [string, unknown] {
  const [name, value] = keyValue(part);
  const key = name === "cpu-cores" ? "cores" : name;
  if (value === "") return [key, null];
  if (lists.has(key)) return [key, value.split(",")];
  if (sizes.has(key)) return [key, parseSizeMiB(value) ?? bad(key, value, "a size such as 512M or 4G")];
  if (counts.has(key))
    return [key, /^\d{1,6}$/.test(value) ? Number(value) : bad(key, value, "a whole number")];
  if (key === "allocate-public-ip")
    return [key, value === "true" ? true : value === "false" ? false : bad(key, value, "true or false")];
  if (words.has(key)) return [key, value];
  throw new UsageError(`unknown constraint "${name}"`);
}

function bad(key: string, value: string, expected: string): never {
  throw new UsageError(`bad "${key}" constraint: expected ${expected}, got "${value}"`);
}

/** `cores=2 mem=4096M`, as juju prints them. */
export function constraintsText(constraints: Record<string, unknown>): string {
  return Object.entries(constraints)
    .filter(([, value]) => value !== null && value !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${[value].flat().join(",")}${sizes.has(key) ? "M" : ""}`)
    .join(" ");
}

export interface Placement {
  readonly scope: string;
  readonly directive: string | null;
}

/** `0`, `lxd`, `lxd:0`, `zone=a`, separated by commas. */
export function placements(text: Option, modelUuid: string): Placement[] {
  return separated(text).map((directive) => {
    if (/^\d+(\/[a-z]+\/\d+)*$/.test(directive)) return { scope: "#", directive };
    const [scope = "", machine] = directive.split(":");
    if (scope === "lxd" || scope === "kvm") return { scope, directive: machine ?? null };
    return { scope: modelUuid, directive };
  });
}

/** `ubuntu@24.04` → name and channel. @throws UsageError */
export function parseBase(text: Option): { name: string; channel: string } | undefined {
  if (text === undefined) return undefined;
  const { name, channel } =
    /^(?<name>[a-z]+)@(?<channel>[0-9.]+(?:\/[a-z]+)?)$/.exec(String(text))?.groups ?? {};
  if (name && channel) return { name, channel };
  throw new UsageError(
    `invalid value "${String(text)}" for option --base: expected a base such as ubuntu@24.04`,
  );
}

/** Refuses arguments beyond what a command takes. */
export function atMost(args: readonly string[], count: number): void {
  if (args.length > count) throw new UsageError(`unrecognized args: ${JSON.stringify(args.slice(count))}`);
}

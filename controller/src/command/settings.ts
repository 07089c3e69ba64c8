/** Options of a charm from `--config`, checked against the charm before anything is sent. */
import { OptionError, parseOptionText } from "@cantrip/metadata";
import { dump } from "js-yaml";
import type { LocalCharm } from "./charm-file.ts";
import { CommandError } from "./errors.ts";
import { readYamlFile, settingArguments } from "./values.ts";

export interface Settings {
  /** by name, from `key=value` */
  readonly named: Record<string, string>;
  /** by name, from files, with YAML's types */
  readonly typed: Record<string, unknown>;
}

/** @throws CommandError */
export function givenSettings(values: readonly string[], application: string, cwd: string): Settings {
  const isFile = (value: string): boolean => !value.includes("=");
  const files = values.filter(isFile).map((path) => settingsFile(path, application, cwd));
  const named = settingArguments(
    values.filter((value) => !isFile(value)),
    cwd,
  );
  return { named, typed: Object.assign({}, ...files) as Record<string, unknown> };
}

/** Options by the application's name. */
export function settingsFile(path: string, application: string, cwd: string): Record<string, unknown> {
  const whole = readYamlFile(path, cwd, "config file");
  const mine = isObject(whole) ? whole[application] : undefined;
  if (isObject(mine)) return mine;
  throw new CommandError(
    `config file "${path}" says nothing of application "${application}": expected "${application}:" with its options below`,
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** @throws CommandError for an option that the charm does not have, or a value that is not of its type */
export function checkSettings({ config }: LocalCharm, { named, typed }: Settings): void {
  for (const [name, value] of Object.entries({ ...typed, ...named })) {
    if (name === "trust") continue;
    const option = config.options.find((o) => o.name === name);
    if (!option) throw new CommandError(`unknown option "${name}"`);
    if (typeof value === "string" && Object.hasOwn(named, name)) checkText(option, value);
  }
}

function checkText(option: Parameters<typeof parseOptionText>[0], value: string): void {
  try {
    parseOptionText(option, value);
  } catch (cause) {
    if (cause instanceof OptionError) throw new CommandError(cause.message, { cause });
    throw cause;
  }
}

/** What Application.Deploy takes as `config-yaml`. */
export const settingsYaml = (application: string, typed: Record<string, unknown>): string =>
  Object.keys(typed).length === 0 ? "" : dump({ [application]: typed }, { lineWidth: -1, noRefs: true });

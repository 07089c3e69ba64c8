/** get, set, enable, disable: the cluster's configuration. */
import {
  FEATURES,
  nearMiss,
  userFacingClusterConfigSchema,
  type JsonSchema,
  type UserFacingClusterConfig,
} from "@cantrip/metadata/k8sd";
import type { Command } from "commander";
import { configKeys } from "../completion.ts";
import { ask, parseTimeout, print, progress, requireRoot, type Format } from "../context.ts";
import { UserError } from "../errors.ts";
import { formatOption, timeoutOption } from "../options.ts";

interface Flags {
  timeout: string;
  outputFormat: Format;
}

export function configCommands(program: Command): void {
  const common = (command: Command) => command.addOption(timeoutOption("90s")).addOption(formatOption());
  common(
    program
      .command("get")
      .argument("[key]")
      .description("show the configuration of the cluster, or one key of it"),
  ).action(get);
  common(
    program.command("set").argument("<key=value...>").description("change keys of the configuration"),
  ).action(set);
  for (const [verb, enabled] of [
    ["enable", true],
    ["disable", false],
  ] as const)
    common(
      program.command(verb).argument("<feature...>").description(`${verb} features of the cluster`),
    ).action((names: string[], flags: Flags) => toggle(verb, enabled, names, flags));
}

async function get(key: string | undefined, flags: Flags): Promise<void> {
  requireRoot();
  const { status } = await ask(
    "get the configuration",
    "getClusterConfig",
    undefined,
    parseTimeout(flags.timeout),
  );
  const value = key === undefined ? status : valueOf(status, key);
  const { dump } = await import("js-yaml");
  const plain = typeof value === "object" && value !== null ? dump(value).trimEnd() : String(value);
  await print(flags.outputFormat, plain, value);
}

function valueOf(config: UserFacingClusterConfig, key: string): unknown {
  if (!schemaOf(key))
    throw new UserError(`Unknown config key ${JSON.stringify(key)}${meant(key, configKeys())}.`);
  return (
    key
      .split(".")
      .reduce<unknown>((value, part) => (value as Record<string, unknown> | undefined)?.[part], config) ?? ""
  );
}

const meant = (given: string, names: readonly string[]): string => {
  const near = nearMiss(given, names);
  return near === undefined ? "" : `: did you mean ${JSON.stringify(near)}?`;
};

/** Schema of a key such as `dns.service-ip`, if there is such a key. */
export function schemaOf(key: string): JsonSchema | undefined {
  return key.split(".").reduce<JsonSchema | undefined>((schema, part) => {
    const properties = schema?.properties ?? {};
    if (Object.hasOwn(properties, part)) return properties[part];
    return schema?.additionalProperties || undefined;
  }, userFacingClusterConfigSchema);
}

const typesOf = ({ type }: JsonSchema) => (typeof type === "string" ? [type] : type);

/** The value of a key as its schema wants it: text of a flag, number, list (`a,b` or YAML) or map (`k=v,k2=v2` or YAML). */
export async function parseSetting(key: string, text: string): Promise<unknown> {
  const schema = schemaOf(key);
  if (!schema)
    throw new UserError(
      `Invalid option ${JSON.stringify(`${key}=${text}`)}.\n\nThe error was: unknown option key ${JSON.stringify(key)}${meant(key, configKeys())}`,
    );
  const types = typesOf(schema);
  if (types.includes("string")) return text;
  if (types.includes("array") && !text.trimStart().startsWith("["))
    return text === "" ? [] : text.split(",").map((item) => item.trim());
  if (types.includes("object") && /^[^={]+=/.test(text))
    return Object.fromEntries(
      text
        .split(",")
        .map((pair) => [pair.slice(0, pair.indexOf("=")).trim(), pair.slice(pair.indexOf("=") + 1)]),
    );
  const { load } = await import("js-yaml");
  return load(text);
}

async function set(pairs: string[], flags: Flags): Promise<void> {
  requireRoot();
  const config: Record<string, unknown> = {};
  for (const pair of pairs) {
    const at = pair.indexOf("=");
    if (at < 1)
      throw new UserError(`Invalid option ${JSON.stringify(pair)}.\n\nThe error was: expected key=value`);
    await place(config, pair.slice(0, at), pair.slice(at + 1));
  }
  await ask("change the configuration", "setClusterConfig", { config }, parseTimeout(flags.timeout));
  await print(flags.outputFormat, "Configuration updated.", { "cluster-config": config });
}

async function place(config: Record<string, unknown>, key: string, text: string): Promise<void> {
  const value = await parseSetting(key, text);
  const [section = "", ...rest] = key.split(".");
  if (rest.length === 0) config[section] = value;
  else config[section] = { ...(config[section] as object | undefined), [rest.join(".")]: value };
}

async function toggle(verb: string, enabled: boolean, names: string[], flags: Flags): Promise<void> {
  requireRoot();
  const unknown = names.find((name) => !(FEATURES as readonly string[]).includes(name));
  if (unknown !== undefined)
    throw new UserError(
      `Cannot ${verb} ${JSON.stringify(unknown)}, must be one of: ${FEATURES.join(", ")}${meant(unknown, FEATURES)}`,
    );
  const list = names.join(", ");
  progress(
    `${enabled ? "Enabling" : "Disabling"} ${list} on the cluster. This may take a few seconds, please wait.`,
  );
  const config: UserFacingClusterConfig = Object.fromEntries(names.map((name) => [name, { enabled }]));
  await ask(`${verb} ${list}`, "setClusterConfig", { config }, parseTimeout(flags.timeout));
  await print(flags.outputFormat, `${list} ${enabled ? "enabled" : "disabled"}.`, { features: names });
}

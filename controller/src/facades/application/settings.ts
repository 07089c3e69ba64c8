/** Options as clients send them: strings by name, a YAML text by application, and `trust` mixed in with the charm's own. */
import { MetadataError, readYaml } from "@cantrip/metadata";
import type { Charm, ConfigValue } from "@cantrip/model";
import { ApiError, type Params } from "../../facade.ts";
import { optionalText, record } from "../params.ts";

export interface GivenSettings {
  /** the model converts strings by the option's declared type */
  readonly settings: Record<string, ConfigValue>;
  readonly trust?: boolean;
}

/** Both forms merged; a value by name wins. @throws ApiError "bad request" */
export function givenSettings(
  params: Params,
  application: string,
  { config = "config", yaml = "config-yaml" } = {},
): GivenSettings {
  const fromYaml = yamlSettings(optionalText(params, yaml) ?? "", application);
  const named = Object.entries(record(params, config)).map(
    ([key, value]) => [key, scalar(key, value)] as const,
  );
  const { trust, ...settings } = { ...fromYaml, ...Object.fromEntries(named) };
  return trust === undefined ? { settings } : { settings, trust: parseTrust(trust) };
}

function yamlSettings(yaml: string, application: string): Record<string, ConfigValue> {
  const whole = readSettings(yaml);
  if (whole === null) return {};
  const mine = asObject(whole)[application] ?? {};
  return Object.fromEntries(
    Object.entries(asObject(mine)).flatMap(([key, value]) =>
      value === null ? [] : [[key, scalar(key, value)]],
    ),
  );
}

function readSettings(yaml: string): unknown {
  try {
    return readYaml("config", yaml);
  } catch (error) {
    if (error instanceof MetadataError) throw new ApiError("bad request", error.message);
    throw error;
  }
}

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new ApiError("bad request", "config: expected options by name under the application's name");
}

function scalar(key: string, value: unknown): ConfigValue {
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return value;
  throw new ApiError("bad request", `option "${key}": expected a string, a number or a boolean`);
}

/** @throws ApiError "bad request" */
export function parseTrust(value: ConfigValue): boolean {
  const text = String(value).toLowerCase();
  if (text === "true" || text === "1") return true;
  if (text === "false" || text === "0") return false;
  throw new ApiError("bad request", `option "trust" expected boolean, got ${JSON.stringify(value)}`);
}

export interface WireSetting {
  type: string;
  description: string;
  source: "user" | "default" | "unset";
  default?: ConfigValue;
  value?: ConfigValue;
}

/** What Application.Get and CharmConfig answer for each option. */
export function wireSettings(
  charm: Charm,
  settings: Readonly<Record<string, ConfigValue>>,
): Record<string, WireSetting> {
  return Object.fromEntries(
    charm.config.options.map((option) => {
      const { name, type, description, default: byDefault } = option;
      const isSet = Object.hasOwn(settings, name);
      const value = isSet ? settings[name] : byDefault;
      const source = isSet ? "user" : byDefault === undefined ? "unset" : "default";
      return [
        name,
        {
          type,
          description,
          source,
          ...(byDefault === undefined ? {} : { default: byDefault }),
          ...(value === undefined ? {} : { value }),
        } satisfies WireSetting,
      ];
    }),
  );
}

export function wireTrust(trust: boolean): Record<string, WireSetting> {
  const description = "Does this application have access to trusted credentials";
  const source = trust ? "user" : "default";
  return { trust: { type: "bool", description, default: false, source, value: trust } };
}

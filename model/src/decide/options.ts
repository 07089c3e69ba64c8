import { OptionError, checkOptionValue, named, parseOptionText } from "@cantrip/metadata";
import { ModelError } from "../errors.ts";
import { put } from "../records.ts";
import type { Charm, ConfigValue } from "../state.ts";

/**
 * Values as the charm's options have them. Text is read as an operator writes it; other values must be of the type.
 * @throws ModelError in Juju's words
 */
export function typedSettings(
  charm: Charm,
  given: Readonly<Record<string, ConfigValue>>,
): Record<string, ConfigValue> {
  const typed: Record<string, ConfigValue> = {};
  for (const [name, value] of Object.entries(given)) put(typed, name, typedValue(charm, name, value));
  return typed;
}

function typedValue(charm: Charm, name: string, value: ConfigValue): ConfigValue {
  const option = findOption(charm, name);
  try {
    const isText = typeof value === "string" && option.type !== "string";
    return isText ? parseOptionText(option, value) : checkOptionValue(option, value);
  } catch (error) {
    if (error instanceof OptionError) throw new ModelError("bad request", error.message);
    throw error;
  }
}

export function findOption(charm: Charm, name: string) {
  const option = named(charm.config.options, name);
  if (!option) throw new ModelError("bad request", `unknown option ${JSON.stringify(name)}`);
  return option;
}

import { Findings, MetadataError } from "../errors.ts";
import type { Option } from "../generated/config.ts";
import { validate } from "../generated/config.validator.js";
import { shaped } from "./shape.ts";

export type OptionType = "string" | "int" | "float" | "boolean" | "secret";
export type OptionValue = string | number | boolean;

export interface ConfigOption {
  readonly name: string;
  readonly type: OptionType;
  readonly description: string;
  readonly default?: OptionValue;
}

/** The options of a charm, in the order of the file. */
export interface CharmConfig {
  readonly options: readonly ConfigOption[];
}

const file = "config.yaml";
/** Juju's own words for the two flags of an application that are not options of its charm. */
const booleans = new Map<string, boolean>([
  ...["1", "t", "T", "TRUE", "true", "True"].map((word) => [word, true] as const),
  ...["0", "f", "F", "FALSE", "false", "False"].map((word) => [word, false] as const),
]);

/**
 * @param raw the value of a config.yaml, floats marked
 * @throws MetadataError
 */
export function charmConfigOf(raw: unknown): CharmConfig {
  if (raw === null) throw new MetadataError(file, "invalid config: empty configuration");
  const given = shaped(file, raw, validate);
  if (given.options === undefined) throw new MetadataError(file, "invalid config: empty configuration");
  const findings = new Findings(file);
  const options = findings.each(Object.entries(given.options), ([name, option]) => optionOf(name, option));
  findings.settle();
  return { options };
}

function optionOf(name: string, { type = "string", default: value, description = "" }: Option): ConfigOption {
  if (value === undefined || value === null) return { name, type, description };
  const checked = checkValue(type, value);
  if (checked === undefined) {
    throw new MetadataError(
      file,
      `invalid config default: option "${name}" expected ${type}, got ${shown(value)}`,
      { key: `options.${name}.default`, path: ["options", name, "default"] },
    );
  }
  return { name, type, description, default: checked };
}

/**
 * A value from YAML as the option's type has it, or undefined if it does not fit.
 * Whole numbers are no floats in YAML (`1.0` is): Juju insists, so do we.
 */
function checkValue(type: OptionType, given: unknown): OptionValue | undefined {
  const isFloat = isMarkedFloat(given);
  const value = isFloat ? given.value : given;
  switch (type) {
    case "string":
      return typeof value === "string" ? value : undefined;
    case "secret":
      return typeof value === "string" && isSecretReference(value) ? value : undefined;
    case "float":
      return isFloat || (typeof value === "number" && !Number.isInteger(value)) ? Number(value) : undefined;
    case "int":
      if (typeof value === "string") return parsedInteger(value);
      return !isFloat && Number.isSafeInteger(value) ? Number(value) : undefined;
    case "boolean":
      return typeof value === "boolean" ? value : booleans.get(value as string);
    default:
      return type satisfies never;
  }
}

function isMarkedFloat(value: unknown): value is { value: number } {
  return (
    typeof value === "object" && value !== null && typeof (value as { value?: unknown }).value === "number"
  );
}

const isSecretReference = (value: string): boolean => value === "" || value.startsWith("secret:");

function parsedInteger(text: string): number | undefined {
  const number = Number(text);
  return /^[+-]?\d{1,19}$/.test(text) && Number.isSafeInteger(number) ? number : undefined;
}

const shown = (value: unknown): string =>
  isMarkedFloat(value) ? String(value.value) : JSON.stringify(value);

/** A value for a charm option that is not of its type. */
export class OptionError extends Error {
  override readonly name = "OptionError";
  readonly option: string;

  constructor(option: string, message: string) {
    super(message);
    this.option = option;
  }
}

/**
 * An option's value from the text that an operator gave. Text of a number is enough for a float here.
 * @throws OptionError in Juju's words
 */
export function parseOptionText(option: ConfigOption, text: string): OptionValue {
  const value = fromText(option.type, text);
  if (value === undefined)
    throw new OptionError(
      option.name,
      `option "${option.name}" expected ${option.type}, got ${JSON.stringify(text)}`,
    );
  return value;
}

function fromText(type: OptionType, text: string): OptionValue | undefined {
  if (type !== "float") return checkValue(type, text);
  const number = Number(text);
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) && Number.isFinite(number)
    ? number
    : undefined;
}

/**
 * An option's value from YAML or JSON (a bundle, an API call).
 * @throws OptionError in Juju's words
 */
export function checkOptionValue(option: ConfigOption, value: unknown): OptionValue {
  const isWholeFloat = option.type === "float" && typeof value === "number";
  const checked = isWholeFloat ? value : checkValue(option.type, value);
  if (checked === undefined)
    throw new OptionError(
      option.name,
      `option "${option.name}" expected ${option.type}, got ${shown(value)}`,
    );
  return checked;
}

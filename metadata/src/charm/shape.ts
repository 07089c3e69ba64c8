import type { ErrorObject } from "ajv";
import { MetadataError } from "../errors.ts";

interface Validator<Shape> {
  (value: unknown): value is Shape;
  errors?: ErrorObject[] | null;
}

/**
 * `value` as the shape that `validate` knows. Keys without a value count as absent, as they do for Juju.
 * @throws MetadataError naming the first key that does not fit
 */
export function shaped<Shape>(file: string, value: unknown, validate: Validator<Shape>): Shape {
  const given = withoutNulls(value);
  if (validate(given)) return given;
  const error = mostTelling(validate.errors ?? []);
  throw new MetadataError(file, explain(error), { key: pathOf(error) });
}

function withoutNulls(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== null));
}

/** The deepest error says most: the alternatives of an `anyOf` all fail, and the outer ones only repeat it. */
function mostTelling(errors: readonly ErrorObject[]): ErrorObject | undefined {
  const depth = (error: ErrorObject): number => error.instancePath.split("/").length;
  const telling = errors.filter((error) => error.keyword !== "anyOf");
  return telling.toSorted((a, b) => depth(b) - depth(a) || rank(a) - rank(b))[0] ?? errors[0];
}

const rank = (error: ErrorObject): number => (error.keyword === "type" ? 1 : 0);

function pathOf(error: ErrorObject | undefined): string | undefined {
  const path = (error?.instancePath ?? "").split("/").slice(1).map(unescaped);
  const params = (error?.params ?? {}) as Record<string, unknown>;
  const child = params["missingProperty"] ?? params["additionalProperty"];
  return [...path, ...(typeof child === "string" ? [child] : [])].join(".") || undefined;
}

const unescaped = (part: string): string => part.replaceAll("~1", "/").replaceAll("~0", "~");

function explain(error: ErrorObject | undefined): string {
  const params = (error?.params ?? {}) as Record<string, unknown>;
  if (error === undefined) return "not valid";
  switch (error.keyword) {
    case "required":
      return "missing";
    case "additionalProperties":
      return "unknown key";
    case "enum":
      return `must be one of ${(params["allowedValues"] as unknown[]).join(", ")}`;
    case "const":
      return `must be ${JSON.stringify(params["allowedValue"])}`;
    case "type":
      return `must be ${described(params["type"])}`;
    default:
      return error.message ?? "not valid";
  }
}

const nouns: Record<string, string> = {
  object: "a map",
  array: "a list",
  string: "a string",
  integer: "a whole number",
  number: "a number",
  boolean: "true or false",
  null: "empty",
};

function described(types: unknown): string {
  return [types]
    .flat()
    .map((type) => nouns[String(type)] ?? String(type))
    .join(" or ");
}

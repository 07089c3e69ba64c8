import type { ErrorObject } from "ajv";
import { MetadataError, type Problem } from "../errors.ts";
import { nearMiss } from "../near-miss.ts";

interface Validator<Shape> {
  (value: unknown): value is Shape;
  errors?: ErrorObject[] | null;
}

/**
 * `value` as the shape that `validate` knows. Keys without a value count as absent, as they do for Juju.
 * @throws MetadataError with every key that does not fit
 */
export function shaped<Shape>(file: string, value: unknown, validate: Validator<Shape>): Shape {
  const given = withoutNulls(value);
  if (validate(given)) return given;
  throw new MetadataError(
    file,
    telling(validate.errors ?? []).map((error, index) => problemOf(error, index < mostGuesses)),
  );
}

/** Guessing is dear, and nobody reads the hundredth guess. */
const mostGuesses = 50;

function withoutNulls(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== null));
}

/**
 * One error per culprit. The alternatives of an `anyOf` all fail: the one that got deepest says most, and where none
 * got anywhere they become one error with all their types.
 */
function telling(errors: readonly ErrorObject[]): ErrorObject[] {
  const choices = new Set(errors.filter(isChoice).map(({ instancePath }) => instancePath));
  const parents = new Set(errors.flatMap(({ instancePath }) => ancestors(instancePath)));
  const telling = new Set(
    errors
      .filter((each) => each.keyword !== "type" && !isChoice(each))
      .map(({ instancePath }) => instancePath),
  );
  const kept = new Map<string, ErrorObject>();
  for (const error of errors.filter((each) => !isChoice(each))) {
    const isOuter = choices.has(error.instancePath) && error.keyword === "type";
    if (isOuter && (parents.has(error.instancePath) || telling.has(error.instancePath))) continue;
    const id = `${error.instancePath}\n${isOuter ? "type" : error.keyword}\n${childOf(error) ?? ""}`;
    const known = kept.get(id);
    kept.set(id, known === undefined || !isOuter ? error : withBothTypes(known, error));
  }
  return kept.size === 0 ? errors.slice(0, 1) : [...kept.values()];
}

const isChoice = ({ keyword }: ErrorObject): boolean => keyword === "anyOf";

function ancestors(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

function withBothTypes(one: ErrorObject, other: ErrorObject): ErrorObject {
  const types = [one, other].flatMap(({ params }) => (params as { type: string | string[] }).type);
  return { ...one, params: { type: [...new Set(types)] } };
}

function problemOf(error: ErrorObject, mayGuess: boolean): Problem {
  const child = childOf(error);
  const parent = error.instancePath.split("/").slice(1).map(unescaped);
  const path = child === undefined ? parent : [...parent, child];
  const key = path.join(".");
  return { reason: `${explain(error)}${mayGuess ? guess(error) : ""}`, ...(key === "" ? {} : { key, path }) };
}

function childOf({ params }: ErrorObject): string | undefined {
  const { missingProperty, additionalProperty } = params as Record<string, unknown>;
  const child = missingProperty ?? additionalProperty;
  return typeof child === "string" ? child : undefined;
}

const unescaped = (part: string): string => part.replaceAll("~1", "/").replaceAll("~0", "~");

function guess(error: ErrorObject): string {
  const meant = meantBy(error);
  return meant === undefined ? "" : `: did you mean "${meant}"?`;
}

/** A file with more keys than this has other troubles than a slip. */
const mostKeys = 1000;

function meantBy(error: ErrorObject): string | undefined {
  const known = Object.keys((error.parentSchema?.["properties"] ?? {}) as object);
  const present = typeof error.data === "object" && error.data !== null ? Object.keys(error.data) : [];
  const free = known.filter((name) => !Object.hasOwn(error.data ?? {}, name));
  switch (error.keyword) {
    case "additionalProperties":
      return nearMiss(childOf(error) ?? "", free);
    case "required":
      return nearMiss(
        childOf(error) ?? "",
        present.slice(0, mostKeys).filter((name) => !known.includes(name)),
      );
    case "enum":
      return typeof error.data === "string" ? nearMiss(error.data, allowed(error)) : undefined;
    default:
      return undefined;
  }
}

const allowed = ({ params }: ErrorObject): string[] =>
  ((params as Record<string, unknown>)["allowedValues"] as unknown[]).map(String);

function explain(error: ErrorObject): string {
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case "required":
      return "missing";
    case "additionalProperties":
      return "unknown key";
    case "enum":
      return `must be one of ${allowed(error).join(", ")}`;
    case "const":
      return `must be ${JSON.stringify(params["allowedValue"])}`;
    case "type":
      return `must be ${described(params["type"])}, not ${given(error.data)}`;
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

/** The kind of what was given; not the value, which may be a secret. */
function given(value: unknown): string {
  if (value === null || value === undefined) return "empty";
  return nouns[Array.isArray(value) ? "array" : typeof value] ?? typeof value;
}

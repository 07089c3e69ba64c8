/**
 * JSON Schemas that carry their TypeScript type, and a small strict interpreter of exactly the keywords used here.
 * The daemon uses it instead of ajv to stay small in memory; a test holds it against ajv on the same schemas.
 */
import { nearMiss } from "../near-miss.ts";

export interface JsonSchema {
  readonly type: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: false | JsonSchema;
  readonly maxProperties?: number;
  readonly items?: JsonSchema;
  readonly maxItems?: number;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** A schema whose accepted values have type T. */
export type Schema<T> = JsonSchema & { readonly __type?: T };
export type Infer<S> = S extends Schema<infer T> ? T : never;

type Shape = Readonly<Record<string, JsonSchema>>;
type TypeOf<S> = S extends { readonly __type?: infer T } ? T : never;
type OptionalObject<P extends Shape> = { [K in keyof P]?: TypeOf<P[K]> };
type WithRequired<P extends Shape, R extends keyof P> = Omit<OptionalObject<P>, R> & {
  [K in R]: TypeOf<P[K]>;
};

/** Go clients send `null` for an unset pointer: every scalar and section may be null, which means absent. */
export const text = (more: Partial<JsonSchema> = {}): Schema<string> => ({
  type: ["string", "null"],
  maxLength: 65_536,
  ...more,
});
export const flag = (): Schema<boolean> => ({ type: ["boolean", "null"] });
export const integer = (minimum = 0, maximum = Number.MAX_SAFE_INTEGER): Schema<number> => ({
  type: ["integer", "null"],
  minimum,
  maximum,
});
export const oneOf = <const V extends string>(...values: V[]): Schema<V> => ({
  type: "string",
  enum: values,
});
export const list = <T>(items: Schema<T>): Schema<T[]> => ({
  type: ["array", "null"],
  items,
  maxItems: 1024,
});
export const map = <T>(values: Schema<T>): Schema<Record<string, T>> => ({
  type: ["object", "null"],
  additionalProperties: values,
  maxProperties: 1024,
});
export const anything = (): Schema<unknown> => ({
  type: ["object", "array", "string", "number", "boolean", "null"],
});
export function object<const P extends Shape, const R extends keyof P & string = never>(
  properties: P,
  required: readonly R[] = [],
): Schema<WithRequired<P, R>> {
  return { type: ["object", "null"], properties, required, additionalProperties: false };
}

/** One thing wrong with a value: where, and what was expected there. */
export interface Problem {
  readonly path: string;
  readonly message: string;
}

const typeOf = (value: unknown): string =>
  value === null
    ? "null"
    : Array.isArray(value)
      ? "array"
      : Number.isInteger(value)
        ? "integer"
        : typeof value;

function typeMatches(schema: JsonSchema, value: unknown): boolean {
  const types = typeof schema.type === "string" ? [schema.type] : schema.type;
  const actual = typeOf(value);
  return types.includes(actual) || (actual === "integer" && types.includes("number"));
}

/** All problems of a value at once; an empty list means that it is valid. */
export function problemsOf(schema: JsonSchema, value: unknown, path = ""): Problem[] {
  const at = path || "(top level)";
  if (!typeMatches(schema, value)) {
    const expected = (typeof schema.type === "string" ? [schema.type] : schema.type).filter(
      (t) => t !== "null",
    );
    return [{ path: at, message: `expected ${expected.join(" or ")}, got ${typeOf(value)}` }];
  }
  if (typeof value === "string") return problemsOfString(schema, value, at);
  if (typeof value === "number") return problemsOfNumber(schema, value, at);
  if (Array.isArray(value)) return problemsOfArray(schema, value, path, at);
  if (value !== null && typeof value === "object") return problemsOfObject(schema, value, path, at);
  return [];
}

function problemsOfString(schema: JsonSchema, value: string, at: string): Problem[] {
  const problems: Problem[] = [];
  if (schema.maxLength !== undefined && value.length > schema.maxLength)
    problems.push({ path: at, message: `expected at most ${schema.maxLength} characters` });
  if (schema.enum && !schema.enum.includes(value))
    problems.push({ path: at, message: `expected one of ${schema.enum.join(", ")}` });
  if (schema.pattern && !new RegExp(schema.pattern, "u").test(value))
    problems.push({ path: at, message: `expected text that matches ${schema.pattern}` });
  return problems;
}

function problemsOfNumber(schema: JsonSchema, value: number, at: string): Problem[] {
  const { minimum = -Infinity, maximum = Infinity } = schema;
  if (value >= minimum && value <= maximum) return [];
  return [{ path: at, message: `expected a number from ${minimum} to ${maximum}` }];
}

function problemsOfArray(schema: JsonSchema, value: unknown[], path: string, at: string): Problem[] {
  if (schema.maxItems !== undefined && value.length > schema.maxItems)
    return [{ path: at, message: `expected at most ${schema.maxItems} items` }];
  const items = schema.items;
  return items ? value.flatMap((item, index) => problemsOf(items, item, `${path}[${index}]`)) : [];
}

function problemsOfObject(schema: JsonSchema, value: object, path: string, at: string): Problem[] {
  const entries = Object.entries(value);
  if (schema.maxProperties !== undefined && entries.length > schema.maxProperties)
    return [{ path: at, message: `expected at most ${schema.maxProperties} keys` }];
  const missing = (schema.required ?? [])
    .filter((key) => !Object.hasOwn(value, key) || (value as Record<string, unknown>)[key] === null)
    .map((key) => ({ path: join(path, key), message: "is required" }));
  return [...missing, ...entries.flatMap(([key, item]) => problemsOfKey(schema, path, key, item))];
}

function problemsOfKey(schema: JsonSchema, path: string, key: string, item: unknown): Problem[] {
  const properties = schema.properties ?? {};
  const known = Object.hasOwn(properties, key) ? properties[key] : schema.additionalProperties;
  if (known === undefined) return [];
  if (known) return problemsOf(known, item, join(path, key));
  const meant = nearMiss(key, Object.keys(properties));
  const hint = meant === undefined ? "" : `: did you mean "${meant}"?`;
  return [{ path: join(path, key), message: `json: unknown field "${key.slice(0, 64)}"${hint}` }];
}

const join = (path: string, key: string) => (path ? `${path}.${key.slice(0, 64)}` : key.slice(0, 64));

/** Thrown for input that does not fit its schema; `problems` lists everything that is wrong. */
export class InvalidInput extends Error {
  override readonly name = "InvalidInput";
  readonly problems: readonly Problem[];

  constructor(subject: string, problems: readonly Problem[]) {
    const shown = problems.slice(0, 20).map(({ path, message }) => `${path}: ${message}`);
    if (problems.length > 20) shown.push(`and ${problems.length - 20} more`);
    super(`${subject}: ${shown.join("; ")}`);
    this.problems = problems;
  }
}

/** The value as its type, with nulls of optional keys dropped. @throws InvalidInput */
export function parse<T>(schema: Schema<T>, value: unknown, subject: string): T {
  const problems = problemsOf(schema, value);
  if (problems.length > 0) throw new InvalidInput(subject, problems);
  return withoutNulls(schema, value) as T;
}

/** Nulls of declared keys mean "absent"; nulls of free maps (extra arguments) are values and stay. */
function withoutNulls(schema: JsonSchema, value: unknown): unknown {
  const { properties, items } = schema;
  if (Array.isArray(value)) return items ? value.map((item) => withoutNulls(items, item)) : value;
  if (value === null || typeof value !== "object" || !properties) return value;
  const kept = Object.entries(value).filter(([, item]) => item !== null);
  return Object.fromEntries(
    kept.map(([key, item]) => [key, withoutNulls(properties[key] ?? anything(), item)]),
  );
}

/**
 * Parameters of facade methods as a client sent them: unknown until read by one of these. Null means "not given" (R5),
 * keys of nested objects come in any case (R4). A wrong type is a `bad request` that names the parameter.
 */
import { ApiError, lenient, type Params } from "../facade.ts";

/** Nobody means more at once; a bound keeps a hostile request cheap. */
const largestList = 10_000;

function refuse(key: string, expected: string, value: unknown): never {
  const got = Array.isArray(value) ? "a list" : `a ${typeof value}`;
  throw new ApiError("bad request", `parameter "${key}": expected ${expected}, got ${got}`);
}

/** @throws ApiError "bad request" when it is missing, empty or no string */
export function text(params: Params, key: string): string {
  const value = optionalText(params, key);
  if (!value) throw new ApiError("bad request", `parameter "${key}" is missing: expected a non-empty string`);
  return value;
}

/** @throws ApiError "bad request" when it is no string */
export function optionalText(params: Params, key: string): string | undefined {
  const value = params[key];
  if (value === undefined || value === null) return undefined;
  return typeof value === "string" ? value : refuse(key, "a string", value);
}

/** @throws ApiError "bad request" */
export function flag(params: Params, key: string): boolean {
  const value = params[key] ?? false;
  return typeof value === "boolean" ? value : refuse(key, "true or false", value);
}

/** @throws ApiError "bad request" when it is no whole number within the bounds */
export function wholeNumber(
  params: Params,
  key: string,
  {
    fallback = 0,
    min = 0,
    max = Number.MAX_SAFE_INTEGER,
  }: { fallback?: number; min?: number; max?: number } = {},
): number {
  const value = params[key] ?? fallback;
  if (typeof value !== "number" || !Number.isInteger(value)) return refuse(key, "a whole number", value);
  if (value < min || value > max)
    throw new ApiError("bad request", `parameter "${key}": expected ${min} to ${max}, got ${value}`);
  return value;
}

/** @throws ApiError "bad request" */
export function list(params: Params, key: string): unknown[] {
  const value = params[key] ?? [];
  if (!Array.isArray(value)) return refuse(key, "a list", value);
  if (value.length > largestList)
    throw new ApiError(
      "bad request",
      `parameter "${key}": at most ${largestList} entries, got ${value.length}`,
    );
  return value;
}

/** @throws ApiError "bad request" */
export function texts(params: Params, key: string): string[] {
  return list(params, key).map((value) =>
    typeof value === "string" ? value : refuse(key, "a list of strings", value),
  );
}

/** A list of objects, each with lower-case keys and without nulls. @throws ApiError "bad request" */
export function items(params: Params, key: string): Params[] {
  return list(params, key).map((value) =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? lenient(value)
      : refuse(key, "a list of objects", value),
  );
}

/** An object whose keys are data (option names): kept as they are, nulls left out. @throws ApiError "bad request" */
export function record(params: Params, key: string): Record<string, unknown> {
  const value = params[key] ?? {};
  if (typeof value !== "object" || Array.isArray(value)) return refuse(key, "an object", value);
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== null));
}

/** @throws ApiError "bad request" */
export function textRecord(params: Params, key: string): Record<string, string> {
  const entries = Object.entries(record(params, key));
  return Object.fromEntries(
    entries.map(([k, v]) => [k, typeof v === "string" ? v : refuse(`${key}.${k}`, "a string", v)]),
  );
}

/** The tags of `{"entities":[{"tag":…}]}`. @throws ApiError "bad request" */
export function entityTags(params: Params, key = "entities"): string[] {
  return items(params, key).map((entity) => text(entity, "tag"));
}

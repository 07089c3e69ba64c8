/**
 * Plain JSON records with keys that strangers choose: `__proto__` and `constructor` are keys like any other here.
 */
import { hash } from "node:crypto";

/** The record's own value; what it inherits does not count. */
export function own<Value>(
  record: Readonly<Record<string | number, Value>>,
  key: string | number,
): Value | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

export function put<Value>(record: Record<string | number, Value>, key: string | number, value: Value): void {
  if (key !== "__proto__") record[key] = value;
  else Object.defineProperty(record, key, { value, writable: true, enumerable: true, configurable: true });
}

/** Sets and deletes keys of a record. */
export function amend<Value>(
  record: Record<string, Value>,
  set: Readonly<Record<string, Value>>,
  remove: readonly string[] = [],
): void {
  for (const [key, value] of Object.entries(set)) put(record, key, value);
  for (const key of remove) delete record[key];
}

/** A deep copy of JSON data, so that events and state never share what changes. */
export function copy<Json>(value: Json): Json {
  if (Array.isArray(value)) return value.map((item: unknown) => copy(item)) as Json;
  if (typeof value !== "object" || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const inner = (value as Record<string, unknown>)[key];
    if (inner !== undefined) put(result, key, copy(inner));
  }
  return result as Json;
}

/** JSON with sorted keys: equal data, equal text. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item)).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const record = value as Record<string, unknown>;
  const entries = Object.keys(record)
    .filter((key) => record[key] !== undefined)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonical(record[key])}`);
  return `{${entries.join(",")}}`;
}

export const digest = (value: unknown): string => hash("sha256", canonical(value)).slice(0, 16);

/** A fraction from 0 to 1 that only depends on the seed: jitter without randomness. */
export const fraction = (...seed: readonly (string | number)[]): number =>
  Number.parseInt(digest(seed).slice(0, 8), 16) / 0xffff_ffff;

export const isSame = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b);

import { copy, own, put } from "../records.ts";

type Schema = Readonly<Record<string, unknown>>;

/** A copy of the parameters in which what is missing has the default of its schema, at any depth. */
export function withDefaults(
  schema: Schema,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const filled: Record<string, unknown> = copy(given);
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  for (const [name, inner] of Object.entries(properties)) {
    if (!isObject(inner)) continue;
    const value = own(filled, name);
    if (value === undefined && Object.hasOwn(inner, "default")) put(filled, name, copy(inner["default"]));
    else if (isObject(value)) put(filled, name, withDefaults(inner, value));
    else if (value === undefined && hasDefaults(inner)) put(filled, name, withDefaults(inner, {}));
  }
  return filled;
}

function hasDefaults(schema: Schema): boolean {
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  return Object.values(properties).some(
    (inner) => isObject(inner) && (Object.hasOwn(inner, "default") || hasDefaults(inner)),
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * Validation of action parameters by the JSON Schema (draft 4, as Juju reads it, and the same words of later drafts) in a
 * charm's actions.yaml. References are refused when a charm is read, so a schema is a finite tree. Written here and not
 * taken from a library, because a library compiles schemas to code, and these come from strangers.
 */
import { canonical, isSame } from "../records.ts";

type Schema = Readonly<Record<string, unknown>>;
type Check = (value: unknown, schema: Schema, at: string) => string[];

/** Why the value does not fit: empty if it does. Paths start at `(root)`. */
export function validate(schema: unknown, value: unknown, at = "(root)"): string[] {
  if (schema === false) return [`${at} : nothing is allowed here`];
  if (!isObject(schema)) return [];
  return [byType, byValue, ofNumber, ofString, ofArray, ofObject, combined].flatMap((check) =>
    check(value, schema, at),
  );
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const asNumber = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);
const given = (value: unknown): string => canonical(value).slice(0, 200);

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number";
  return typeof value;
}

const byType: Check = (value, { type }, at) => {
  if (type === undefined) return [];
  const allowed: unknown[] = Array.isArray(type) ? type : [type];
  const actual = typeOf(value);
  const fits = allowed.includes(actual) || (actual === "integer" && allowed.includes("number"));
  return fits ? [] : [`${at} : must be of type ${allowed.join(" or ")}, given ${given(value)}`];
};

const byValue: Check = (value, schema, at) => {
  const { enum: options } = schema;
  if (Array.isArray(options) && !options.some((option) => isSame(option, value)))
    return [`${at} : must match one of the enum values ${canonical(options)}, given ${given(value)}`];
  if (Object.hasOwn(schema, "const") && !isSame(schema["const"], value))
    return [`${at} : must be ${given(schema["const"])}, given ${given(value)}`];
  return [];
};

const ofNumber: Check = (value, schema, at) => {
  if (typeof value !== "number") return [];
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema;
  const limits: [boolean, string][] = [
    [value < (asNumber(minimum) ?? -Infinity), `greater than or equal to ${String(minimum)}`],
    [value > (asNumber(maximum) ?? Infinity), `less than or equal to ${String(maximum)}`],
    [value <= (asNumber(exclusiveMinimum) ?? -Infinity), `greater than ${String(exclusiveMinimum)}`],
    [value >= (asNumber(exclusiveMaximum) ?? Infinity), `less than ${String(exclusiveMaximum)}`],
    [exclusiveMinimum === true && value === minimum, `greater than ${String(minimum)}`],
    [exclusiveMaximum === true && value === maximum, `less than ${String(maximum)}`],
    [!isMultiple(value, asNumber(multipleOf)), `a multiple of ${String(multipleOf)}`],
  ];
  return limits.filter(([isBroken]) => isBroken).map(([, rule]) => `${at} : must be ${rule}, given ${value}`);
};

const isMultiple = (value: number, of: number | undefined): boolean =>
  of === undefined || of <= 0 || Math.abs(value / of - Math.round(value / of)) < 1e-9;

const ofString: Check = (value, { minLength, maxLength, pattern }, at) => {
  if (typeof value !== "string") return [];
  const length = Array.from(value).length;
  if (length < (asNumber(minLength) ?? 0))
    return [`${at} : must have at least ${String(minLength)} characters`];
  if (length > (asNumber(maxLength) ?? Infinity))
    return [`${at} : must have at most ${String(maxLength)} characters`];
  const expression = typeof pattern === "string" ? compiled(pattern) : undefined;
  return expression && !expression.test(value) ? [`${at} : does not match pattern '${String(pattern)}'`] : [];
};

function compiled(pattern: string): RegExp | undefined {
  try {
    return new RegExp(pattern, "u");
  } catch {
    return undefined;
  }
}

const ofArray: Check = (value, { items, minItems, maxItems, uniqueItems }, at) => {
  if (!Array.isArray(value)) return [];
  if (value.length < (asNumber(minItems) ?? 0))
    return [`${at} : must have at least ${String(minItems)} items`];
  if (value.length > (asNumber(maxItems) ?? Infinity))
    return [`${at} : must have at most ${String(maxItems)} items`];
  const isRepeating = uniqueItems === true && new Set(value.map(canonical)).size < value.length;
  if (isRepeating) return [`${at} : items must be unique`];
  return value.flatMap((item, index) => {
    const inner: unknown = Array.isArray(items) ? items[index] : items;
    return validate(inner, item, `${at}.${index}`);
  });
};

const ofObject: Check = (value, schema, at) => {
  if (!isObject(value)) return [];
  const { required, properties, patternProperties, additionalProperties } = schema;
  const missing = (Array.isArray(required) ? required : []).filter(
    (name) => !Object.hasOwn(value, String(name)),
  );
  const problems = missing.map(
    (name) => `${at} : "${String(name)}" property is missing and required, given ${given(value)}`,
  );
  const patterns = Object.entries(isObject(patternProperties) ? patternProperties : {});
  const known = isObject(properties) ? properties : {};
  for (const [name, inner] of Object.entries(value)) {
    const path = `${at}.${name}`;
    const matching = patterns.filter(([pattern]) => compiled(pattern)?.test(name)).map(([, each]) => each);
    const schemas = [...(Object.hasOwn(known, name) ? [known[name]] : []), ...matching];
    if (schemas.length > 0) problems.push(...schemas.flatMap((each) => validate(each, inner, path)));
    else if (additionalProperties === false)
      problems.push(`${at} : additional property "${name}" is not allowed, given ${given(value)}`);
    else problems.push(...validate(additionalProperties, inner, path));
  }
  return problems;
};

const combined: Check = (value, { allOf, anyOf, oneOf, not }, at) => {
  const fits = (schema: unknown): boolean => validate(schema, value, at).length === 0;
  const count = (schemas: unknown[]): number => schemas.filter(fits).length;
  const problems = Array.isArray(allOf) ? allOf.flatMap((schema) => validate(schema, value, at)) : [];
  if (Array.isArray(anyOf) && count(anyOf) === 0)
    problems.push(`${at} : must validate at least one schema (anyOf)`);
  if (Array.isArray(oneOf) && count(oneOf) !== 1)
    problems.push(`${at} : must validate one and only one schema (oneOf)`);
  if (isObject(not) && fits(not)) problems.push(`${at} : must not validate the schema (not)`);
  return problems;
};

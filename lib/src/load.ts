/** Raw values made into a charm's own: a function, or any validator's object that has a `parse`. Throws what people can act on. */
export type Parse<Raw, Value> = ((raw: Raw) => Value) | { parse(raw: Raw): Value };

export function parseWith<Raw, Value>(parse: Parse<Raw, Value>, raw: Raw): Value {
  return typeof parse === "function" ? parse(raw) : parse.parse(raw);
}

export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Keys of a databag as values: each field knows how it is written and what it expects when it is read. */

/** A text that is no such value; the text itself is not repeated, as it is someone else's. */
export class FieldError extends Error {
  override readonly name = "FieldError";

  constructor(expected: string) {
    super(`expected ${expected}`);
  }
}

/** How one key of a databag is written and read. */
export interface Field<Value> {
  /** @throws FieldError */
  parse(raw: string): Value;
  /** The text for the databag. */
  format(value: Value): string;
}
/** A key that may be absent: its value is then undefined, and writing undefined deletes it. */
export interface OptionalField<Value> extends Field<Value> {
  readonly optional: true;
}
/** The keys of a databag. */
export type Fields = Readonly<Record<string, Field<unknown>>>;

type OptionalKeys<F> = { [K in keyof F]: F[K] extends OptionalField<unknown> ? K : never }[keyof F];
type ValueOf<F> = F extends Field<infer Value> ? Value : never;
/** What a databag with these fields holds. */
export type ValuesOf<F> = { readonly [K in Exclude<keyof F, OptionalKeys<F>>]: ValueOf<F[K]> } & {
  readonly [K in OptionalKeys<F>]?: ValueOf<F[K]>;
};

/**
 * A text, where `matching` is given only one that matches; `expected` is what people are told otherwise. Not the empty text:
 * Juju keeps no empty values.
 */
export function text({
  matching,
  expected = `a text like ${String(matching)}`,
}: { matching?: RegExp; expected?: string } = {}): Field<string> {
  return {
    parse: (raw) => {
      if (matching && !matching.test(raw)) throw new FieldError(expected);
      return raw;
    },
    format: (value) => value,
  };
}

/** One of these texts. */
export function oneOf<const Value extends string>(...values: readonly Value[]): Field<Value> {
  return {
    parse: (raw) => {
      const value = values.find((known) => known === raw);
      if (value === undefined) throw new FieldError(`one of ${values.join(", ")}`);
      return value;
    },
    format: (value) => value,
  };
}

/** A whole number in decimal notation, from `least` to `most`, both included. */
export function integer({ least = -Infinity, most = Infinity } = {}): Field<number> {
  const bounds = [
    ...(least === -Infinity ? [] : [`at least ${least}`]),
    ...(most === Infinity ? [] : [`at most ${most}`]),
  ].join(", ");
  return {
    parse: (raw) => {
      const value = /^-?\d+$/.test(raw) ? Number(raw) : Number.NaN;
      if (!Number.isSafeInteger(value) || value < least || value > most)
        throw new FieldError(`an integer${bounds && `, ${bounds}`}`);
      return value;
    },
    format: String,
  };
}

/** `true` or `false`, in lower case. */
export function boolean(): Field<boolean> {
  return {
    parse: (raw) => {
      if (raw !== "true" && raw !== "false") throw new FieldError("true or false");
      return raw === "true";
    },
    format: String,
  };
}

/** A value as JSON, as `ops` saves it; `check` says what it must be, and throws if it is not. */
export function json<Value>(check: (value: unknown) => Value): Field<Value> {
  return {
    parse: (raw) => {
      let value: unknown;
      try {
        value = JSON.parse(raw);
      } catch {
        throw new FieldError("JSON");
      }
      return check(value);
    },
    format: (value) => JSON.stringify(value),
  };
}

/** The same field, for a key that may be absent. */
export function optional<Value>(field: Field<Value>): OptionalField<Value> {
  return { ...field, optional: true };
}

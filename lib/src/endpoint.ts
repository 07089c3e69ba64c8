/** A relation endpoint with a schema: typed where it is compiled, checked where it is read, and what does not fit is a status. */
import type { Charm } from "./framework/charm.ts";
import { RelationTypeError } from "./errors.ts";
import type { RelationEvents } from "./framework/charm-events.ts";
import type { Fields, OptionalField, ValuesOf } from "./fields.ts";
import { reasonOf } from "./load.ts";
import type { Relation } from "./model/relation.ts";
import { type Outcome, blocked, done, wait } from "./reconcile.ts";

/** What one side writes: into each unit's databag, into its application's. */
export interface Side {
  readonly unit?: Fields;
  readonly app?: Fields;
}
type FieldsOf<S extends Side, As extends "app" | "unit"> = S[As] extends Fields
  ? S[As]
  : Record<never, never>;

/** A databag as it was read. Keys that the schema does not name, of a newer peer, are left alone. */
export type ReadBag<Values> =
  | { readonly kind: "fits"; readonly value: Values }
  | { readonly kind: "missing"; readonly keys: readonly string[] }
  | { readonly kind: "misfit"; readonly key: string; readonly reason: string };

/**
 * An endpoint with the schema of both sides: what is written is typed, what is read is checked and typed. Both sides of an
 * interface share one schema, and swap `ours` and `theirs`.
 * @example
 * const greeting = { provider: { unit: { words: text() } }, requirer: { unit: { port: integer() } } };
 * readonly #guests = new Endpoint(this, "guests", { ours: greeting.provider, theirs: greeting.requirer });
 */
export class Endpoint<const Ours extends Side, const Theirs extends Side> {
  readonly name: string;
  readonly on: RelationEvents;
  readonly #charm: Charm;
  readonly #ours: Ours;
  readonly #theirs: Theirs;

  /** @throws UnknownName */
  constructor(charm: Charm, name: string, { ours, theirs }: { ours: Ours; theirs: Theirs }) {
    this.name = name;
    this.on = charm.on.relation(name);
    this.#charm = charm;
    this.#ours = ours;
    this.#theirs = theirs;
  }

  /** The relations of the endpoint, without one that is being broken. */
  relations(): Promise<readonly Relation[]> {
    return this.#charm.model.relations(this.name);
  }

  /**
   * Writes all of the own side: optional values that are not given are deleted.
   * @throws RelationTypeError, with nothing written, for a value that the other side would not read
   */
  async write<As extends "app" | "unit">(
    relation: Relation,
    as: As,
    values: ValuesOf<FieldsOf<Ours, As>>,
  ): Promise<void> {
    const given = values as Readonly<Record<string, unknown>>;
    const fields: Fields = this.#ours[as] ?? {};
    const written = Object.entries(fields).map(([key, field]) => [
      key,
      textFor(field, given[key], (reason) => new RelationTypeError(relation.key, key, reason)),
    ]);
    await relation.set(as, Object.fromEntries(written) as Record<string, string>);
  }

  /** The databag of one of the other side's units, by its name. */
  async unit(relation: Relation, name: string): Promise<ReadBag<ValuesOf<FieldsOf<Theirs, "unit">>>> {
    return readBag(await relation.data(name), this.#theirs.unit) as ReadBag<
      ValuesOf<FieldsOf<Theirs, "unit">>
    >;
  }

  /** The databag of the other side's application. */
  async app(relation: Relation): Promise<ReadBag<ValuesOf<FieldsOf<Theirs, "app">>>> {
    const bag = relation.app === undefined ? {} : await relation.data(relation.app);
    return readBag(bag, this.#theirs.app) as ReadBag<ValuesOf<FieldsOf<Theirs, "app">>>;
  }

  /** As a step's outcome: blocked by the first value that does not fit, waiting for the first that is missing. */
  async fits(): Promise<Outcome> {
    let waiting: Outcome = done;
    for (const relation of await this.relations()) {
      for (const [entity, bag] of await this.#bags(relation)) {
        if (bag.kind === "misfit")
          return blocked(`fix what ${entity} sends in ${relation.key}: "${bag.key}": ${bag.reason}`);
        if (bag.kind === "missing" && waiting === done)
          waiting = wait(`"${bag.keys[0]}" from ${entity} in ${relation.key}`);
      }
    }
    return waiting;
  }

  async #bags(relation: Relation): Promise<(readonly [entity: string, ReadBag<unknown>])[]> {
    const ofApp =
      this.#theirs.app === undefined ? [] : [[relation.app ?? "", await this.app(relation)] as const];
    if (this.#theirs.unit === undefined) return ofApp;
    const ofUnits = (await relation.units()).map(
      async (name) => [name, await this.unit(relation, name)] as const,
    );
    return [...ofApp, ...(await Promise.all(ofUnits))];
  }
}

const isOptional = (field: Fields[string]): boolean =>
  (field as Partial<OptionalField<unknown>>).optional === true;

/** What the other side reads as the same value; the empty text deletes the key. */
function textFor(field: Fields[string], value: unknown, refusal: (reason: string) => Error): string {
  const raw = value === undefined ? "" : field.format(value);
  if (raw === "" && isOptional(field)) return raw;
  if (raw === "") throw refusal("expected a value that is not empty: Juju keeps no others");
  try {
    field.parse(raw);
  } catch (error) {
    throw refusal(reasonOf(error));
  }
  return raw;
}

function readBag(raw: Readonly<Record<string, string>>, fields: Fields = {}): ReadBag<unknown> {
  const value: Record<string, unknown> = {};
  const missing: string[] = [];
  for (const [key, field] of Object.entries(fields)) {
    if (!Object.hasOwn(raw, key)) {
      if (!isOptional(field)) missing.push(key);
      continue;
    }
    try {
      value[key] = field.parse(raw[key] ?? "");
    } catch (error) {
      return { kind: "misfit", key, reason: reasonOf(error) };
    }
  }
  return missing.length === 0 ? { kind: "fits", value } : { kind: "missing", keys: missing };
}

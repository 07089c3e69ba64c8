/** What a charm's files declare, as types. They exist while compiling only; nothing here is there at run time. */

/** The value of an option: `int` and `float` are numbers, `secret` is the text of a secret's id. */
export type ConfigValue = string | number | boolean;
/** Options by name; those with neither value nor default are absent. No name is taken: there is nothing else in it. */
export type Config = Readonly<Record<string, ConfigValue | undefined>>;
/** Parameters of an action by name, as Juju checked them, with defaults. */
export type ActionParams = Readonly<Record<string, unknown>>;

/**
 * What is given to `Charm` to have its options, parameters and names typed: `metadata/scripts/charm-types.ts` makes a `Declared` of
 * charmcraft.yaml. What is left out stays untyped.
 * @example
 * class WebCharm extends Charm<Declared> {}
 * class SmallCharm extends Charm<{ config: { greeting?: string } }> {}
 */
export interface CharmTypes {
  readonly config?: object;
  readonly actions?: object;
  readonly relations?: object;
  readonly resources?: object;
  readonly storage?: object;
}

/** An interface's members as a type that fits wherever a record is wanted. */
type Members<Type> = { readonly [Key in keyof Type]: Type[Key] };

/** The options of a charm with these types. */
export type ConfigOf<Types extends CharmTypes> = Types extends { readonly config: infer Options }
  ? Members<Options>
  : Config;

/** The parameters of one action of a charm with these types. */
export type ParamsOf<Types extends CharmTypes, Action> = Types extends { readonly actions: infer Actions }
  ? Action extends keyof Actions
    ? Members<Actions[Action]>
    : never
  : ActionParams;

/** The names that a charm with these types may use: of its endpoints, say. */
export type NameOf<Types extends CharmTypes, Kind extends keyof CharmTypes> =
  Types extends Readonly<Record<Kind, infer Named>> ? keyof Named & string : string;

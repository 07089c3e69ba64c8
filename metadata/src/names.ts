/**
 * The name grammars of a model, as branded types: a `UnitName` cannot be passed where an `ApplicationName` is expected,
 * and the only way to get one is to parse it here.
 */
declare const brand: unique symbol;
type Branded<Tag extends string> = string & { readonly [brand]: Tag };

export type ApplicationName = Branded<"application">;
export type UnitName = Branded<"unit">;
export type EndpointName = Branded<"endpoint">;
export type StorageName = Branded<"storage">;
export type StorageId = Branded<"storage instance">;
export type ModelName = Branded<"model">;
export type ControllerName = Branded<"controller">;
export type MachineId = Branded<"machine">;
export type ActionName = Branded<"action">;
export type SecretId = Branded<"secret">;
export type RelationId = number & { readonly [brand]: "relation" };

const application = "[a-z][a-z0-9]*(?:-[a-z0-9]*[a-z][a-z0-9]*)*";
const number = "(?:0|[1-9][0-9]*)";
const whole = (source: string): RegExp => new RegExp(`^(?:${source})$`);

const grammars = {
  application: whole(application),
  unit: whole(`${application}/${number}`),
  endpoint: whole("[a-z][a-z0-9]*(?:[_-][a-z0-9]+)*"),
  storage: whole(application),
  "storage instance": whole(`${application}/${number}`),
  model: whole("[a-z0-9][a-z0-9-]*"),
  controller: whole("[a-z0-9][a-z0-9-]*"),
  machine: whole(`${number}(?:/[a-z]+/${number})*`),
  action: whole("[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"),
  secret: whole("[0-9a-z]{20}"),
} as const;

type Kind = keyof typeof grammars;
/** Long names are nobody's intention, and a bound keeps hostile input cheap. */
const longestName = 256;

const expected: Record<Kind, string> = {
  application: "lower-case letters, digits and hyphens, a letter first and one in each part",
  unit: '"application/number"',
  endpoint: "lower-case letters and digits, with single hyphens or underscores between them",
  storage: "lower-case letters, digits and hyphens, a letter first and one in each part",
  "storage instance": '"storage/number"',
  model: "lower-case letters, digits and hyphens",
  controller: "lower-case letters, digits and hyphens",
  machine: '"0" or "0/lxd/1"',
  action: "lower-case letters, digits and hyphens, no hyphen first or last",
  secret: "20 letters and digits",
};

/** A name that does not follow its grammar. */
export class NameError extends Error {
  override readonly name = "NameError";
  readonly kind: string;
  readonly value: string;

  constructor(kind: Kind, value: unknown) {
    const shown = typeof value === "string" ? value.slice(0, 80) : typeof value;
    super(`Cannot use ${JSON.stringify(shown)} as ${article(kind)} name: expected ${expected[kind]}`);
    this.kind = kind;
    this.value = shown;
  }
}

function article(kind: Kind): string {
  return /^[aeiou]/.test(kind) && kind !== "unit" ? `an ${kind}` : `a ${kind}`;
}

function matches(kind: Kind, value: unknown): value is string {
  return typeof value === "string" && value.length <= longestName && grammars[kind].test(value);
}

function parsed(kind: Kind, value: unknown): never {
  if (!matches(kind, value)) throw new NameError(kind, value);
  return value as never;
}

export const isApplicationName = (value: unknown): value is ApplicationName => matches("application", value);
export const isUnitName = (value: unknown): value is UnitName => matches("unit", value);
export const isEndpointName = (value: unknown): value is EndpointName => matches("endpoint", value);
export const isStorageName = (value: unknown): value is StorageName => matches("storage", value);
export const isStorageId = (value: unknown): value is StorageId => matches("storage instance", value);
export const isModelName = (value: unknown): value is ModelName => matches("model", value);
export const isControllerName = (value: unknown): value is ControllerName => matches("controller", value);
export const isMachineId = (value: unknown): value is MachineId => matches("machine", value);
export const isActionName = (value: unknown): value is ActionName => matches("action", value);
export const isSecretId = (value: unknown): value is SecretId => matches("secret", value);

/** @throws NameError */
export const parseApplicationName = (value: unknown): ApplicationName => parsed("application", value);
/** @throws NameError */
export const parseUnitName = (value: unknown): UnitName => parsed("unit", value);
/** @throws NameError */
export const parseEndpointName = (value: unknown): EndpointName => parsed("endpoint", value);
/** @throws NameError */
export const parseStorageName = (value: unknown): StorageName => parsed("storage", value);
/** @throws NameError */
export const parseStorageId = (value: unknown): StorageId => parsed("storage instance", value);
/** @throws NameError */
export const parseModelName = (value: unknown): ModelName => parsed("model", value);
/** @throws NameError */
export const parseControllerName = (value: unknown): ControllerName => parsed("controller", value);
/** @throws NameError */
export const parseMachineId = (value: unknown): MachineId => parsed("machine", value);
/** @throws NameError */
export const parseActionName = (value: unknown): ActionName => parsed("action", value);

/**
 * The bare id of a secret, from any form that tools accept: `secret:<id>`, `<id>`, `secret://<model-uuid>/<id>`.
 * @throws NameError
 */
export function parseSecretId(value: unknown): SecretId {
  const bare = typeof value === "string" ? value.replace(/^secret:(?:\/\/[0-9a-f-]{36}\/)?/, "") : value;
  return parsed("secret", bare);
}

/** The URI that charms see and store: `secret:<id>`. */
export const secretUri = (id: SecretId): string => `secret:${id}`;

/** `app/3` → `app`. */
export const applicationOf = (unit: UnitName): ApplicationName =>
  unit.slice(0, unit.indexOf("/")) as ApplicationName;

/** `app/3` → 3. */
export const unitNumberOf = (unit: UnitName): number => Number(unit.slice(unit.indexOf("/") + 1));

/** `app`, 3 → `app/3`. */
export const unitName = (app: ApplicationName, number: number): UnitName => parseUnitName(`${app}/${number}`);

/** The tag that paths and the API use: `app/3` → `unit-app-3`. */
export const unitTag = (unit: UnitName): string => `unit-${unit.replace("/", "-")}`;

/** `0/lxd/1` → `machine-0-lxd-1`. */
export const machineTag = (machine: MachineId): string => `machine-${machine.replaceAll("/", "-")}`;

/**
 * Orders units by application, then by number: `a/2` comes before `a/10`.
 */
export function compareUnits(a: UnitName, b: UnitName): number {
  const appA = applicationOf(a);
  const appB = applicationOf(b);
  if (appA !== appB) return appA < appB ? -1 : 1;
  return unitNumberOf(a) - unitNumberOf(b);
}

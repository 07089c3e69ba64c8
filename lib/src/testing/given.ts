import type { WorkloadStatus } from "@cantrip/model";
import type { CharmDefinition } from "../framework/definition.ts";
import type { RelationState, SecretState, State } from "./state.ts";

type Writable<T> = { -readonly [K in keyof T]: T[K] };
export type FullRelation = Writable<Required<RelationState>>;
export type FullSecret = Writable<SecretState> & {
  owner: "application" | "unit" | "remote";
  revision: number;
};
/** A State with nothing left out, that a dispatch works on. */
export type World = Writable<Required<Omit<State, "relations" | "secrets">>> & {
  relations: FullRelation[];
  secrets: FullSecret[];
};

export const unitOf = ({ app, unitNumber }: Pick<World, "app" | "unitNumber">): string =>
  `${app}/${unitNumber}`;

/** A given state that the charm's own files contradict: the test is wrong, not the charm. */
export class GivenError extends Error {
  override readonly name = "GivenError";

  /** @internal */
  constructor(reason: string) {
    super(`The given state cannot be: ${reason}`);
  }
}

/** @throws GivenError */
export function worldOf(state: State, definition: CharmDefinition): World {
  const given = structuredClone(state);
  const app = given.app ?? definition.metadata.name;
  return {
    app,
    unitNumber: given.unitNumber ?? 0,
    leader: given.leader ?? false,
    config: checkedConfig(given.config ?? {}, definition),
    relations: relationsOf(given.relations ?? [], app, definition),
    secrets: (given.secrets ?? []).map((secret) => ({ owner: "remote", revision: 1, ...secret })),
    storage: given.storage ?? {},
    resources: checkedNames("resource", given.resources ?? {}, definition.metadata.resources),
    status: given.status ?? "unknown",
    appStatus: given.appStatus ?? "unknown",
    workloadVersion: given.workloadVersion ?? "",
    openPorts: given.openPorts ?? [],
    plannedUnits: given.plannedUnits ?? 1,
    addresses: given.addresses ?? ["192.0.2.0"],
    stored: given.stored ?? {},
    deferred: given.deferred ?? [],
    model: given.model ?? { name: "test", uuid: "00000000-0000-4000-8000-000000000000" },
  };
}

function checkedConfig(
  config: NonNullable<State["config"]>,
  { config: { options } }: CharmDefinition,
): NonNullable<State["config"]> {
  checkedNames("option", config, options);
  const types = {
    string: "string",
    secret: "string",
    int: "number",
    float: "number",
    boolean: "boolean",
  } as const;
  for (const { name, type } of options) {
    const value = Object.hasOwn(config, name) ? config[name] : undefined;
    if (value !== undefined && typeof value !== types[type])
      throw new GivenError(`option "${name}" is ${type}, not ${typeof value}`);
  }
  return config;
}

function checkedNames<Values extends object>(
  kind: string,
  values: Values,
  defined: readonly { readonly name: string }[],
): Values {
  const unknown = Object.keys(values).find((name) => !defined.some((entry) => entry.name === name));
  if (unknown !== undefined) throw new GivenError(`the charm defines no ${kind} "${unknown}"`);
  return values;
}

function relationsOf(
  given: readonly RelationState[],
  app: string,
  definition: CharmDefinition,
): FullRelation[] {
  const relations = given.map((relation, n) => relationOf(relation, n, app, definition));
  const ids = relations.map(({ id }) => id);
  if (new Set(ids).size !== ids.length)
    throw new GivenError(`two relations have the same id: ${ids.join(", ")}`);
  return relations;
}

function relationOf(
  given: RelationState,
  n: number,
  own: string,
  { metadata }: CharmDefinition,
): FullRelation {
  const endpoint = metadata.endpoints.find(({ name }) => name === given.endpoint);
  if (endpoint === undefined) throw new GivenError(`the charm defines no endpoint "${given.endpoint}"`);
  const isPeer = endpoint.role === "peer";
  const units = given.units ?? {};
  const app = given.app ?? (isPeer ? own : (Object.keys(units)[0]?.split("/")[0] ?? "remote"));
  if (isPeer && app !== own)
    throw new GivenError(`"${endpoint.name}" is a peer endpoint, its application is "${own}", not "${app}"`);
  const stranger = Object.keys(units).find((unit) => unit.split("/")[0] !== app);
  if (stranger !== undefined)
    throw new GivenError(`unit "${stranger}" is not of "${app}" (relation ${endpoint.name})`);
  const appData = given.appData ?? (isPeer ? given.ownAppData : undefined) ?? {};
  return {
    endpoint: endpoint.name,
    id: given.id ?? n,
    app,
    units,
    appData,
    ownUnitData: given.ownUnitData ?? {},
    ownAppData: isPeer ? appData : (given.ownAppData ?? {}),
    dying: given.dying ?? false,
  };
}

/** `blocked: do this` → its two parts; whether the first is a status is for `checkWorld` to say. */
export function splitStatus(text: string): { status: WorkloadStatus; message: string } {
  const [, status = text, message = ""] = /^(.*?): (.*)$/s.exec(text) ?? [];
  return { status: status as WorkloadStatus, message };
}

export const joinStatus = ({ status, message }: { status: string; message: string }): string =>
  message === "" ? status : `${status}: ${message}`;

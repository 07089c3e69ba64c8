/** Looking things up, and the questions that many files ask about them. */
import { compareUnits } from "@cantrip/metadata";
import type { UnitName } from "@cantrip/metadata";
import { ModelError } from "./errors.ts";
import { own } from "./records.ts";
import type {
  Application,
  Charm,
  Machine,
  ModelState,
  Relation,
  RelationEndpoint,
  Secret,
  StorageInstance,
  Task,
  Unit,
} from "./state.ts";

type Found<Entity> = (state: ModelState, name: string) => Entity;
const find =
  <Entity>(kind: string, records: (state: ModelState) => Readonly<Record<string, Entity>>): Found<Entity> =>
  (state, name) => {
    const found = own(records(state), name);
    if (!found) throw new ModelError("not found", `${kind} ${JSON.stringify(name)} not found`);
    return found;
  };

export const findApplication: Found<Application> = find("application", (state) => state.applications);
export const findUnit: Found<Unit> = find("unit", (state) => state.units);
export const findCharm: Found<Charm> = find("charm", (state) => state.charms);
export const findTask: Found<Task> = find("task", (state) => state.tasks);
export const findSecret: Found<Secret> = find("secret", (state) => state.secrets);
export function findMachine(state: ModelState, id: string): Machine {
  const machine = own(state.machines, id);
  if (!machine) throw new ModelError("not found", `machine ${id} not found`);
  return machine;
}
export function findRelation(state: ModelState, id: number): Relation {
  const relation = own(state.relations, id);
  if (!relation) throw new ModelError("not found", `relation ${id} not found`);
  return relation;
}

export const byUnitName = (a: string, b: string): number => compareUnits(a as UnitName, b as UnitName);

export const applicationOfUnit = (unit: string): string => unit.slice(0, unit.indexOf("/"));

/** Units of an application in the order of their numbers. */
export function unitsOf(state: ModelState, application: string): Unit[] {
  return Object.values(state.units)
    .filter((unit) => unit.application === application)
    .sort((a, b) => byUnitName(a.name, b.name));
}

export const unitsOnMachine = (state: ModelState, machine: string): Unit[] =>
  Object.values(state.units)
    .filter((unit) => unit.machine === machine)
    .sort((a, b) => byUnitName(a.name, b.name));

/** A unit's instances, in the order in which they were asked for. */
export const storageOf = (state: ModelState, unit: string): StorageInstance[] =>
  Object.values(state.storage?.instances ?? {}).filter((instance) => instance.unit === unit);

export const isPeer = (relation: Relation): boolean => relation.endpoints.length === 1;

/** Juju's key of a relation: `web:db pg:db`. */
export const relationKey = ({ endpoints }: Pick<Relation, "endpoints">): string =>
  endpoints.map((endpoint) => `${endpoint.application}:${endpoint.name}`).join(" ");

export const endpointFor = (relation: Relation, application: string): RelationEndpoint | undefined =>
  relation.endpoints.find((endpoint) => endpoint.application === application);

/** The other side of a relation; of a peer relation, the application itself. */
export function remoteEndpoint(relation: Relation, application: string): RelationEndpoint | undefined {
  return isPeer(relation)
    ? endpointFor(relation, application)
    : relation.endpoints.find((endpoint) => endpoint.application !== application);
}

/** Relations of an application by id. */
export const relationsOf = (state: ModelState, application: string): Relation[] =>
  Object.values(state.relations).filter((relation) => endpointFor(relation, application) !== undefined);

export const isLeading = (state: ModelState, unit: Unit): boolean =>
  own(state.applications, unit.application)?.leader === unit.name;

/** Whether the unit manages the secret: as its owner, or as leader of the application that owns it. */
export const managesSecret = (state: ModelState, unit: Unit, { owner }: Secret): boolean =>
  owner.kind === "unit"
    ? owner.name === unit.name
    : owner.kind === "application" && owner.name === unit.application && isLeading(state, unit);

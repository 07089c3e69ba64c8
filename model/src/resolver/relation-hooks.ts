/** The next hook of a unit's relations. Every rule here is an order that charms rely on. */
import {
  byUnitName,
  endpointFor,
  isLeading,
  isPeer,
  remoteEndpoint,
  applicationOfUnit,
} from "../entities.ts";
import { own } from "../records.ts";
import type { HookInfo, ModelState, Relation, Unit, UniterRelation } from "../state.ts";

interface Side {
  readonly state: ModelState;
  readonly unit: Unit;
  readonly relation: Relation;
  readonly known: UniterRelation;
  /** the relation ends for this unit */
  readonly isEnding: boolean;
  /** whom the unit ought to know: nobody, if the relation ends */
  readonly members: readonly string[];
}

/** Relations that the unit has not entered yet, and may. */
export function relationsToEnter(state: ModelState, unit: Unit): Relation[] {
  return Object.values(state.relations).filter(
    (relation) =>
      endpointFor(relation, unit.application) !== undefined &&
      relation.life === "alive" &&
      !relation.suspended &&
      !Object.hasOwn(unit.uniter.relations, relation.id),
  );
}

export function createdHook(state: ModelState, unit: Unit): HookInfo | undefined {
  const [relation] = relationsToEnter(state, unit);
  return relation && relationHook(unit, relation, "created");
}

/** Relations between applications come first, peers last. */
export function nextRelationHook(state: ModelState, unit: Unit): HookInfo | undefined {
  const relations = Object.keys(unit.uniter.relations).flatMap((id) => own(state.relations, id) ?? []);
  const ordered = [...relations.filter((each) => !isPeer(each)), ...relations.filter(isPeer)];
  for (const relation of ordered) {
    const known = own(unit.uniter.relations, relation.id);
    const hook = known && !known.broken ? hookOf(sideOf(state, unit, relation, known)) : undefined;
    if (hook) return hook;
  }
  return undefined;
}

function sideOf(state: ModelState, unit: Unit, relation: Relation, known: UniterRelation): Side {
  const isEnding = relation.life !== "alive" || relation.suspended || unit.life !== "alive";
  const members = isEnding ? [] : membersFor(relation, unit);
  return { state, unit, relation, known, isEnding, members };
}

/** Units in scope on the other side, by name; of a peer relation, all but the unit itself. */
export function membersFor(relation: Relation, unit: Unit): string[] {
  const remote = remoteEndpoint(relation, unit.application)?.application;
  return Object.keys(relation.unitBags)
    .filter((name) => name !== unit.name && applicationOfUnit(name) === remote)
    .filter((name) => relation.unitBags[name]?.inScope)
    .sort(byUnitName);
}

const hookOf = (side: Side): HookInfo | undefined =>
  changedAfterJoined(side) ??
  departed(side) ??
  broken(side) ??
  applicationChanged(side) ??
  joined(side) ??
  memberChanged(side);

function changedAfterJoined({ unit, relation, known }: Side): HookInfo | undefined {
  const member = known.changedPending;
  if (member === undefined) return undefined;
  return relationHook(unit, relation, "changed", member);
}

function departed({ unit, relation, known, members }: Side): HookInfo | undefined {
  const gone = Object.keys(known.members)
    .sort(byUnitName)
    .find((member) => !members.includes(member));
  return gone === undefined ? undefined : relationHook(unit, relation, "departed", gone);
}

const broken = ({ unit, relation, isEnding }: Side): HookInfo | undefined =>
  isEnding && !isPeer(relation) ? relationHook(unit, relation, "broken") : undefined;

/** Between peers the leader hears nothing of its application's bag: it is the one that writes there. */
function applicationChanged({ state, unit, relation, known, isEnding }: Side): HookInfo | undefined {
  if (isEnding || (isPeer(relation) && isLeading(state, unit))) return undefined;
  const hook = relationHook(unit, relation, "changed");
  return (hook.version ?? 0) > known.applicationVersion ? hook : undefined;
}

function joined({ unit, relation, known, members }: Side): HookInfo | undefined {
  const fresh = members.find((member) => !Object.hasOwn(known.members, member));
  return fresh === undefined ? undefined : relationHook(unit, relation, "joined", fresh);
}

function memberChanged({ unit, relation, known, members }: Side): HookInfo | undefined {
  const moved = members.find(
    (member) => (own(relation.unitBags, member)?.version ?? 0) > (own(known.members, member) ?? 0),
  );
  return moved === undefined ? undefined : relationHook(unit, relation, "changed", moved);
}

/** Describes a hook as of now: `version` is that of the bag which `changed` is about. */
export function relationHook(unit: Unit, relation: Relation, kind: string, member?: string): HookInfo {
  const remoteApplication = remoteEndpoint(relation, unit.application)?.application ?? unit.application;
  const bag =
    member === undefined ? own(relation.applicationBags, remoteApplication) : own(relation.unitBags, member);
  const isLeaving = unit.life !== "alive";
  return {
    name: `${endpointFor(relation, unit.application)?.name}-relation-${kind}`,
    relationId: relation.id,
    remoteApplication,
    ...(member === undefined ? {} : { remoteUnit: member }),
    ...(kind === "departed" && member !== undefined ? { departingUnit: isLeaving ? unit.name : member } : {}),
    ...(kind === "changed" ? { version: bag?.version ?? 0 } : {}),
  };
}

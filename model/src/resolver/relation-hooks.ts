/** The next hook of a unit's relations. Every rule here is an order that charms rely on. */
import { byUnitName, endpointFor, isLeading, isPeer, remoteEndpoint } from "../entities.ts";
import { own } from "../records.ts";
import type { HookInfo, ModelState, Relation, Unit, UniterRelation } from "../state.ts";

interface Side {
  readonly state: ModelState;
  readonly unit: Unit;
  readonly relation: Relation;
  readonly known: UniterRelation;
  /** the relation ends for this unit */
  readonly isEnding: boolean;
  /** how names of the units begin that this one hears of; undefined if the relation ends, since then it ought to know nobody */
  readonly counterparts: string | undefined;
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
  const remote = isEnding ? undefined : remoteEndpoint(relation, unit.application)?.application;
  const counterparts = remote === undefined ? undefined : `${remote}/`;
  return { state, unit, relation, known, isEnding, counterparts };
}

/** A unit in scope on the other side; of a peer relation, each but the unit itself. */
const isMember = ({ unit, relation, counterparts }: Side, name: string): boolean =>
  counterparts !== undefined &&
  name !== unit.name &&
  name.startsWith(counterparts) &&
  own(relation.unitBags, name)?.inScope === true;

/** The first of them in the order of units. */
function firstUnit(names: readonly string[], isMeant: (name: string) => boolean): string | undefined {
  let first: string | undefined;
  // Mostly none is meant, of a thousand units: they are not put in order before.
  for (const name of names)
    if (isMeant(name) && (first === undefined || byUnitName(name, first) < 0)) first = name;
  return first;
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

function departed(side: Side): HookInfo | undefined {
  const { unit, relation, known } = side;
  const gone = firstUnit(Object.keys(known.members), (name) => !isMember(side, name));
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

function joined(side: Side): HookInfo | undefined {
  const { unit, relation, known } = side;
  const fresh = firstUnit(
    Object.keys(relation.unitBags),
    (name) => !Object.hasOwn(known.members, name) && isMember(side, name),
  );
  return fresh === undefined ? undefined : relationHook(unit, relation, "joined", fresh);
}

function memberChanged(side: Side): HookInfo | undefined {
  const { unit, relation, known } = side;
  const moved = firstUnit(
    Object.keys(relation.unitBags),
    (name) =>
      (own(relation.unitBags, name)?.version ?? 0) > (own(known.members, name) ?? 0) && isMember(side, name),
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

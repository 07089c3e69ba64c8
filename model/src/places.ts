/**
 * Where an event changes the state, so that a draft can take the change back without a copy of everything. A place that is
 * missing here would leak from a draft into the state: the tests' worlds compare it before and after every command.
 */
import { applicationOfUnit } from "./entities.ts";
import type { EventOf, EventType, ModelEvent } from "./events.ts";
import { relationKind } from "./hook-kinds.ts";
import { own } from "./records.ts";
import type { Application, Databag, HookInfo, ModelState, Secret, Task, Unit, Uniter } from "./state.ts";

/** One value of one record. */
export interface Place {
  readonly record: Record<string | number, unknown>;
  readonly key: string | number;
  /** A value that `apply` may change without changing the given one. */
  readonly fresh: (value: never) => unknown;
}

/** They take something out of a record, whose order would be another one when it is put back, or reach into all units. */
const FAR_REACHING: ReadonlySet<EventType> = new Set<EventType>([
  "unit-removed",
  "application-removed",
  "machine-removed",
  "relation-removed",
  "relation-left",
  "secret-removed",
  "secret-revision-removed",
  "storage-removed",
  "operations-pruned",
]);
const COUNTED: ReadonlySet<EventType> = new Set<EventType>([
  "charm-added",
  "relation-added",
  "machine-added",
  "operation-enqueued",
  "operation-started",
]);

/** Whether the places of an event may be anywhere. */
export const isFarReaching = ({ type }: ModelEvent): boolean => FAR_REACHING.has(type);

type Places = Iterable<Place>;

/** The places of an event, the outer ones first: each is to be set aside before the next is asked for, which may lie in its fresh value. */
export function* placesOf(state: ModelState, event: ModelEvent): Places {
  const find = own(special as Record<string, (state: ModelState, event: never) => Places>, event.type);
  yield* find ? find(state, event as never) : named(state, event);
  if (COUNTED.has(event.type)) yield inside(state, "counters", freshCounters);
}

const at = <Value>(
  record: Record<string | number, Value>,
  key: string | number,
  fresh: (value: Value) => Value,
): Place => ({ record, key, fresh });
const inside = <Entity extends object, Key extends keyof Entity & string>(
  entity: Entity,
  key: Key,
  fresh: (value: Entity[Key]) => Entity[Key],
): Place => ({ record: entity as unknown as Place["record"], key, fresh });

/** Events that do not say by a name what they change, or that change little of something large. */
const special: { readonly [Type in EventType]?: (state: ModelState, event: EventOf<Type>) => Places } = {
  "model-config-set": (state) => [inside(state, "config", shallow)],
  "model-constraints-set": (state) => [inside(state, "constraints", replaced)],
  "model-life-set": (state) => [inside(state, "life", replaced)],
  "charm-added": (state, { charm }) => [at(state.charms, charm.url, replaced)],
  "application-added": (state, { application }) => [
    at(state.applications, application.name, freshApplication),
  ],
  "machine-added": (state, { machine }) => [at(state.machines, machine.id, shallow)],
  "relation-added": (state, { relation }) => [at(state.relations, relation.id, replaced)],
  "secret-added": (state, { secret }) => [at(state.secrets, secret.id, freshSecret)],
  "storage-added": (state) => [inside(state, "storage", freshStorage)],
  "storage-located": (state) => [inside(state, "storage", freshStorage)],
  "storage-life-set": (state) => [inside(state, "storage", freshStorage)],
  "operation-finished": (state, { unit }) =>
    delivered(state, unit, own(state.units, unit)?.uniter.current?.hook),
  "hook-skipped": (state, { unit }) =>
    delivered(state, unit, own(state.units, unit)?.uniter.failed?.operation.hook),
  *"relation-data-set"(state, { unit, relation, bag }) {
    yield* bagOf(state, relation, bag, bag === "unit" ? unit : applicationOfUnit(unit));
    yield at(state.units, unit, freshUnit);
    const known = own(state.units, unit)?.uniter.relations;
    if (known) yield at(known, relation, shallow);
  },
  *"unit-state-set"(state, { unit: name }) {
    yield at(state.units, name, freshUnit);
    const unit = own(state.units, name);
    if (unit) yield inside(unit, "charmState", shallow);
  },
  "relation-entered": (state, { unit, relation }) => bagOf(state, relation, "unit", unit),
  "relation-hidden": (state, { unit, relation }) => bagOf(state, relation, "unit", unit),
  "operation-enqueued": (state, { operation, tasks }) => [
    at(state.operations, operation.id, replaced),
    ...tasks.map(({ id }) => at(state.tasks, id, freshTask)),
  ],
  "workload-version-set": (state, { unit }) => [
    at(state.units, unit, freshUnit),
    at(state.applications, own(state.units, unit)?.application ?? "", freshApplication),
  ],
};

/** All others name what they change; what they name besides costs a little, and does no harm. */
function* named(state: ModelState, event: ModelEvent): Places {
  const { unit, application, machine, relation, id, task } = event as Readonly<Record<string, unknown>>;
  if (typeof unit === "string") yield at(state.units, unit, freshUnit);
  if (typeof application === "string") yield at(state.applications, application, freshApplication);
  if (typeof machine === "string") yield at(state.machines, machine, shallow);
  if (typeof relation === "number") yield at(state.relations, relation, shallow);
  if (typeof id === "string") yield at(state.secrets, id, freshSecret);
  if (typeof task === "string") yield at(state.tasks, task, freshTask);
}

/** A unit remembers what it was told of. */
function* delivered(state: ModelState, name: string, hook: HookInfo | undefined): Places {
  yield at(state.units, name, freshUnit);
  const unit = own(state.units, name);
  if (!unit || !hook) return;
  if (hook.secretId !== undefined) yield at(unit.uniter.secrets, hook.secretId, freshKnowledge);
  if (hook.relationId !== undefined) yield* relationTold(state, unit, hook, hook.relationId);
}

function* relationTold(state: ModelState, unit: Unit, hook: HookInfo, id: number): Places {
  yield at(unit.uniter.relations, id, shallow);
  const known = own(unit.uniter.relations, id);
  const relation = own(state.relations, id);
  if (relationKind(hook) === "departed") {
    // The member is forgotten, and its bag may be: both are taken out of their records.
    if (known) yield inside(known, "members", shallow);
    if (relation) yield inside(relation, "unitBags", shallow);
  } else if (known && hook.remoteUnit !== undefined) yield at(known.members, hook.remoteUnit, replaced);
}

/** One bag, not its relation: that of a thousand units has a thousand. */
function* bagOf(state: ModelState, id: number, kind: "unit" | "application", owner: string): Places {
  const relation = own(state.relations, id);
  if (!relation) return;
  const bags: Record<string, Databag> = kind === "unit" ? relation.unitBags : relation.applicationBags;
  yield at(bags, owner, freshBag);
}

/** Never changed in place. */
const replaced = <Value>(value: Value): Value => value;
const shallow = <Value extends object>(value: Value): Value => ({ ...value });

function mapped<Value>(record: Record<string | number, Value>, fresh: (value: Value) => Value) {
  const result: Record<string | number, Value> = {};
  for (const key of Object.keys(record)) result[key] = fresh(record[key]!);
  return result;
}

const freshCounters = (counters: ModelState["counters"]): ModelState["counters"] => ({
  ...counters,
  charmRevision: { ...counters.charmRevision },
});

const freshBag = <Bag extends Databag>(bag: Bag): Bag => ({ ...bag, values: { ...bag.values } });

const freshApplication = (application: Application): Application => ({
  ...application,
  settings: { ...application.settings },
  resources: { ...application.resources },
  leaderSettings: freshBag(application.leaderSettings),
});

/** But for the charm's own state, and for what the unit knows of each relation and secret. */
const freshUnit = (unit: Unit): Unit => {
  const { uniter } = unit;
  return {
    ...unit,
    uniter: {
      ...uniter,
      queued: [...uniter.queued],
      ...(uniter.failed && { failed: { ...uniter.failed } }),
    },
  };
};

const freshKnowledge = (known: Uniter["secrets"][string]): Uniter["secrets"][string] => ({
  ...known,
  obsoleteSeen: [...known.obsoleteSeen],
  expiredSeen: [...known.expiredSeen],
});

const freshSecret = (secret: Secret): Secret => ({
  ...secret,
  revisions: secret.revisions.map(shallow),
  grants: [...secret.grants],
  consumers: { ...secret.consumers },
});

const freshStorage = (storage: ModelState["storage"]): ModelState["storage"] =>
  storage && { ...storage, instances: mapped(storage.instances, shallow) };

const freshTask = (task: Task): Task => ({ ...task, log: [...task.log] });

/**
 * Where an event changes the state, so that a draft can take the change back without a copy of everything. A place that is
 * missing here would leak from a draft into the state: the tests' worlds compare it before and after every command.
 */
import type { EventOf, EventType, ModelEvent } from "./events.ts";
import { own } from "./records.ts";
import type { Application, Databag, ModelState, Relation, Secret, Task, Unit, Uniter } from "./state.ts";

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

/** The places of an event; undefined if they may be anywhere. */
export function placesOf(state: ModelState, event: ModelEvent): Place[] | undefined {
  if (FAR_REACHING.has(event.type)) return undefined;
  const find = own(special as Record<string, (state: ModelState, event: never) => Place[]>, event.type);
  const places = find ? find(state, event as never) : named(state, event);
  return COUNTED.has(event.type) ? [...places, ofModel(state, "counters", freshCounters)] : places;
}

const at = <Value>(
  record: Record<string | number, Value>,
  key: string | number,
  fresh: (value: Value) => Value,
): Place => ({ record, key, fresh });
const ofModel = <Key extends keyof ModelState>(
  state: ModelState,
  key: Key,
  fresh: (value: ModelState[Key]) => ModelState[Key],
): Place => ({ record: state as unknown as Place["record"], key, fresh });

/** Events that do not say by a name what they change. */
const special: { readonly [Type in EventType]?: (state: ModelState, event: EventOf<Type>) => Place[] } = {
  "model-config-set": (state) => [ofModel(state, "config", shallow)],
  "model-constraints-set": (state) => [ofModel(state, "constraints", replaced)],
  "model-life-set": (state) => [ofModel(state, "life", replaced)],
  "charm-added": (state, { charm }) => [at(state.charms, charm.url, replaced)],
  "application-added": (state, { application }) => [
    at(state.applications, application.name, freshApplication),
  ],
  "machine-added": (state, { machine }) => [at(state.machines, machine.id, shallow)],
  "relation-added": (state, { relation }) => [at(state.relations, relation.id, freshRelation)],
  "secret-added": (state, { secret }) => [at(state.secrets, secret.id, freshSecret)],
  "storage-added": (state) => [ofModel(state, "storage", freshStorage)],
  "storage-located": (state) => [ofModel(state, "storage", freshStorage)],
  "storage-life-set": (state) => [ofModel(state, "storage", freshStorage)],
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
function named(state: ModelState, event: ModelEvent): Place[] {
  const { unit, application, machine, relation, id, task } = event as Readonly<Record<string, unknown>>;
  const told = toldOf(event, typeof unit === "string" ? own(state.units, unit) : undefined);
  return [
    ...(typeof unit === "string" ? [at(state.units, unit, freshUnit)] : []),
    ...(typeof application === "string" ? [at(state.applications, application, freshApplication)] : []),
    ...(typeof machine === "string" ? [at(state.machines, machine, shallow)] : []),
    ...[relation, told].flatMap((number) =>
      typeof number === "number" ? [at(state.relations, number, freshRelation)] : [],
    ),
    ...(typeof id === "string" ? [at(state.secrets, id, freshSecret)] : []),
    ...(typeof task === "string" ? [at(state.tasks, task, freshTask)] : []),
  ];
}

/** Once a unit was told that another has departed, that one's bag may be forgotten. */
function toldOf({ type }: ModelEvent, unit: Unit | undefined): number | undefined {
  if (type === "operation-finished") return unit?.uniter.current?.hook?.relationId;
  return type === "hook-skipped" ? unit?.uniter.failed?.operation.hook?.relationId : undefined;
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

const freshUnit = (unit: Unit): Unit => ({
  ...unit,
  charmState: { ...unit.charmState },
  uniter: freshUniter(unit.uniter),
});

const freshUniter = (uniter: Uniter): Uniter => ({
  ...uniter,
  queued: [...uniter.queued],
  ...(uniter.storage && { storage: [...uniter.storage] }),
  relations: mapped(uniter.relations, (known) => ({ ...known, members: { ...known.members } })),
  secrets: mapped(uniter.secrets, (known) => ({
    ...known,
    obsoleteSeen: [...known.obsoleteSeen],
    expiredSeen: [...known.expiredSeen],
  })),
  ...(uniter.failed && { failed: { ...uniter.failed } }),
});

const freshRelation = (relation: Relation): Relation => ({
  ...relation,
  unitBags: mapped(relation.unitBags, freshBag),
  applicationBags: mapped(relation.applicationBags, freshBag),
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

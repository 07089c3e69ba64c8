/**
 * Where an event changes the state, so that a draft can take the change back without a copy of everything. A place that is
 * missing here would leak from a draft into the state: the tests' worlds compare it before and after every command.
 */
import type { EventType, ModelEvent } from "./events.ts";
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
  const list: Place[] = [];
  const at = <Value>(
    record: Readonly<Record<string | number, Value>>,
    key: string | number,
    fresh: (value: Value) => Value,
  ): void => void list.push({ record: record as Record<string | number, unknown>, key, fresh });
  const ofModel = <Key extends keyof ModelState>(
    key: Key,
    fresh: (value: ModelState[Key]) => ModelState[Key],
  ): void => void list.push({ record: state as unknown as Record<string, unknown>, key, fresh });

  if (COUNTED.has(event.type)) ofModel("counters", freshCounters);
  switch (event.type) {
    case "model-config-set":
      ofModel("config", shallow);
      break;
    case "model-constraints-set":
      ofModel("constraints", replaced);
      break;
    case "model-life-set":
      ofModel("life", replaced);
      break;
    case "charm-added":
      at(state.charms, event.charm.url, replaced);
      break;
    case "application-added":
      at(state.applications, event.application.name, freshApplication);
      break;
    case "machine-added":
      at(state.machines, event.machine.id, shallow);
      break;
    case "relation-added":
      at(state.relations, event.relation.id, freshRelation);
      break;
    case "secret-added":
      at(state.secrets, event.secret.id, freshSecret);
      break;
    case "operation-enqueued":
      at(state.operations, event.operation.id, replaced);
      for (const { id } of event.tasks) at(state.tasks, id, freshTask);
      break;
    default:
      for (const [record, key, fresh] of named(state, event)) at(record, key, fresh);
  }
  return list;
}

type Named = [Readonly<Record<string | number, never>>, string | number, (value: never) => never];

/** Most events say by name what they are about. */
function named(state: ModelState, event: ModelEvent): Named[] {
  const { unit, application, machine, relation, id, task } = event as Readonly<Record<string, unknown>>;
  const member = typeof unit === "string" ? own(state.units, unit) : undefined;
  const list: unknown[] = [];
  if (typeof unit === "string") list.push([state.units, unit, freshUnit]);
  if (typeof application === "string") list.push([state.applications, application, freshApplication]);
  else if (event.type === "workload-version-set" && member)
    list.push([state.applications, member.application, freshApplication]);
  if (typeof machine === "string" && event.type !== "unit-added")
    list.push([state.machines, machine, shallow]);
  if (typeof relation === "number" && typeof id !== "string")
    list.push([state.relations, relation, freshRelation]);
  if (typeof id === "string") list.push([state.secrets, id, freshSecret]);
  if (typeof task === "string") list.push([state.tasks, task, freshTask]);
  const delivered = deliveredRelation(event, member);
  if (delivered !== undefined) list.push([state.relations, delivered, freshRelation]);
  return list as Named[];
}

/** Once a unit was told that another has departed, that one's bag may be forgotten. */
function deliveredRelation({ type }: ModelEvent, unit: Unit | undefined): number | undefined {
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

const freshTask = (task: Task): Task => ({ ...task, log: [...task.log] });

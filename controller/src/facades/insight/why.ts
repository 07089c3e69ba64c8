/**
 * The chain of causes behind a status, read from the log: the status was set in a hook, the hook ran because a databag
 * changed, the databag was written in another unit's hook, and so on to what somebody asked for.
 */
import {
  relationKey,
  type Cause,
  type EventOf,
  type EventType,
  type ModelEvent,
  type Status,
} from "@cantrip/model";
import type { LoggedEvent } from "../../models.ts";

export interface Step {
  readonly seq: number;
  readonly at: number;
  readonly what: string;
  readonly by: string;
}

/** Longer chains are not read by anybody. */
const longestChain = 30;

/** From the present status back. @param events oldest first */
export function causesOf(events: readonly LoggedEvent[], entity: string): Step[] {
  const steps: Step[] = [];
  let found = events.findLastIndex(({ event }) => isStatusOf(event, entity));
  while (found !== -1 && steps.length < longestChain) {
    const logged = events[found];
    if (!logged) break;
    steps.push(stepOf(logged));
    found = triggerOf(events, found);
  }
  return steps;
}

type Readers<Result> = { [Type in EventType]?: (event: EventOf<Type>) => Result };

/** What a table of readers by type says of an event; undefined for types that are not in it. */
function read<Result>(readers: Readers<Result>, event: ModelEvent): Result | undefined {
  const reader = readers[event.type] as ((event: ModelEvent) => Result) | undefined;
  return reader?.(event);
}

function isStatusOf(event: ModelEvent, entity: string): boolean {
  const readers: Readers<boolean> = {
    "unit-status-set": ({ unit }) => unit === entity,
    "unit-agent-set": ({ unit, status }) => unit === entity && status.status === "error",
    "application-status-set": ({ application }) => application === entity,
    "machine-agent-set": ({ machine }) => machine === entity,
    "machine-instance-set": ({ machine }) => machine === entity,
    // nothing was said since
    "unit-added": ({ unit }) => unit === entity,
    "application-added": ({ application }) => application.name === entity,
    "machine-added": ({ machine }) => machine.id === entity,
  };
  return read(readers, event) ?? false;
}

function stepOf({ seq, at, event, cause }: LoggedEvent): Step {
  return { seq, at, what: read(words, event) ?? event.type, by: causedBy(cause) };
}

const listed = (set: object, removed: readonly string[]): string =>
  [...Object.keys(set), ...removed].join(", ");
const said = ({ status, message }: Status): string => (message === "" ? status : `${status}: ${message}`);

const words: Readers<string> = {
  "unit-status-set": ({ unit, status }) => `${unit} is ${said(status)}`,
  "unit-agent-set": ({ unit, status }) => `the agent of ${unit} is ${said(status)}`,
  "application-status-set": ({ application, status }) => `${application} is ${said(status)}`,
  "machine-agent-set": ({ machine, status }) => `the agent of machine ${machine} is ${said(status)}`,
  "machine-instance-set": ({ machine, status }) => `machine ${machine} is ${said(status)}`,
  "relation-data-set": ({ unit, set, remove, relation, bag }) =>
    `${unit} wrote ${listed(set, remove)} in relation ${relation} (${bag} bag)`,
  "relation-entered": ({ unit, relation }) => `${unit} entered relation ${relation}`,
  "relation-added": ({ relation }) => `relation ${relation.id} was added: ${relationKey(relation)}`,
  "application-config-set": ({ application, set, reset }) =>
    `options of ${application} changed: ${listed(set, reset)}`,
  "application-charm-set": ({ application, charmUrl }) => `${application} got charm ${charmUrl}`,
  "unit-added": ({ unit }) => `${unit} was added`,
  "application-added": ({ application }) => `${application.name} was deployed from ${application.charmUrl}`,
  "machine-added": ({ machine }) => `machine ${machine.id} was asked for`,
  "leader-elected": ({ unit, application }) => `${unit} became leader of ${application}`,
  "secret-revision-added": ({ id, revision }) => `secret ${id} got revision ${revision.revision}`,
};

function causedBy({ by, user, unit, hook, command }: Cause): string {
  if (unit !== undefined && hook !== undefined) return `hook ${hook} of ${unit}`;
  const who =
    by === "user"
      ? `user ${user ?? ""}`
      : by === "agent" && unit !== undefined
        ? `the agent of ${unit}`
        : `the ${by}`;
  return `${who}, by ${command}`;
}

/** The event that made the hook run in which this one came to be; -1 at the end of the chain. */
function triggerOf(events: readonly LoggedEvent[], index: number): number {
  const { unit, operationId } = events[index]?.cause ?? {};
  if (unit === undefined || operationId === undefined) return -1;
  const isStart = ({ event }: LoggedEvent): boolean =>
    event.type === "operation-started" && event.unit === unit && event.operation.id === operationId;
  const start = events.slice(0, index).findLastIndex(isStart);
  const started = events[start]?.event;
  if (started?.type !== "operation-started") return -1;
  return events.slice(0, start).findLastIndex(({ event }) => isTrigger(event, started));
}

function isTrigger(event: ModelEvent, { unit, operation: { hook } }: EventOf<"operation-started">): boolean {
  const name = hook?.name ?? "";
  const application = unit.slice(0, unit.indexOf("/"));
  const first = new Set(["install", "start", "config-changed", "leader-elected"]);
  const readers: Readers<boolean> = {
    "relation-data-set": (e) =>
      name.endsWith("-relation-changed") && e.relation === hook?.relationId && isRemote(e.unit, hook),
    "relation-entered": (e) =>
      /-relation-(?:joined|changed)$/.test(name) &&
      e.relation === hook?.relationId &&
      e.unit === hook.remoteUnit,
    "relation-added": (e) => name.endsWith("-relation-created") && e.relation.id === hook?.relationId,
    "application-config-set": (e) => name === "config-changed" && e.application === application,
    "application-charm-set": (e) => name === "upgrade-charm" && e.application === application,
    "leader-elected": (e) => name === "leader-elected" && e.unit === unit,
    "secret-revision-added": (e) => name.startsWith("secret-") && e.id === hook?.secretId,
    "unit-added": (e) => e.unit === unit && first.has(name),
  };
  return read(readers, event) ?? false;
}

/** A change of the application's bag comes without a unit. */
function isRemote(writer: string, hook: { remoteUnit?: string; remoteApplication?: string }): boolean {
  if (hook.remoteUnit !== undefined) return writer === hook.remoteUnit;
  return writer.startsWith(`${hook.remoteApplication ?? ""}/`);
}

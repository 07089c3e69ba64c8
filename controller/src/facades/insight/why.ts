/**
 * The chain of causes behind a status, read from the log: the status was set in a hook, the hook ran because a databag
 * changed, the databag was written in another unit's hook, and so on to what somebody asked for.
 */
import type { EventOf, ModelEvent } from "@cantrip/model";
import type { Cause, LoggedEvent } from "../../models.ts";

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

function isStatusOf(event: ModelEvent, entity: string): boolean {
  switch (event.type) {
    case "unit-status-set":
      return event.unit === entity;
    case "unit-agent-set":
      return event.unit === entity && event.status.status === "error";
    case "application-status-set":
      return event.application === entity;
    case "machine-agent-set":
    case "machine-instance-set":
      return event.machine === entity;
    default:
      return false;
  }
}

function stepOf({ seq, at, event, cause }: LoggedEvent): Step {
  return { seq, at, what: described(event), by: causedBy(cause) };
}

function described(event: ModelEvent): string {
  switch (event.type) {
    case "unit-status-set":
      return `${event.unit} is ${event.status.status}: ${event.status.message}`;
    case "unit-agent-set":
      return `the agent of ${event.unit} is ${event.status.status}: ${event.status.message}`;
    case "application-status-set":
      return `${event.application} is ${event.status.status}: ${event.status.message}`;
    case "machine-agent-set":
    case "machine-instance-set":
      return `machine ${event.machine} is ${event.status.status}: ${event.status.message}`;
    case "relation-data-set":
      return `${event.unit} wrote ${[...Object.keys(event.set), ...event.remove].join(", ")} in relation ${event.relation} (${event.bag} bag)`;
    case "relation-entered":
      return `${event.unit} entered relation ${event.relation}`;
    case "relation-added":
      return `relation ${event.relation.id} was added: ${event.relation.endpoints.map((e) => `${e.application}:${e.name}`).join(" ")}`;
    case "application-config-set":
      return `options of ${event.application} changed: ${[...Object.keys(event.set), ...event.reset].join(", ")}`;
    case "unit-added":
      return `${event.unit} was added`;
    case "leader-elected":
      return `${event.unit} became leader of ${event.application}`;
    case "secret-revision-added":
      return `secret ${event.id} got revision ${event.revision.revision}`;
    case "application-charm-set":
      return `${event.application} got charm ${event.charmUrl}`;
    default:
      return event.type;
  }
}

function causedBy({ by, user, unit, hook, command }: Cause): string {
  if (unit !== undefined && hook !== undefined) return `hook ${hook} of ${unit}`;
  const who =
    by === "user"
      ? `user ${user ?? ""}`
      : by === "agent" && unit !== undefined
        ? `the agent of ${unit}`
        : `the ${by}`;
  return command === undefined ? who : `${who}, by ${command}`;
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
  switch (event.type) {
    case "relation-data-set":
      return (
        name.endsWith("-relation-changed") &&
        event.relation === hook?.relationId &&
        isRemote(event.unit, hook)
      );
    case "relation-entered":
      return (
        /-relation-(?:joined|changed)$/.test(name) &&
        event.relation === hook?.relationId &&
        event.unit === hook.remoteUnit
      );
    case "relation-added":
      return name.endsWith("-relation-created") && event.relation.id === hook?.relationId;
    case "application-config-set":
      return name === "config-changed" && event.application === application;
    case "application-charm-set":
      return name === "upgrade-charm" && event.application === application;
    case "leader-elected":
      return name === "leader-elected" && event.unit === unit;
    case "secret-revision-added":
      return name.startsWith("secret-") && event.id === hook?.secretId;
    case "unit-added":
      return event.unit === unit && ["install", "start", "config-changed", "leader-elected"].includes(name);
    default:
      return false;
  }
}

/** A change of the application's bag comes without a unit. */
function isRemote(writer: string, hook: { remoteUnit?: string; remoteApplication?: string }): boolean {
  if (hook.remoteUnit !== undefined) return writer === hook.remoteUnit;
  return writer.startsWith(`${hook.remoteApplication ?? ""}/`);
}

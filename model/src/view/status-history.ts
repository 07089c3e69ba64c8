/** Statuses as they were: every event that sets one is an entry in the history of its unit, application or machine. */
import type { EventOf, ModelEvent } from "../events.ts";
import { own } from "../records.ts";
import type { Cause, RecordedEvent } from "../record.ts";

/** Kinds of Juju's history: juju-unit (agent), workload, application, juju-machine (agent), machine (instance). */
export type StatusKind = "juju-unit" | "workload" | "application" | "juju-machine" | "machine";

export interface StatusEntry {
  readonly kind: StatusKind;
  /** unit or application name, machine id */
  readonly entity: string;
  /** since when, in milliseconds since the epoch */
  readonly at: number;
  readonly status: string;
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly cause: Cause;
}

type StatusEvent = EventOf<(typeof statusEvents)[StatusKind]>;

/** Which events make the history of a kind. */
export const statusEvents = {
  "juju-unit": "unit-agent-set",
  workload: "unit-status-set",
  application: "application-status-set",
  "juju-machine": "machine-agent-set",
  machine: "machine-instance-set",
} as const satisfies Record<StatusKind, ModelEvent["type"]>;

const kinds = Object.fromEntries(
  Object.entries(statusEvents).map(([kind, type]) => [type, kind as StatusKind]),
);

/** What an event adds to the history; undefined if it sets no status. */
export function statusEntry({ cause, event }: RecordedEvent): StatusEntry | undefined {
  const kind = own(kinds, event.type);
  if (kind === undefined) return undefined;
  const { since, ...status } = (event as StatusEvent).status;
  return { kind, entity: entityOf(event as StatusEvent), at: since, ...status, cause };
}

function entityOf(event: StatusEvent): string {
  switch (event.type) {
    case "unit-agent-set":
    case "unit-status-set":
      return event.unit;
    case "application-status-set":
      return event.application;
    case "machine-agent-set":
    case "machine-instance-set":
      return event.machine;
    default:
      return event satisfies never;
  }
}

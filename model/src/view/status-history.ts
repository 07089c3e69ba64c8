/** Statuses as they were: every event that sets one is an entry in the history of its unit, application or machine. */
import { firstStatuses } from "../apply/units.ts";
import type { EventOf, EventType, ModelEvent } from "../events.ts";
import { own } from "../records.ts";
import type { Cause, RecordedEvent } from "../record.ts";
import type { Status } from "../state.ts";

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

/** Which events make the history of a kind: those that set a status, and those with which it begins. */
export const statusEvents = {
  "juju-unit": ["unit-agent-set", "unit-added"],
  workload: ["unit-status-set", "unit-added"],
  application: ["application-status-set", "application-added"],
  "juju-machine": ["machine-agent-set", "machine-added"],
  machine: ["machine-instance-set", "machine-added"],
} as const satisfies Record<StatusKind, readonly ModelEvent["type"][]>;

type Told = readonly [kind: StatusKind, entity: string, status: Status];

const told: { readonly [Type in EventType]?: (event: EventOf<Type>) => readonly Told[] } = {
  "unit-added": ({ unit, at }) => {
    const { agentStatus, workloadStatus } = firstStatuses(at);
    return [
      ["juju-unit", unit, agentStatus],
      ["workload", unit, workloadStatus],
    ];
  },
  "unit-agent-set": ({ unit, status }) => [["juju-unit", unit, status]],
  "unit-status-set": ({ unit, status }) => [["workload", unit, status]],
  "application-added": ({ application: { name, status } }) => (status ? [["application", name, status]] : []),
  "application-status-set": ({ application, status }) => [["application", application, status]],
  "machine-added": ({ machine: { id, agentStatus, instanceStatus } }) => [
    ["juju-machine", id, agentStatus],
    ["machine", id, instanceStatus],
  ],
  "machine-agent-set": ({ machine, status }) => [["juju-machine", machine, status]],
  "machine-instance-set": ({ machine, status }) => [["machine", machine, status]],
};

/** What an event adds to the history: nothing if it sets no status, two entries where something begins with two. */
export function statusEntries({ cause, event }: RecordedEvent): StatusEntry[] {
  const tell = own(told as Record<string, (event: never) => readonly Told[]>, event.type);
  const entries = tell?.(event as never) ?? [];
  return entries.map(([kind, entity, { since, ...status }]) => ({
    kind,
    entity,
    at: since,
    ...status,
    cause,
  }));
}

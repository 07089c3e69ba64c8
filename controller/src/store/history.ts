/** Status history and past events, read from the log: there is no second record of them. */
import type { ModelEvent, Status } from "@cantrip/model";
import type { History, LoggedEvent, StatusEntry, StatusKind } from "../models.ts";
import type { EventLog } from "./event-log.ts";

const typesOf: Record<StatusKind, ModelEvent["type"]> = {
  "juju-unit": "unit-agent-set",
  workload: "unit-status-set",
  application: "application-status-set",
  "juju-machine": "machine-agent-set",
  machine: "machine-instance-set",
};
/** how many events are looked at for one answer */
const mostEvents = 50_000;

export function historyOf(log: EventLog): History {
  return {
    events(model, query = {}) {
      return { compacted: log.compactedTo(model) > (query.after ?? 0), events: log.query(model, query) };
    },
    statuses(model, { entity, kinds, limit = 20, since = 0 }) {
      const events = log.query(model, { types: kinds.map((kind) => typesOf[kind]), limit: mostEvents });
      const entries = events
        .flatMap((event) => entryOf(event, entity, kinds))
        .filter((entry) => entry.at >= since);
      return { compacted: log.compactedTo(model) > 0, entries: entries.slice(-limit) };
    },
  };
}

function entryOf(
  { seq, at, cause, event }: LoggedEvent,
  entity: string,
  kinds: readonly StatusKind[],
): StatusEntry[] {
  const kind = kinds.find((k) => typesOf[k] === event.type);
  const fields = event as { unit?: string; application?: string; machine?: string; status?: Status };
  const subject = event.type.startsWith("unit")
    ? fields.unit
    : event.type.startsWith("application")
      ? fields.application
      : fields.machine;
  const { status } = fields;
  if (!kind || !status || subject !== entity) return [];
  return [
    {
      at: status.since ?? at,
      seq,
      kind,
      status: status.status,
      message: status.message,
      cause,
      ...(status.data ? { data: status.data } : {}),
    },
  ];
}

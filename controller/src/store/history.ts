/** Status history and past events, read from the log: there is no second record of them. */
import { statusEntries, statusEvents } from "@cantrip/model";
import type { History } from "../models.ts";
import type { EventLog } from "./event-log.ts";

/** how many events are looked at for one answer */
const mostEvents = 50_000;

export function historyOf(log: EventLog): History {
  return {
    events(model, query = {}) {
      return { compacted: log.compactedTo(model) > (query.after ?? 0), events: log.query(model, query) };
    },
    statuses(model, { entity, kinds, limit = 20, since = 0 }) {
      const types = [...new Set(kinds.flatMap((kind) => statusEvents[kind]))];
      const entries = log
        .query(model, { types, limit: mostEvents })
        .flatMap(statusEntries)
        .filter((entry) => entry.entity === entity && kinds.includes(entry.kind) && entry.at >= since);
      return { compacted: log.compactedTo(model) > 0, entries: entries.slice(-limit) };
    },
  };
}

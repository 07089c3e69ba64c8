/** `show-status-log`: the past statuses of one entity. */
import type { Run } from "../catalogue.ts";
import { first, type Options } from "../context.ts";
import { UsageError } from "../errors.ts";
import { emit } from "../output.ts";
import { table } from "../table.ts";
import { displayTime } from "../times.ts";
import { wholeNumber } from "../values.ts";

interface Entry {
  status: string;
  info: string;
  since: string;
  kind: string;
}

export const showStatusLog: Run = async (context, [entity = ""]) => {
  const { options, io } = context;
  const { tag, preset } = entityOf(entity);
  const kind = String(options["type"] ?? preset);
  const size = wholeNumber(options["entries"], "-n", 20, 1);
  const date = sinceOf(options);
  const { api } = await context.model();
  const request = { historyKind: kind, size, filter: { size, ...(date === undefined ? {} : { date }) }, tag };
  const answer = await api.call<{ results: { history: { statuses: Entry[]; compacted?: boolean } }[] }>(
    "Client",
    "StatusHistory",
    { requests: [request] },
  );
  const { statuses, compacted = false } = first(answer).history;
  if (statuses.length === 0) return context.inform("no status history available");
  if (compacted && statuses.length < size) context.inform("(older entries were compacted away)");
  const shown = options["includeStatusUpdates"] === true ? statuses : withoutUpdates(statuses);
  const utc = options["utc"] === true;
  const rows = shown.map((entry) => [
    displayTime(entry.since, { utc }),
    entry.kind,
    entry.status,
    entry.info,
  ]);
  const document = shown.map(({ status, info, since, kind: type }) => ({
    status,
    ...(info ? { message: info } : {}),
    since,
    type,
  }));
  emit(io, options, document, () => table(["Time", "Type", "Status", "Message"], rows));
};

function entityOf(name: string): { tag: string; preset: string } {
  if (/^\d+(?:\/[a-z]+\/\d+)*$/.test(name))
    return { tag: `machine-${name.replaceAll("/", "-")}`, preset: "juju-machine" };
  if (/^[a-z][a-z0-9-]*\/\d+$/.test(name)) return { tag: `unit-${name.replace("/", "-")}`, preset: "unit" };
  if (/^[a-z][a-z0-9-]*$/.test(name)) return { tag: `application-${name}`, preset: "application" };
  throw new UsageError(`invalid entity "${name}": expected a unit, an application or a machine`);
}

function sinceOf(options: Options): string | undefined {
  if (options["days"] !== undefined)
    return new Date(Date.now() - wholeNumber(options["days"], "--days", 0, 1) * 86_400_000).toISOString();
  if (options["fromDate"] === undefined) return undefined;
  const date = String(options["fromDate"]);
  if (/^\d{4}-\d\d-\d\d$/.test(date) && !Number.isNaN(Date.parse(date))) return new Date(date).toISOString();
  throw new UsageError(`invalid value "${date}" for option --from-date: expected YYYY-MM-DD`);
}

/** Rounds of update-status, and the rest after each, say nothing new. */
function withoutUpdates(entries: readonly Entry[]): Entry[] {
  const isUpdate = (entry: Entry | undefined): boolean =>
    entry?.kind === "juju-unit" && entry.info === "running update-status hook";
  return entries.filter(
    (entry, index) => !isUpdate(entry) && !(entry.status === "idle" && isUpdate(entries[index - 1])),
  );
}

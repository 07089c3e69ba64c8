/** Client: the status of a model, its history, and the watcher of everything. */
import { ApiError, defineFacade, type Connection, type FacadeMethod, type Params } from "../facade.ts";
import type { StatusEntry, StatusKind } from "@cantrip/model";
import { fullStatus } from "./status/full-status.ts";
import { selected } from "./status/patterns.ts";
import { items, text, texts, wholeNumber, optionalText } from "./params.ts";
import { eachResult, idIn, modelOf, parseTag, time } from "./values.ts";
import { ModelWatcher } from "./watching/watcher.ts";

const FullStatus: FacadeMethod = (connection, params) => {
  const model = modelOf(connection);
  const { presence, version } = connection.controller;
  const isAlive = (tag: string): boolean => presence.agentAlive(model, tag);
  const full = fullStatus(model.state, { isAlive, version, now: Date.now() });
  return selected(full, texts(params, "patterns"));
};

const WatchAll: FacadeMethod = (connection) => ({
  "watcher-id": connection.resources.add(new ModelWatcher(connection)),
});

/** What juju calls a kind → the kinds of the log. */
const historyKinds: Record<string, readonly StatusKind[]> = {
  unit: ["juju-unit", "workload"],
  "juju-unit": ["juju-unit"],
  workload: ["workload"],
  application: ["application"],
  machine: ["machine"],
  "juju-machine": ["juju-machine"],
};

const StatusHistory: FacadeMethod = async (connection, params) => ({
  results: await eachResult(items(params, "requests"), (request) => ({
    history: statusHistory(connection, request),
  })),
});

function statusHistory(connection: Connection, request: Params): { statuses: object[]; compacted: boolean } {
  const kind = text(request, "historykind");
  const kinds = Object.hasOwn(historyKinds, kind) ? historyKinds[kind] : undefined;
  if (!kinds)
    throw new ApiError(
      "not valid",
      `status history kind "${kind}" is not known here: expected ${Object.keys(historyKinds).join(", ")}`,
    );
  const { size, since } = filterOf(request);
  const entity = entityOf(text(request, "tag"));
  const { compacted, entries } = connection.controller.history.statuses(modelOf(connection).uuid, {
    entity,
    kinds,
    limit: size,
    ...(since === undefined ? {} : { since }),
  });
  return { statuses: entries.map(historyEntry), compacted };
}

function entityOf(tag: string): string {
  const { kind } = parseTag(tag);
  return idIn(tag, kind);
}

function filterOf(request: Params): { size: number; since?: number } {
  const [filter = {}] = items({ filter: [request["filter"] ?? {}] }, "filter");
  const size = wholeNumber(filter, "size", { fallback: 20, max: 100_000 }) || 20;
  const date = optionalText(filter, "date");
  const since = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(since) ? { size } : { size, since };
}

function historyEntry({ kind, status, message, at, data }: StatusEntry): object {
  return { status, info: message, data: { ...data }, since: time(at), kind, version: "", life: "" };
}

defineFacade({
  name: "Client",
  versions: [6, 7, 8],
  on: "model",
  methods: { FullStatus, WatchAll, StatusHistory },
});

/** `/model/UUID/log`: the debug log as a stream of JSON texts (juju-api.md 5.7). */
import type { WebSocket } from "ws";
import type { Controller, LiveModel, LogFilter, LogLevel, LogRecord } from "../models.ts";
import { limits } from "./connection.ts";

const levels: ReadonlySet<string> = new Set(["TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]);

export function streamLogs(
  controller: Controller,
  model: LiveModel,
  query: URLSearchParams,
  socket: WebSocket,
): void {
  socket.on("error", () => socket.terminate());
  socket.send("{}\n");
  const filter = filterOf(query);
  const maxLines = numberOf(query, "maxLines");
  let sent = 0;
  const send = (record: LogRecord): void => {
    if (socket.readyState !== socket.OPEN) return;
    // A reader that does not read loses the stream, not the controller its memory.
    if (socket.bufferedAmount > limits.backlogBytes) return socket.terminate();
    socket.send(JSON.stringify(wireRecord(record)));
    sent += 1;
    if (maxLines !== undefined && sent >= maxLines) socket.close(1000);
  };
  for (const record of backlog(controller, model, query, filter)) send(record);
  if (query.get("noTail") === "true") return socket.close(1000);
  const stop = controller.logs.follow(model.uuid, filter, send);
  socket.on("close", stop);
}

/** With `replay` everything; else the newest `backlog` lines, by default the newest ten. */
function backlog(
  controller: Controller,
  model: LiveModel,
  query: URLSearchParams,
  filter: LogFilter,
): LogRecord[] {
  if (query.get("replay") === "true")
    return controller.logs.query(model.uuid, filter, Number.MAX_SAFE_INTEGER);
  const lines = numberOf(query, "backlog") ?? (query.get("noTail") === "true" ? Number.MAX_SAFE_INTEGER : 10);
  return lines === 0 ? [] : controller.logs.query(model.uuid, filter, lines);
}

export function filterOf(query: URLSearchParams): LogFilter {
  const level = query.get("level")?.toUpperCase();
  const since = Date.parse(query.get("startTime") ?? "");
  return {
    includeEntity: query.getAll("includeEntity"),
    excludeEntity: query.getAll("excludeEntity"),
    includeModule: query.getAll("includeModule"),
    excludeModule: query.getAll("excludeModule"),
    ...(level && levels.has(level) ? { level: level as LogLevel } : {}),
    ...(Number.isNaN(since) ? {} : { since }),
  };
}

function wireRecord({
  entity,
  at,
  level,
  module,
  location = "",
  message,
}: LogRecord): Record<string, unknown> {
  return {
    tag: entity,
    ts: new Date(at).toISOString(),
    sev: level,
    mod: module,
    loc: location,
    msg: message,
    lab: [],
  };
}

function numberOf(query: URLSearchParams, name: string): number | undefined {
  const value = Number(query.get(name) ?? NaN);
  return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

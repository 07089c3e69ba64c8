/** `debug-log`: the stream of what agents and charms log. */
import { WebSocket } from "ws";
import type { Run } from "../catalogue.ts";
import type { Context, ModelConnection, Options } from "../context.ts";
import { CommandError, UsageError } from "../errors.ts";
import { painter, type Colour } from "../output.ts";
import { wholeNumber } from "../values.ts";

interface LogMessage {
  tag: string;
  ts: string;
  sev: string;
  mod: string;
  loc: string;
  msg: string;
}

export const debugLog: Run = async (context) => {
  const query = queryOf(context);
  const model = await context.model();
  await stream(context, model, query, lineOf(context));
};

const levels = ["TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"];

function queryOf({ options, io }: Context): URLSearchParams {
  const query = new URLSearchParams();
  const level = options["level"] === undefined ? undefined : String(options["level"]).toUpperCase();
  if (level !== undefined && !levels.includes(level))
    throw new UsageError(`level value "${String(options["level"])}" is not one of ${levels.join(", ")}`);
  if (level !== undefined) query.set("level", level);
  const limit = wholeNumber(options["limit"], "--limit", 0);
  const tails = options["tail"] ?? (io.stdoutIsTerminal && limit === 0 && options["replay"] !== true);
  if (tails !== true) query.set("noTail", "true");
  if (limit > 0) query.set("maxLines", String(limit));
  if (options["replay"] === true || (tails !== true && options["lines"] === undefined))
    query.set("replay", "true");
  else query.set("backlog", String(wholeNumber(options["lines"], "--lines", 10)));
  addAll(query, "includeEntity", options["include"], entityTag);
  addAll(query, "excludeEntity", options["exclude"], entityTag);
  addAll(query, "includeModule", options["includeModule"]);
  addAll(query, "excludeModule", options["excludeModule"]);
  return query;
}

function addAll(
  query: URLSearchParams,
  name: string,
  values: unknown,
  convert = (value: string): string => value,
): void {
  for (const value of (values as string[] | undefined) ?? []) query.append(name, convert(value));
}

/** `web/0` → `unit-web-0`, `3` → `machine-3`; tags and patterns stay. */
function entityTag(name: string): string {
  if (/^\d/.test(name)) return `machine-${name.replaceAll("/", "-")}`;
  if (/^(?:unit|machine|application|controller|model)-/.test(name)) return name;
  return name.includes("/") ? `unit-${name.replace("/", "-")}` : `unit-${name}-*`;
}

function lineOf({ io, options }: Context): (message: LogMessage) => string {
  if (options["format"] === "json")
    return ({ tag, ts, sev, mod, loc, msg }) =>
      `${JSON.stringify({ entity: entityName(tag), timestamp: ts, severity: sev, module: mod, location: loc, message: msg })}\n`;
  const paint = painter(io, typeof options["color"] === "boolean" ? { color: options["color"] } : {});
  return ({ tag, ts, sev, mod, loc, msg }) => {
    const place = options["location"] === true && loc !== "" ? `${loc} ` : "";
    return `${tag}: ${timeText(ts, options)} ${paint(levelColours[sev] ?? "dim", sev)} ${mod} ${place}${msg}\n`;
  };
}

const levelColours: Record<string, Colour> = {
  WARNING: "yellow",
  ERROR: "red",
  CRITICAL: "red",
  INFO: "blue",
};
const entityName = (tag: string): string =>
  tag.replace(/^unit-(.*)-(\d+)$/, "$1/$2").replace(/^machine-/, "");

function timeText(iso: string, options: Options): string {
  const at = new Date(iso);
  const local = new Date(
    at.getTime() - (options["utc"] === true ? 0 : at.getTimezoneOffset() * 60_000),
  ).toISOString();
  const clock = options["ms"] === true ? local.slice(11, 23) : local.slice(11, 19);
  return options["date"] === true ? `${local.slice(0, 10)} ${clock}` : clock;
}

/** Ends when the controller ends it: after the backlog, or after as many lines as were asked for. */
function stream(
  { io }: Context,
  { destination }: ModelConnection,
  query: URLSearchParams,
  line: (message: LogMessage) => string,
): Promise<void> {
  const { target, endpoint, modelUuid } = destination;
  const auth = `user-${target.account.user}:${target.account.password ?? ""}`;
  const tls = { ca: target.controller["ca-cert"], servername: "juju-apiserver" };
  const socket = new WebSocket(`wss://${endpoint}/model/${modelUuid}/log?${query.toString()}`, [], {
    ...tls,
    auth,
    handshakeTimeout: 10_000,
  });
  return new Promise((resolve, reject) => {
    let isStarted = false;
    socket.on("message", (data: Buffer) => {
      if (isStarted) return io.out(line(JSON.parse(data.toString()) as LogMessage));
      isStarted = true;
      const { error } = JSON.parse(data.toString()) as { error?: { message: string } };
      if (error) reject(new CommandError(`cannot read the log: ${error.message}`));
    });
    socket.on("error", (cause) =>
      reject(new CommandError(`cannot read the log from ${endpoint}: ${cause.message}`, { cause })),
    );
    socket.on("close", () => resolve());
    io.interrupted.addEventListener("abort", () => socket.terminate(), { once: true });
  });
}

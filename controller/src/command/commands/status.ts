/** `status` in all its forms. */
import type { FullStatus } from "../../facades/status/wire.ts";
import type { Run } from "../catalogue.ts";
import type { Context, ModelConnection } from "../context.ts";
import { pause } from "../io.ts";
import { emit, painter } from "../output.ts";
import { statusDocument, type StatusDocument } from "../status/document.ts";
import { shortStatus, summaryStatus } from "../status/short.ts";
import { tabularStatus } from "../status/tabular.ts";
import { parseDuration } from "../times.ts";
import { wholeNumber } from "../values.ts";

export const status: Run = async (context, patterns) => {
  const { options, io } = context;
  const every =
    options["watch"] === undefined ? undefined : parseDuration(String(options["watch"]), "--watch");
  if (every === undefined) return show(context, await model(context), patterns);
  const connection = await model(context);
  while (!io.interrupted.aborted) {
    io.out("\u001B[H\u001B[2J");
    await show(context, connection, patterns);
    await pause(Math.max(every, 100), io.interrupted);
  }
};

/** `--retry-count`, `--retry-delay`: for scripts that begin before the controller does. */
async function model(context: Context): Promise<ModelConnection> {
  const tries = 1 + wholeNumber(context.options["retryCount"], "--retry-count", 0);
  const delay = parseDuration(String(context.options["retryDelay"] ?? "100ms"), "--retry-delay");
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await context.model();
    } catch (error) {
      if (attempt >= tries || context.io.interrupted.aborted) throw error;
      await pause(delay, context.io.interrupted);
    }
  }
}

async function show(context: Context, { api, target }: ModelConnection, patterns: string[]): Promise<void> {
  const { io, options } = context;
  const full = await api.call<FullStatus>("Client", "FullStatus", { patterns, "include-storage": true });
  const document = statusDocument(full, { controller: target.name, utc: options["utc"] === true });
  emit(io, options, document, (format) => drawn(context, format, document, full));
  const isEmpty =
    Object.keys(document.applications).length === 0 && Object.keys(document.machines).length === 0;
  if (isEmpty && options["format"] === "tabular") context.inform(emptyNotice(document, patterns));
}

const emptyNotice = ({ model: { name } }: StatusDocument, patterns: string[]): string =>
  patterns.length === 0
    ? `\nModel "${name}" is empty.`
    : `\nNothing matched specified filter${patterns.length > 1 ? "s" : ""}.`;

function drawn({ io, options }: Context, format: string, document: StatusDocument, full: FullStatus): string {
  if (format === "summary") return summaryStatus(document);
  if (format !== "tabular") return shortStatus(document);
  const relations = options["relations"] === true || options["integrations"] === true;
  const paint = painter(io, typeof options["color"] === "boolean" ? { color: options["color"] } : {});
  return tabularStatus(document, full, { relations, paint });
}

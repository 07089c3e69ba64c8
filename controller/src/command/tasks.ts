/** Tasks as `run`, `exec` and `show-task` print them (juju.md 6.6), and waiting for them. */
import type { ActionResult, OperationResult } from "../facades/action/wire.ts";
import type { Api } from "./api.ts";
import { pause, type Io } from "./io.ts";
import { yaml } from "./output.ts";
import { taskTime } from "./times.ts";

export interface TaskDoc {
  id: string;
  status: string;
  unit?: string;
  machine?: string;
  results?: Record<string, unknown>;
  message?: string;
  log?: string[];
  timing: { enqueued?: string; started?: string; completed?: string };
}

/** `unit-web-0` → `web/0`, `machine-0` → `0`. */
export const receiverName = (tag: string): string =>
  tag.startsWith("machine-")
    ? tag.slice("machine-".length).replaceAll("-", "/")
    : tag.replace(/^unit-/, "").replace(/-(\d+)$/, "/$1");

export const taskIdOf = (result: ActionResult): string => (result.action?.tag ?? "").replace(/^action-/, "");

export function taskDoc(result: ActionResult): TaskDoc {
  const tag = result.action?.receiver ?? "";
  const timing = {
    enqueued: taskTime(result.enqueued),
    started: taskTime(result.started),
    completed: taskTime(result.completed),
  };
  const known = Object.entries(timing).filter(([, value]) => value !== undefined);
  const log = (result.log ?? []).map(({ timestamp, message }) => `${taskTime(timestamp) ?? ""} ${message}`);
  return {
    id: taskIdOf(result),
    status: result.status ?? "",
    [tag.startsWith("machine-") ? "machine" : "unit"]: receiverName(tag),
    ...(result.message ? { message: result.message } : {}),
    ...(log.length > 0 ? { log } : {}),
    ...(result.output && Object.keys(result.output).length > 0 ? { results: result.output } : {}),
    timing: Object.fromEntries(known),
  };
}

/** Results as YAML, then what the action printed; a failure in a line. */
export function plainTask({ id, status, message, results = {} }: TaskDoc): string {
  const { stdout, stderr, "return-code": code, ...rest } = results;
  const shown = code === undefined || code === 0 ? rest : { ...rest, "return-code": code };
  const text = [stdout, stderr]
    .filter((part) => typeof part === "string" && part !== "")
    .map((part) => ensureBreak(String(part)));
  const failure =
    status === "failed" || status === "error"
      ? `Action id ${id} failed: ${message ?? "no reason given"}\n`
      : "";
  return [failure, Object.keys(shown).length > 0 ? yaml(shown) : "", ...text]
    .filter((part) => part !== "")
    .join("\n");
}

const ensureBreak = (text: string): string => (text.endsWith("\n") ? text : `${text}\n`);

export function operationDoc(operation: OperationResult): Record<string, unknown> {
  const [firstTask] = operation.actions;
  const timing = {
    enqueued: taskTime(operation.enqueued),
    started: taskTime(operation.started),
    completed: taskTime(operation.completed),
  };
  return {
    summary: operation.summary,
    status: operation.status,
    ...(operation.fail ? { fail: operation.fail } : {}),
    ...(firstTask?.action
      ? { action: { name: firstTask.action.name, parameters: firstTask.action.parameters } }
      : {}),
    timing: Object.fromEntries(Object.entries(timing).filter(([, value]) => value !== undefined)),
    tasks: Object.fromEntries(operation.actions.map((task) => [taskIdOf(task), hostFirst(taskDoc(task))])),
  };
}

function hostFirst({ id: _id, unit, machine, ...rest }: TaskDoc): object {
  return { host: unit ?? machine, ...rest };
}

const finished = new Set(["completed", "failed", "cancelled", "aborted", "error"]);
export const isFinished = ({ status = "" }: ActionResult): boolean => finished.has(status);

const firstPollMs = 100;
const slowestPollMs = 1_000;

/** Asks until all are done or the time is over; returns them as they are then. */
export async function awaitTasks(
  api: Api,
  io: Io,
  ids: readonly string[],
  timeoutMs: number,
): Promise<ActionResult[]> {
  const until = Date.now() + timeoutMs;
  for (let delay = firstPollMs; ; delay = Math.min(delay * 1.5, slowestPollMs)) {
    const results = await tasksById(api, ids);
    const left = until - Date.now();
    if (results.every(isFinished) || left <= 0 || io.interrupted.aborted) return results;
    await pause(Math.min(delay, left), io.interrupted);
  }
}

export async function tasksById(api: Api, ids: readonly string[]): Promise<ActionResult[]> {
  const entities = ids.map((id) => ({ tag: `action-${id}` }));
  const { results } = await api.call<{ results: ActionResult[] }>("Action", "Actions", { entities });
  return results;
}

/** Shows a task's log while it runs. */
export async function followLog(api: Api, id: string, show: (line: string) => void): Promise<void> {
  const { results } = await api.call<{ results: { "watcher-id"?: string; changes?: string[] }[] }>(
    "Action",
    "WatchActionsProgress",
    {
      entities: [{ tag: `action-${id}` }],
    },
  );
  const [watch] = results;
  const print = (changes: readonly string[] = []): void => changes.forEach((change) => show(logLine(change)));
  print(watch?.changes);
  const watcher = watch?.["watcher-id"];
  if (!watcher) return;
  for (;;) print((await api.call<{ changes: string[] }>("StringsWatcher", "Next", {}, watcher)).changes);
}

function logLine(change: string): string {
  const { timestamp, message } = JSON.parse(change) as { timestamp: string; message: string };
  return `${new Date(timestamp).toTimeString().slice(0, 8)} ${message}`;
}

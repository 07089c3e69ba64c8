/** Actions that charms offer, and the operations and tasks that were run. */
import type { ActionResult, OperationResult } from "../../facades/action/wire.ts";
import type { Run } from "../catalogue.ts";
import { first, type Context } from "../context.ts";
import { CommandError, UsageError } from "../errors.ts";
import { emit, yaml } from "../output.ts";
import { table } from "../table.ts";
import { awaitTasks, isFinished, operationDoc, plainTask, taskDoc, taskIdOf, tasksById } from "../tasks.ts";
import { displayTime, parseDuration } from "../times.ts";
import { separated, wholeNumber } from "../values.ts";

type Actions = Record<string, { description: string; params: Record<string, unknown> }>;

async function actionsOf(context: Context, application: string): Promise<Actions> {
  const { api } = await context.model();
  const entities = [{ tag: `application-${application}` }];
  const answer = await api.call<{ results: { actions: Actions }[] }>("Action", "ApplicationsCharmsActions", {
    entities,
  });
  return first(answer).actions;
}

export const actions: Run = async (context, [application = ""]) => {
  const found = await actionsOf(context, application);
  const { io, options } = context;
  const withSchema = options["schema"] === true;
  const names = Object.keys(found).toSorted();
  if (names.length === 0 && !["json", "yaml"].includes(String(options["format"])))
    return context.inform(`No actions defined for ${application}.`);
  const document = Object.fromEntries(
    names.map((name) => [name, withSchema ? found[name]?.params : found[name]?.description]),
  );
  const format =
    withSchema && ["default", "tabular"].includes(String(options["format"])) ? "yaml" : options["format"];
  emit(io, { ...options, format: String(format) }, document, () =>
    table(
      ["Action", "Description"],
      names.map((name) => [name, found[name]?.description]),
    ),
  );
};

export const showAction: Run = async (context, [application = "", name = ""]) => {
  const found = await actionsOf(context, application);
  const action = Object.hasOwn(found, name) ? found[name] : undefined;
  if (!action) throw new CommandError(`unknown action "${name}": see "cantrip actions ${application}"`);
  context.io.out(`${action.description}\n\nArguments\n${yaml(action.params["properties"] ?? {})}`);
};

export const operations: Run = async (context) => {
  const { io, options } = context;
  const { api } = await context.model();
  const { results } = await api.call<{ results: OperationResult[] }>("Action", "ListOperations", {
    applications: separated(options["applications"]),
    units: separated(options["units"]),
    actions: separated(options["actions"]),
    status: separated(options["status"]),
    machines: [],
    limit: wholeNumber(options["limit"], "--limit", 0),
    offset: wholeNumber(options["offset"], "--offset", 0),
  });
  if (results.length === 0) return context.inform("no matching operations");
  const utc = options["utc"] === true;
  const document = Object.fromEntries(results.map((operation) => [idOf(operation), operationDoc(operation)]));
  const rows = results
    .toReversed()
    .map((operation) => [
      idOf(operation),
      operation.status,
      displayTime(operation.started, { utc }),
      displayTime(operation.completed, { utc }),
      operation.actions.map(taskIdOf).join(","),
      operation.summary,
    ]);
  emit(io, options, document, () =>
    table(["ID", "Status", "Started", "Finished", "Task IDs", "Summary"], rows, { right: ["ID"] }),
  );
};

const idOf = ({ operation }: OperationResult): string => operation.replace(/^operation-/, "");

export const showOperation: Run = async (context, [id = ""]) => {
  refuseWrongId(id, "operation");
  const { api } = await context.model();
  const ask = async (): Promise<OperationResult> =>
    first(
      await api.call<{ results: OperationResult[] }>("Action", "Operations", {
        entities: [{ tag: `operation-${id}` }],
      }),
    );
  const operation = await ask();
  if (context.options["wait"] !== undefined) {
    const timeoutMs = parseDuration(String(context.options["wait"]), "--wait");
    await awaitTasks(api, context.io, operation.actions.map(taskIdOf), timeoutMs);
  }
  emit(context.io, context.options, operationDoc(await ask()));
};

export const showTask: Run = async (context, [id = ""]) => {
  refuseWrongId(id, "task");
  const { api } = await context.model();
  const { io, options } = context;
  const forever = Number.MAX_SAFE_INTEGER;
  const timeoutMs =
    options["wait"] === undefined
      ? options["watch"] === true
        ? forever
        : 0
      : parseDuration(String(options["wait"]), "--wait");
  const found = first<ActionResult>({ results: await tasksById(api, [id]) });
  const [result = found] = timeoutMs > 0 ? await awaitTasks(api, io, [id], timeoutMs) : [found];
  const doc = taskDoc(result);
  emit(io, options, doc, () => (isFinished(result) ? plainTask(doc) : `Task ${id} is ${doc.status}\n`));
};

export const cancelTask: Run = async (context, ids) => {
  for (const id of ids) refuseWrongId(id, "task");
  const { api } = await context.model();
  const { results } = await api.call<{ results: ActionResult[] }>("Action", "Cancel", {
    entities: ids.map((id) => ({ tag: `action-${id}` })),
  });
  const errors = results.flatMap(({ error }) => (error ? [error.message] : []));
  const done = results.filter(({ error }) => !error);
  if (done.length > 0)
    emit(
      context.io,
      context.options,
      Object.fromEntries(done.map((result) => [taskIdOf(result), taskDoc(result)])),
    );
  if (errors.length > 0) throw new CommandError(errors.join("\nERROR "));
};

function refuseWrongId(id: string, kind: string): void {
  if (!/^\d+$/.test(id)) throw new UsageError(`invalid ${kind} ID "${id}": expected a number`);
}

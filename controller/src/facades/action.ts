/** Action: tasks on units and machines, what became of them, and what a charm offers. */
import type { ActionOperation, Charm, Task } from "@cantrip/model";
import { defineFacade, type Connection, type FacadeMethod, type Params } from "../facade.ts";
import { EnqueueOperation, Run, RunOnAllMachines, taskId } from "./action/enqueue.ts";
import { ProgressWatcher } from "./action/progress.ts";
import { wireOperation, wireTask } from "./action/wire.ts";
import { charmOf } from "./application/deploy.ts";
import { entityTags, texts, wholeNumber } from "./params.ts";
import { applicationIn, sourceOf, eachResult, idIn, modelOf, naturally, notFound, own } from "./values.ts";

function taskIn(connection: Connection, id: string): Task {
  return own(modelOf(connection).state.tasks, id) ?? notFound(`task "${id.slice(0, 80)}"`);
}

const Actions: FacadeMethod = async (connection, params) => ({
  results: await eachResult(entityTags(params), (tag) => wireTask(taskIn(connection, taskId(tag)))),
});

const Cancel: FacadeMethod = async (connection, params) => ({
  results: await eachResult(entityTags(params), async (tag) => {
    const { id: task } = taskIn(connection, taskId(tag));
    await modelOf(connection).execute({ type: "cancel-task", task }, sourceOf(connection));
    return wireTask(taskIn(connection, task));
  }),
});

const Operations: FacadeMethod = async (connection, params) => {
  const { state } = modelOf(connection);
  const results = await eachResult(entityTags(params), (tag) => {
    const id = idIn(tag, "operation");
    return wireOperation(state, own(state.operations, id) ?? notFound(`operation "${id.slice(0, 80)}"`));
  });
  return { results, truncated: false };
};

/** The newest first, as many as asked for. */
const ListOperations: FacadeMethod = (connection, params) => {
  const { state } = modelOf(connection);
  const all = Object.values(state.operations)
    .filter((operation) => isAskedFor(connection, operation, params))
    .map((operation) => wireOperation(state, operation))
    .filter(({ status }) => isAny(texts(params, "status"), [status]))
    .toSorted((a, b) => naturally(b.operation, a.operation));
  const offset = wholeNumber(params, "offset");
  const limit = wholeNumber(params, "limit") || 50;
  return { results: all.slice(offset, offset + limit), truncated: all.length > offset + limit };
};

function isAskedFor(connection: Connection, { tasks }: ActionOperation, params: Params): boolean {
  const found = tasks
    .map((id) => own(modelOf(connection).state.tasks, id))
    .filter((task) => task !== undefined);
  const receivers = found.map(({ receiver }) => receiver);
  return (
    isAny(
      texts(params, "actions"),
      found.map(({ action }) => action),
    ) &&
    isAny([...texts(params, "units"), ...texts(params, "machines")], receivers) &&
    isAny(
      texts(params, "applications"),
      receivers.map((receiver) => receiver.split("/")[0] ?? ""),
    )
  );
}

/** Nothing wanted: everything fits. */
const isAny = (wanted: readonly string[], found: readonly string[]): boolean =>
  wanted.length === 0 || found.some((value) => wanted.includes(value));

const ApplicationsCharmsActions: FacadeMethod = async (connection, params) => ({
  results: await eachResult(entityTags(params), (tag) => {
    const application = applicationIn(modelOf(connection), idIn(tag, "application"));
    return { "application-tag": tag, actions: wireActions(charmOf(connection, application.charmUrl)) };
  }),
});

export function wireActions({ actions }: Charm): Record<string, { description: string; params: object }> {
  return Object.fromEntries(
    actions.actions.map(({ name, description, params }) => [name, { description, params }]),
  );
}

const WatchActionsProgress: FacadeMethod = async (connection, params) => ({
  results: await eachResult(entityTags(params), (tag) => {
    const watcher = new ProgressWatcher(modelOf(connection), taskIn(connection, taskId(tag)).id);
    return { "watcher-id": connection.resources.add(watcher), changes: watcher.news() };
  }),
});

defineFacade({
  name: "Action",
  versions: [7],
  on: "model",
  methods: {
    Actions,
    ApplicationsCharmsActions,
    Cancel,
    EnqueueOperation,
    ListOperations,
    Operations,
    Run,
    RunOnAllMachines,
    WatchActionsProgress,
  },
});

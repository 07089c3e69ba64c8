import type { TaskEvents } from "../events.ts";
import { copy, own, put } from "../records.ts";
import type { ModelState, Task } from "../state.ts";
import type { Appliers } from "./appliers.ts";

const on =
  <Event extends { task: string }>(change: (task: Task, event: Event) => void) =>
  (state: ModelState, event: Event): void => {
    const task = own(state.tasks, event.task);
    if (task) change(task, event);
  };

function prune(state: ModelState, ids: readonly string[]): void {
  for (const id of ids) {
    for (const task of own(state.operations, id)?.tasks ?? []) delete state.tasks[task];
    delete state.operations[id];
  }
}

export const taskEvents: Appliers<TaskEvents["type"]> = {
  "operation-enqueued": (state, { operation, tasks }) => {
    put(state.operations, operation.id, copy(operation));
    for (const task of tasks) put(state.tasks, task.id, copy(task));
    const ids = [operation.id, ...operation.tasks].map(Number);
    state.counters.task = Math.max(state.counters.task, ...ids);
  },
  "task-started": on((task, { at }) => {
    task.status = "running";
    task.startedAt = at;
  }),
  "task-aborting": on((task) => {
    task.status = "aborting";
  }),
  "task-finished": on((task, { status, message, results, at }) => {
    task.status = status;
    task.message = message;
    task.results = copy(results);
    task.completedAt = at;
  }),
  "task-logged": on((task, { at, message }) => {
    task.log.push({ at, message });
  }),
  "operations-pruned": (state, { operations }) => prune(state, operations),
};

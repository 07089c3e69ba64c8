import { isActionName, named } from "@cantrip/metadata";
import type { CommandOf, Deciders, Draft } from "../draft.ts";
import { findMachine, findUnit } from "../entities.ts";
import { ModelError } from "../errors.ts";
import { own } from "../records.ts";
import { withDefaults } from "../schema/defaults.ts";
import { validate } from "../schema/validate.ts";
import { charmOf, modelDurationMs } from "../settings.ts";
import type { ActionOperation, ModelState, Task } from "../state.ts";

type Request = CommandOf<"enqueue-action">["requests"][number];

/** The command that `exec` runs as an action. */
const exec = "juju-exec";

export const actionCommands: Pick<Deciders, "enqueue-action"> = {
  "enqueue-action": (draft, { requests, now }) => {
    pruneOld(draft);
    const id = String(draft.state.counters.task + 1);
    const tasks: Task[] = [];
    const failures: { receiver: string; message: string }[] = [];
    for (const request of requests) {
      const taskId = String(draft.state.counters.task + 2 + tasks.length);
      const made = attempted(() => taskOf(draft, request, { id: taskId, operation: id }));
      if (made instanceof ModelError) failures.push({ receiver: request.receiver, message: made.message });
      else tasks.push(made);
    }
    const summary = summaryOf(tasks, requests);
    const operation: ActionOperation = {
      id,
      summary,
      tasks: tasks.map((task) => task.id),
      failures,
      enqueuedAt: now,
    };
    draft.emit({ type: "operation-enqueued", operation, tasks });
  },
};

function attempted<Result>(make: () => Result): Result | ModelError {
  try {
    return make();
  } catch (error) {
    if (error instanceof ModelError) return error;
    throw error;
  }
}

function summaryOf(tasks: readonly Task[], requests: readonly Request[]): string {
  const receivers = tasks.map(({ receiver }) =>
    receiver.includes("/") ? `unit-${receiver.replace("/", "-")}` : `machine-${receiver}`,
  );
  const name = requests[0]?.action ?? "nothing";
  return `${name} run on ${receivers.join(",") || "nothing"}`;
}

/** @throws ModelError why this receiver cannot run it */
function taskOf(draft: Draft, request: Request, ids: { id: string; operation: string }): Task {
  const { state, now } = draft;
  const receiver = receiverOf(state, request);
  const definition = request.action === exec ? undefined : definitionOf(state, receiver, request.action);
  const given = request.parameters ?? {};
  return {
    ...ids,
    receiver,
    action: request.action,
    parameters: definition ? checked(definition.params, given) : given,
    parallel: request.parallel ?? definition?.parallel ?? false,
    executionGroup: request.executionGroup ?? definition?.executionGroup ?? "",
    status: "pending",
    message: "",
    results: {},
    log: [],
    enqueuedAt: now,
  };
}

function receiverOf(state: ModelState, { receiver, action }: Request): string {
  const [application = "", number] = receiver.split("/");
  if (number === "leader") return leaderOf(state, application);
  if (number === undefined && action === exec) return findMachine(state, receiver).id;
  const unit = findUnit(state, receiver);
  if (unit.life === "dead") throw new ModelError("bad request", `unit "${receiver}" is dead`);
  return unit.name;
}

function leaderOf(state: ModelState, application: string): string {
  const leader = own(state.applications, application)?.leader;
  if (leader === undefined)
    throw new ModelError("not found", `could not determine leader for "${application}"`);
  return leader;
}

function definitionOf(state: ModelState, receiver: string, action: string) {
  const charm = charmOf(state, findUnit(state, receiver));
  const definition = isActionName(action) && charm ? named(charm.actions.actions, action) : undefined;
  if (!definition) throw new ModelError("not found", `action "${action}" not defined on unit "${receiver}"`);
  return definition;
}

function checked(
  schema: Readonly<Record<string, unknown>>,
  given: Record<string, unknown>,
): Record<string, unknown> {
  const parameters = withDefaults(schema, given);
  const [problem] = validate(schema, parameters);
  if (problem !== undefined) throw new ModelError("bad request", `validation failed: ${problem}`);
  return parameters;
}

/** Results are kept for a while: what is older goes when new ones come. */
function pruneOld(draft: Draft): void {
  const { state, now } = draft;
  const oldest = now - modelDurationMs(state, "max-action-results-age");
  const isOver = ({ tasks, enqueuedAt }: ActionOperation): boolean =>
    enqueuedAt < oldest &&
    tasks.every(
      (id) =>
        (own(state.tasks, id)?.completedAt ?? 0) < oldest && own(state.tasks, id)?.completedAt !== undefined,
    );
  const operations = Object.values(state.operations)
    .filter(isOver)
    .map(({ id }) => id);
  if (operations.length > 0) draft.emit({ type: "operations-pruned", operations });
}

/** What `run` and `exec` do once their tasks are asked for: wait, print, and say by the exit code how it went. */
import type { ActionResult } from "../facades/action/wire.ts";
import type { Context, ModelConnection } from "./context.ts";
import { CommandError, Silent } from "./errors.ts";
import { emit } from "./output.ts";
import {
  awaitTasks,
  followLog,
  isFinished,
  plainTask,
  receiverName,
  taskDoc,
  taskIdOf,
  type TaskDoc,
} from "./tasks.ts";

export interface Enqueued {
  readonly operation: string;
  readonly actions: ActionResult[];
}

export interface OutcomeOptions {
  readonly timeoutMs: number;
  /** an exec of one receiver prints what the command printed, nothing else */
  readonly bare?: boolean;
}

/** @throws Silent with 1 when a task's process failed, CommandError when the time was over */
export async function reportOutcome(
  context: Context,
  model: ModelConnection,
  enqueued: Enqueued,
  options: OutcomeOptions,
): Promise<void> {
  const operation = enqueued.operation.replace(/^operation-/, "");
  const tasks = enqueued.actions.filter(({ error }) => !error);
  const refusals = enqueued.actions.flatMap(({ error }) => (error ? [error.message] : []));
  if (tasks.length === 0) return refused(context, operation, refusals);
  for (const reason of refusals) context.inform(`Not scheduled: ${reason}`);
  if (context.options["background"] === true) return informBackground(context, operation, tasks);
  informStart(context, operation, tasks);
  const results = await waited(context, model, tasks, options.timeoutMs);
  print(context, results, options);
  conclude(context, results);
}

/** As Juju 3 has it: exit code 0 and nothing on stdout. */
function refused({ io }: Context, operation: string, reasons: string[]): void {
  io.err(
    `Operation ${operation} failed to schedule any tasks:\n${reasons.map((reason) => `${reason}\n`).join("")}`,
  );
}

function informBackground(context: Context, operation: string, tasks: ActionResult[]): void {
  const ids = tasks.map(taskIdOf);
  context.inform(`Scheduled operation ${operation} with task${ids.length > 1 ? "s" : ""} ${ids.join(", ")}`);
  context.inform(`Check operation status with 'cantrip show-operation ${operation}'`);
  context.inform(`Check task status with 'cantrip show-task ${ids.length > 1 ? "<id>" : (ids[0] ?? "")}'`);
}

function informStart(context: Context, operation: string, tasks: ActionResult[]): void {
  context.inform(`Running operation ${operation} with ${tasks.length} task${tasks.length > 1 ? "s" : ""}`);
  for (const task of tasks) context.inform(`  - task ${taskIdOf(task)} on ${task.action?.receiver ?? ""}`);
  context.inform("");
}

async function waited(
  context: Context,
  { api }: ModelConnection,
  tasks: ActionResult[],
  timeoutMs: number,
): Promise<ActionResult[]> {
  const ids = tasks.map(taskIdOf);
  const [only] = ids;
  if (ids.length === 1 && only !== undefined) {
    context.inform(`Waiting for task ${only}...`);
    // a lost log is no lost result: the result says when it ends
    followLog(api, only, (line) => context.inform(line)).catch(() => undefined);
  }
  return awaitTasks(api, context.io, ids, timeoutMs);
}

function print(context: Context, results: ActionResult[], { bare = false }: OutcomeOptions): void {
  const docs = results.filter(isFinished).map(taskDoc);
  const keyed = Object.fromEntries(docs.map((doc) => [doc.unit ?? doc.machine ?? doc.id, doc]));
  const { io, options } = context;
  if (options["format"] !== "plain") return emit(io, options, keyed);
  const [only] = docs;
  emit(io, options, keyed, () =>
    docs.length === 1 && only ? plainOne(io.err, only, bare) : plainMany(docs),
  );
}

/** What the command wrote to its stderr goes to ours. */
function plainOne(err: (text: string) => void, doc: TaskDoc, bare: boolean): string {
  if (!bare) return plainTask(doc);
  const { stderr, ...results } = doc.results ?? {};
  if (typeof stderr === "string" && stderr !== "") err(stderr.endsWith("\n") ? stderr : `${stderr}\n`);
  const { "return-code": _code, ...rest } = results;
  return plainTask({ ...doc, results: rest });
}

const plainMany = (docs: TaskDoc[]): string =>
  docs
    .map((doc) => `${doc.unit ?? doc.machine ?? doc.id}:\n${plainTask(doc).replaceAll(/^(?=.)/gm, "  ")}`)
    .join("\n");

function conclude({ io }: Context, results: ActionResult[]): void {
  const late = results.filter((result) => !isFinished(result));
  if (late.length > 0)
    throw new CommandError(`timed out waiting for results from: ${late.map(receiverText).join(", ")}`);
  const failed = results.filter(hasFailed);
  if (failed.length === 0) return;
  io.err(`the following task${failed.length > 1 ? "s" : ""} failed:\n`);
  for (const task of failed)
    io.err(` - id "${taskIdOf(task)}" with return code ${codeOf(task) ?? "unknown"}\n`);
  io.err("\nuse 'cantrip show-task' to inspect the failure\n");
  throw new Silent(1);
}

function receiverText({ action }: ActionResult): string {
  const tag = action?.receiver ?? "";
  return `${tag.startsWith("machine-") ? "machine" : "unit"} ${receiverName(tag)}`;
}

function codeOf({ output }: ActionResult): number | undefined {
  const code = output?.["return-code"];
  return typeof code === "number" ? code : undefined;
}

/** A charm that only said action-fail and left with 0 has failed its task, not our command. */
function hasFailed({ status = "", output = {} }: ActionResult): boolean {
  const code = output["return-code"];
  if (typeof code === "number") return code !== 0;
  return (
    status === "error" ||
    status === "aborted" ||
    status === "cancelled" ||
    (status === "failed" && code !== undefined)
  );
}

import { inspect } from "node:util";
import { EndDispatch } from "./errors.ts";
import type { CharmClass } from "./framework/charm.ts";
import { type DispatchContext, contextFrom, stateFile } from "./framework/context.ts";
import { loadDefinition } from "./framework/definition.ts";
import { Dispatch } from "./framework/dispatch.ts";
import { type Environment, NotADispatch } from "./framework/environment.ts";
import { runLegacyHook } from "./framework/legacy.ts";
import { fileStore } from "./framework/stored.ts";
import { sendText } from "./log/send.ts";
import { inSource } from "./log/source-places.ts";
import { forgetHandedOver, processTools } from "./tools/process.ts";
import { HookTools } from "./tools/tools.ts";

/** Runs this program's one dispatch, as its unit agent asks for in the environment, and ends the process with its exit code. */
export async function main(CharmType: CharmClass): Promise<never> {
  // A hook of an older style was started by us, and calls its own framework: that is us again.
  if (process.env["OPERATOR_DISPATCH"]) process.exit(0);
  process.exit(await runToExitCode(CharmType));
}

async function runToExitCode(CharmType: CharmClass): Promise<number> {
  try {
    const context = contextFrom(process.env);
    return runLegacyHook(context) || (await runDispatch(CharmType, context));
  } catch (error) {
    await reportEarly(error, process.env);
    return 1;
  }
}

/**
 * What failed before there was a dispatch with its log: to juju-log as well; to stderr for whoever waits for an action, and where there
 * is no juju-log, as when people start the program themselves.
 */
async function reportEarly(error: unknown, { JUJU_DISPATCH_PATH: path = "" }: Environment): Promise<void> {
  const text = error instanceof NotADispatch ? error.message : `Uncaught in ${path}: ${describe(error)}`;
  const tools = new HookTools(processTools());
  let isForStderr = path.startsWith("actions/");
  await sendText(
    (level, part) => tools.log(level, part),
    { level: "error", text },
    () => (isForStderr = true),
  );
  if (isForStderr) process.stderr.write(`${text}\n`);
}

async function runDispatch(CharmType: CharmClass, context: DispatchContext): Promise<number> {
  forgetHandedOver(context.charmDir);
  const dispatch = new Dispatch({
    context,
    definition: await loadDefinition(context.charmDir),
    runner: processTools(),
    store: fileStore(stateFile(context.charmDir)),
    clock: () => performance.now(),
  });
  const failures = new Set<unknown>();
  listen(dispatch, failures);
  try {
    await dispatch.run(CharmType);
    return 0;
  } catch (error) {
    if (error instanceof EndDispatch) return error.exitCode;
    await report(dispatch, context, failures.add(error));
    return 1;
  } finally {
    await dispatch.log.flush();
  }
}

/** A hook must not pass because an error got lost, or because what it waits for never comes. */
function listen(dispatch: Dispatch, failures: Set<unknown>): void {
  const stray = (error: unknown): void => {
    if (!(error instanceof EndDispatch)) failures.add(error);
    dispatch.stray(error);
  };
  process.on("uncaughtException", stray);
  process.on("unhandledRejection", stray);
  process.once("beforeExit", () => dispatch.stalled());
}

/** Each once; others may fail while one is on its way to the log, behind the tools that run. An operator who waits for an action sees its stderr. */
async function report(
  { log }: Dispatch,
  { dispatchPath, kind }: DispatchContext,
  failures: ReadonlySet<unknown>,
): Promise<void> {
  for (const error of failures) {
    const text = `Uncaught in ${dispatchPath}: ${describe(error)}`;
    log.error(text);
    if (kind === "action") process.stderr.write(`${text}\n`);
    await log.flush();
  }
}

/** Whole, each error once: causes may lead back to where they began. */
function describe(error: unknown, told: Set<unknown> = new Set()): string {
  if (!(error instanceof Error)) return typeof error === "string" ? error : inspect(error);
  if (told.has(error)) return `${error.name}: ${error.message} (as above)`;
  told.add(error);
  const cause = error.cause === undefined ? "" : `\nCaused by: ${describe(error.cause, told)}`;
  const parts =
    error instanceof AggregateError ? error.errors.map((part) => `\n- ${describe(part, told)}`).join("") : "";
  const stack = error.stack === undefined ? error.message : inSource(error.stack, import.meta.url);
  return `${stack}${parts}${cause}`;
}

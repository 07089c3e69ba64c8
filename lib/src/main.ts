import { EndDispatch } from "./errors.ts";
import type { CharmClass } from "./framework/charm.ts";
import { type DispatchContext, contextFrom, stateFile } from "./framework/context.ts";
import { loadDefinition } from "./framework/definition.ts";
import { Dispatch } from "./framework/dispatch.ts";
import { NotADispatch } from "./framework/environment.ts";
import { runLegacyHook } from "./framework/legacy.ts";
import { fileStore } from "./framework/stored.ts";
import { processTools } from "./tools/process.ts";

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
    process.stderr.write(`${error instanceof NotADispatch ? error.message : describe(error)}\n`);
    return 1;
  }
}

async function runDispatch(CharmType: CharmClass, context: DispatchContext): Promise<number> {
  const dispatch = new Dispatch({
    context,
    definition: await loadDefinition(context.charmDir),
    runner: processTools(),
    store: fileStore(stateFile(context.charmDir)),
    clock: () => performance.now(),
  });
  const toTheEnd = async (): Promise<void> => {
    await dispatch.run(CharmType);
    await dispatch.log.flush();
  };
  try {
    await Promise.race([strayError(), toTheEnd()]);
    return 0;
  } catch (error) {
    return error instanceof EndDispatch ? error.exitCode : report(dispatch, context, error);
  } finally {
    await dispatch.log.flush();
  }
}

/** Rejects with what nobody awaits or catches: a hook must not pass because an error got lost. */
function strayError(): Promise<never> {
  return new Promise((_, reject) => {
    process.on("uncaughtException", reject);
    process.on("unhandledRejection", reject);
  });
}

function report({ log }: Dispatch, { dispatchPath }: DispatchContext, error: unknown): number {
  const text = `Uncaught in ${dispatchPath}: ${describe(error)}`;
  log.error(text);
  process.stderr.write(`${text}\n`);
  return 1;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `\nCaused by: ${describe(error.cause)}`;
  const parts =
    error instanceof AggregateError ? error.errors.map((part) => `\n- ${describe(part)}`).join("") : "";
  return `${error.stack ?? error.message}${parts}${cause}`;
}

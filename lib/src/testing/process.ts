import { EndDispatch } from "../errors.ts";
import type { Charm } from "../framework/charm.ts";
import { contextFrom } from "../framework/context.ts";
import type { CharmDefinition } from "../framework/definition.ts";
import { Dispatch } from "../framework/dispatch.ts";
import type { Framework } from "../framework/framework.ts";
import type { StateStore } from "../framework/stored.ts";
import type { MemoryHook } from "./memory-hook.ts";
import { memoryTools } from "./memory-tools.ts";
import { Mortal } from "./mortal.ts";
import { recorded, withTrail } from "./recorded.ts";

/** A charm class, whose constructor may take what a test puts in the place of the outside world. */
export type TestedCharm<Fakes> = new (framework: Framework, fakes?: Fakes) => Charm;

export interface CharmProcess<Fakes> {
  readonly CharmType: TestedCharm<Fakes>;
  readonly definition: CharmDefinition;
  readonly fakes?: Fakes | undefined;
  readonly store: StateStore;
  readonly mortal?: Mortal;
}

/** What a shell says of a process that was killed. */
export const killedExit = 137;

/**
 * The charm's program in a hook, to its end or its death; the hook itself is still to be ended. Undefined if it was killed.
 * @throws what the charm throws, with the calls of hook tools that led there
 */
export async function live<Fakes>(
  hook: MemoryHook,
  { CharmType, definition, fakes, store, mortal = new Mortal() }: CharmProcess<Fakes>,
): Promise<{ readonly exitCode: number | undefined; readonly calls: readonly string[] }> {
  const { runner, calls } = recorded(mortal.runner(memoryTools(hook.view, hook.buffer, hook.effects)));
  const run = new Dispatch({
    context: contextFrom(hook.environment),
    definition,
    runner,
    store: mortal.store(store),
    clock: hook.juju.now,
  });
  const given = fakes === undefined ? undefined : mortal.port(fakes);
  class Tested extends CharmType {
    constructor(framework: Framework) {
      super(framework, given);
    }
  }
  try {
    return { exitCode: await mortal.untilDeath(() => exitOf(run, Tested)), calls };
  } catch (error) {
    hook.end(1);
    throw withTrail(error, { hookToolCalls: calls });
  }
}

/** @throws CommitRefused, with the calls of hook tools that led there */
export function end(hook: MemoryHook, { exitCode, calls }: Awaited<ReturnType<typeof live>>): void {
  try {
    if (exitCode === undefined) hook.interrupt();
    else hook.end(exitCode);
  } catch (error) {
    throw withTrail(error, { hookToolCalls: calls });
  }
}

async function exitOf(run: Dispatch, CharmType: new (framework: Framework) => Charm): Promise<number> {
  try {
    await run.run(CharmType);
    return 0;
  } catch (error) {
    if (error instanceof EndDispatch) return error.exitCode;
    throw error;
  } finally {
    await run.log.flush();
  }
}

import { EndDispatch } from "../errors.ts";
import type { Charm } from "../framework/charm.ts";
import { contextFrom } from "../framework/context.ts";
import type { CharmDefinition } from "../framework/definition.ts";
import { Dispatch } from "../framework/dispatch.ts";
import type { Framework } from "../framework/framework.ts";
import type { StateStore } from "../framework/stored.ts";
import { CommitRefused, type MemoryHook } from "./memory-hook.ts";
import { memoryTools } from "./memory-tools.ts";
import { Mortal } from "./mortal.ts";
import { recorded, withCalls } from "./recorded.ts";

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
export const killed = 137;

/**
 * The charm's program in a hook, to its end or its death. The hook is ended accordingly.
 * @throws CommitRefused, and what the charm throws, with the calls of hook tools that led there
 */
export async function runProcess<Fakes>(
  hook: MemoryHook,
  { CharmType, definition, fakes, store, mortal = new Mortal() }: CharmProcess<Fakes>,
): Promise<number> {
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
    const exitCode = await mortal.untilDeath(() => exitOf(run, Tested));
    if (mortal.death === undefined) hook.end(exitCode ?? 0);
    else hook.interrupt();
    return exitCode ?? killed;
  } catch (error) {
    if (!(error instanceof CommitRefused)) hook.end(1);
    throw withCalls(error, calls);
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

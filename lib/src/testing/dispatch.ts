import { fileURLToPath } from "node:url";
import { emptyBuffer, hookEnvironment } from "@cantrip/model";
import { EndDispatch } from "../errors.ts";
import type { Charm } from "../framework/charm.ts";
import { contextFrom } from "../framework/context.ts";
import type { CharmDefinition } from "../framework/definition.ts";
import { Dispatch } from "../framework/dispatch.ts";
import type { Framework } from "../framework/framework.ts";
import { memoryStore } from "../framework/stored.ts";
import { definitionOf } from "../pack/documents.ts";
import { readSource } from "../pack/source.ts";
import { commit } from "./commit.ts";
import { checkEvent, checkWorld } from "./consistency.ts";
import { MemoryEffects } from "./effects.ts";
import { type World, worldOf } from "./given.ts";
import { memoryTools } from "./memory-tools.ts";
import type { EventGiven, State, Then } from "./state.ts";
import { recorded, withCalls } from "./recorded.ts";
import { viewOf } from "./view.ts";

/** A charm class, whose constructor may take what a test puts in the place of the outside world. */
export type TestedCharm<Fakes> = new (framework: Framework, fakes?: Fakes) => Charm;

/** What a dispatch needs beside the state and the event. */
export interface DispatchOptions<Fakes> {
  /** The charm's directory, where charmcraft.yaml is. */
  readonly dir?: string | URL;
  /** In place of `dir`. */
  readonly definition?: CharmDefinition;
  /** The second argument of the charm's constructor. */
  readonly fakes?: Fakes;
  /** Milliseconds since 1970, as the charm's leases and the model see them. Default: stands still at a fixed time. */
  readonly now?: () => number;
}

/** 2026-01-01: a fixed time, so that nothing depends on when a test runs. */
const standingStill = (): number => 1_767_225_600_000;

/**
 * One dispatch of a charm, in memory, by the model that the controller runs.
 * @throws GivenError, and what the charm throws, with the calls of hook tools that led there as its `hookToolCalls`
 */
export async function dispatch<Fakes>(
  CharmType: TestedCharm<Fakes>,
  event: EventGiven,
  given: State = {},
  options: DispatchOptions<Fakes> = {},
): Promise<Then> {
  const { fakes, now = standingStill } = options;
  const definition = options.definition ?? (await definitionIn(options.dir));
  const world = worldOf(given, definition);
  checkWorld(world, definition);
  checkEvent(event, world, definition);
  const view = viewOf(world, event, definition, now());
  const buffer = emptyBuffer();
  const effects = new MemoryEffects(world, now);
  const store = memoryStore({ values: world.stored, notices: world.deferred });
  const { runner, calls } = recorded(memoryTools(view, buffer, effects));
  const run = new Dispatch({
    context: contextFrom(hookEnvironment(view, paths)),
    definition,
    runner,
    store,
    clock: now,
  });
  const exitCode = await outcomeOf(
    run,
    class extends CharmType {
      constructor(framework: Framework) {
        super(framework, fakes);
      }
    },
    calls,
  );
  if (exitCode === 0) commit(world, buffer);
  const { values: stored, notices: deferred } = store.data;
  return {
    ...world,
    stored,
    deferred,
    log: effects.logged,
    statusHistory: effects.statusHistory,
    action: view.action && {
      results: buffer.action.results,
      log: effects.actionLines,
      failure: buffer.action.failed,
    },
    reboot: buffer.changes.reboot,
    exitCode,
  } satisfies Then & World;
}

/** `dispatch` for the charm in one directory. */
export function dispatcher(dir: string | URL): typeof dispatch {
  return (CharmType, event, given, options) => dispatch(CharmType, event, given, { dir, ...options });
}

async function outcomeOf(
  run: Dispatch,
  CharmType: new (framework: Framework) => Charm,
  calls: readonly string[],
): Promise<number> {
  try {
    await run.run(CharmType);
    return 0;
  } catch (error) {
    if (error instanceof EndDispatch) return error.exitCode;
    throw withCalls(error, calls);
  } finally {
    await run.log.flush();
  }
}

async function definitionIn(dir: string | URL | undefined): Promise<CharmDefinition> {
  if (dir === undefined)
    throw new TypeError("dispatch needs the charm's files: pass { dir }, or use dispatcher(dir)");
  return definitionOf(await readSource(typeof dir === "string" ? dir : fileURLToPath(dir)));
}

const paths = {
  charmDir: "/var/lib/juju/agents/unit-under-test/charm",
  toolsDir: "/var/lib/juju/tools/unit-under-test",
  socket: "/var/lib/juju/agents/unit-under-test/agent.socket",
  contextId: "unit-under-test",
  apiAddresses: [],
  version: "3.6.11",
  path: "/usr/bin:/bin",
};

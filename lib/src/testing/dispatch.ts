import { fileURLToPath } from "node:url";
import type { CharmDefinition } from "../framework/definition.ts";
import { memoryStore } from "../framework/stored.ts";
import { definitionOf } from "../pack/documents.ts";
import { readSource } from "../pack/source.ts";
import { begin } from "./begin.ts";
import { checkEvent, checkWorld } from "./consistency.ts";
import { type World, unitOf, worldOf } from "./given.ts";
import type { MemoryHook } from "./memory-hook.ts";
import { Mortal } from "./mortal.ts";
import { withTrail } from "./recorded.ts";
import { type TestedCharm, end, killedExit, live } from "./process.ts";
import type { EventGiven, State, Then } from "./state.ts";
import { worldAt } from "./then.ts";

/** Which charm a test is of. */
export interface CharmSource {
  /** The charm's directory, where charmcraft.yaml is. */
  readonly dir?: string | URL;
  /** In place of `dir`. */
  readonly definition?: CharmDefinition;
}

/** What a dispatch needs beside the state and the event. */
export interface DispatchOptions<Fakes> extends CharmSource {
  /** The second argument of the charm's constructor. */
  readonly fakes?: Fakes;
  /** Milliseconds since 1970, as the charm's leases and the model see them. Default: stands still at a fixed time. */
  readonly now?: () => number;
}

/** 2026-01-01: a fixed time, so that nothing depends on when a test runs. */
export const fixedTime = 1_767_225_600_000;

/**
 * A charm's dispatch of an event, or of several one after another, in memory, by the model that the controller runs.
 * @throws GivenError, CommitRefused, and what the charm throws, with the calls of hook tools that led there as its `hookToolCalls`,
 *   and of several events those up to the one that failed as its `events`
 */
export async function dispatch<Fakes>(
  CharmType: TestedCharm<Fakes>,
  event: EventGiven | readonly EventGiven[],
  given: State = {},
  options: DispatchOptions<Fakes> = {},
): Promise<Then> {
  const definition = await definitionIn(options);
  if (!isSeveral(event)) return dispatchOne(CharmType, event, given, { ...options, definition });
  let then: Then | undefined;
  for (const [n, next] of event.entries())
    try {
      const latest = await dispatchOne(CharmType, next, then ?? given, { ...options, definition });
      then = then === undefined ? latest : after(then, latest);
    } catch (error) {
      throw withTrail(error, { events: event.slice(0, n + 1) });
    }
  if (then === undefined) throw new TypeError("dispatch needs an event, got an empty list");
  return then;
}

const isSeveral = (event: EventGiven | readonly EventGiven[]): event is readonly EventGiven[] =>
  Array.isArray(event);

const after = (before: Then, then: Then): Then => ({
  ...then,
  log: [...before.log, ...then.log],
  statusHistory: [...before.statusHistory, ...then.statusHistory],
});

/** `dispatch` for the charm in one directory. */
export function dispatcher(dir: string | URL): typeof dispatch {
  return (CharmType, event, given, options) => dispatch(CharmType, event, given, { dir, ...options });
}

export async function dispatchOne<Fakes>(
  CharmType: TestedCharm<Fakes>,
  event: EventGiven,
  given: State,
  {
    definition,
    fakes,
    now = () => fixedTime,
    mortal = new Mortal(),
  }: DispatchOptions<Fakes> & { readonly definition: CharmDefinition; readonly mortal?: Mortal },
): Promise<Then> {
  const world = worldOf(given, definition);
  checkWorld(world, definition);
  checkEvent(event, world, definition);
  const hook = begin(world, event, definition, now);
  const store = memoryStore({ values: world.stored, notices: world.deferred });
  const life = await live(hook, { CharmType, definition, fakes, store, mortal });
  end(hook, life);
  const { values: stored, notices: deferred } = store.data;
  return thenOf(hook, { ...world, stored, deferred }, life.exitCode ?? killedExit);
}

/** As it came in, in the order in which it came; what a hook has made follows. */
function thenOf(hook: MemoryHook, before: World, exitCode: number): Then {
  const world = worldAt(hook.juju, unitOf(before), before) ?? before;
  return {
    ...world,
    relations: inOrderOf(before.relations, world.relations),
    secrets: inOrderOf(before.secrets, world.secrets),
    log: hook.effects.logged,
    statusHistory: hook.effects.statusHistory,
    action: hook.action,
    storageRequests: hook.buffer.changes.storage ?? [],
    reboot: hook.buffer.changes.reboot,
    exitCode,
  };
}

function inOrderOf<Entity extends { readonly id: number | string }>(
  before: readonly Entity[],
  now: readonly Entity[],
): Entity[] {
  const known = before.flatMap(({ id }) => now.find((one) => one.id === id) ?? []);
  return [...known, ...now.filter(({ id }) => before.every((one) => one.id !== id))];
}

export async function definitionIn({ dir, definition }: CharmSource): Promise<CharmDefinition> {
  if (definition !== undefined) return definition;
  if (dir === undefined)
    throw new TypeError("dispatch needs the charm's files: pass { dir }, or use dispatcher(dir)");
  return definitionOf(await readSource(typeof dir === "string" ? dir : fileURLToPath(dir)));
}

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { CharmDefinition } from "../../src/framework/definition.ts";
import { definitionOf } from "../../src/pack/documents.ts";
import { readSource } from "../../src/pack/source.ts";
import { begin } from "../../src/testing/begin.ts";
import { type World, worldOf } from "../../src/testing/given.ts";
import type { MemoryHook } from "../../src/testing/memory-hook.ts";
import type { EventGiven, State } from "../../src/testing/state.ts";
import { worldAt } from "../../src/testing/then.ts";

export const nowMs = 1_767_225_600_000;

/** Everything on the far side of the hook tools. */
export type FarSide = MemoryHook;

/** A charm of `test/charms`, or one anywhere by its absolute path. */
export const charmFolder = (name: string): string => resolve(import.meta.dirname, "..", "charms", name);

export async function definitionOfCharm(name: string): Promise<CharmDefinition> {
  return definitionOf(await readSource(charmFolder(name)));
}

export function farSide(definition: CharmDefinition, event: EventGiven, given: State): FarSide {
  const far = begin(worldOf(given, definition), event, definition, () => nowMs);
  // Contents of secrets come in files from a process; in memory they do not.
  far.effects.readFile = (path) => readFile(path, "utf8");
  return far;
}

/** How the unit stands now. */
export function worldOfFar({ juju, unit }: FarSide): World {
  const world = worldAt(juju, unit, { stored: {}, deferred: [] });
  if (world === undefined) throw new Error(`${unit} is gone`);
  return world;
}

import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { type HookBuffer, type HookView, emptyBuffer } from "@cantrip/model";
import type { CharmDefinition } from "../../src/framework/definition.ts";
import { definitionOf } from "../../src/pack/documents.ts";
import { readSource } from "../../src/pack/source.ts";
import { MemoryEffects } from "../../src/testing/effects.ts";
import { type World, worldOf } from "../../src/testing/given.ts";
import type { EventGiven, State } from "../../src/testing/state.ts";
import { viewOf } from "../../src/testing/view.ts";

export const nowMs = 1_767_225_600_000;

/** Everything on the far side of the hook tools. */
export interface FarSide {
  readonly world: World;
  readonly view: HookView;
  readonly buffer: HookBuffer;
  readonly effects: MemoryEffects;
}

/** Contents of secrets come in files from a process; in memory they do not. */
class FileEffects extends MemoryEffects {
  override readFile(path: string): Promise<string> {
    return readFile(path, "utf8");
  }
}

/** A charm of `test/charms`, or one anywhere by its absolute path. */
export const charmFolder = (name: string): string => resolve(import.meta.dirname, "..", "charms", name);

export async function definitionOfCharm(name: string): Promise<CharmDefinition> {
  return definitionOf(await readSource(charmFolder(name)));
}

export function farSide(definition: CharmDefinition, event: EventGiven, given: State): FarSide {
  const world = worldOf(given, definition);
  const view = viewOf(world, event, definition, nowMs);
  return { world, view, buffer: emptyBuffer(), effects: new FileEffects(world, () => nowMs) };
}

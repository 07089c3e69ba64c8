import type { CharmActions, CharmConfig, CharmMetadata } from "@cantrip/metadata";
import { packed } from "./packed.ts";

/** What a charm's own files say about it. */
export interface CharmDefinition {
  readonly metadata: CharmMetadata;
  readonly config: CharmConfig;
  readonly actions: CharmActions;
}

/** Packing compiles the files into the program, so that no hook parses YAML; elsewhere they are read from the charm's directory. */
export async function loadDefinition(charmDir: string): Promise<CharmDefinition> {
  if (packed !== undefined) return packed;
  const { definitionFromDisk } = await import("./definition-from-disk.ts");
  return definitionFromDisk(charmDir);
}

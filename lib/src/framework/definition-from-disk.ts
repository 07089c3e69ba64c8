import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { MetadataError, parseCharmActions, parseCharmConfig, parseCharmMetadata } from "@cantrip/metadata";
import type { CharmDefinition } from "./definition.ts";

/**
 * The definition from the files of an unpacked charm. Packing leaves this module out.
 * @throws MetadataError
 */
export async function definitionFromDisk(charmDir: string): Promise<CharmDefinition> {
  const [metadata, config, actions] = await Promise.all(
    ["metadata.yaml", "config.yaml", "actions.yaml"].map((name) => readIfPresent(join(charmDir, name))),
  );
  if (metadata === undefined) throw new MetadataError("metadata.yaml", `missing in ${charmDir}`);
  return {
    metadata: parseCharmMetadata(metadata),
    config: config === undefined ? { options: [] } : parseCharmConfig(config),
    actions: actions === undefined ? { actions: [] } : parseCharmActions(actions),
  };
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

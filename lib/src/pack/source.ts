import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type CharmcraftFile, MetadataError, readYaml, shapedCharmcraft } from "@cantrip/metadata";
import { PackError } from "./errors.ts";

type YamlMap = Record<string, unknown>;

/** The source of a charm, read and checked for shape. */
export interface CharmSource {
  readonly dir: string;
  readonly project: CharmcraftFile;
  /** The value of the config.yaml to be, floats marked; undefined if the charm has no options. */
  readonly config: YamlMap | undefined;
  readonly actions: YamlMap | undefined;
}

/** @throws PackError */
export async function readSource(dir: string): Promise<CharmSource> {
  const file = join(dir, "charmcraft.yaml");
  const text = await readText(file);
  if (text === undefined) throw new PackError(file, "missing: a charm's directory has one");
  const project = inFile(file, () => shapedCharmcraft(readYaml("charmcraft.yaml", text)));
  const withFloats = readYaml("charmcraft.yaml", text, { markFloats: true }) as YamlMap;
  await refuseFile(join(dir, "metadata.yaml"), "its keys belong into charmcraft.yaml");
  return {
    dir,
    project,
    config: await inlineOrBeside(dir, "config", withFloats["config"]),
    actions: await inlineOrBeside(dir, "actions", withFloats["actions"]),
  };
}

async function inlineOrBeside(
  dir: string,
  key: "config" | "actions",
  inline: unknown,
): Promise<YamlMap | undefined> {
  const file = join(dir, `${key}.yaml`);
  const text = await readText(file);
  if (text !== undefined && inline !== undefined)
    throw new PackError(file, `charmcraft.yaml has "${key}" too: keep one of them`);
  const value =
    text === undefined ? inline : inFile(file, () => readYaml(`${key}.yaml`, text, { markFloats: true }));
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "object" || Array.isArray(value)) throw new PackError(file, "expected a map");
  const map = value as YamlMap;
  const entries = key === "config" ? (map["options"] ?? map) : map;
  return Object.keys(entries).length === 0 ? undefined : map;
}

async function refuseFile(file: string, reason: string): Promise<void> {
  if ((await readText(file)) !== undefined) throw new PackError(file, reason);
}

/** Runs `read`, and says in which file of this charm its complaint is. */
export function inFile<Value>(file: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (error instanceof MetadataError)
      throw new PackError(file, error.reason, { key: error.key, cause: error });
    throw error;
  }
}

export async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

import { Findings } from "../errors.ts";
import { located } from "../places.ts";
import { YamlFloat, readYaml } from "../yaml.ts";
import { charmActionsOf } from "./actions.ts";
import { shapedCharmcraft } from "./charmcraft.ts";
import { charmConfigOf } from "./config.ts";
import { charmMetadataOf } from "./metadata.ts";
import type { CharmFacts } from "./types.ts";
import { MetadataError, type Problem } from "../errors.ts";

const file = "charmcraft.yaml";

/**
 * All that a project file with inline options and actions defines, by the rules of its parts.
 * @throws MetadataError with every problem of every part
 */
export function parseCharmProject(text: string): CharmFacts {
  return located(text, () => projectOf(text));
}

function projectOf(text: string): CharmFacts {
  const project = shapedCharmcraft(readYaml(file, text));
  const { config, actions } = readYaml(file, text, { markFloats: true }) as Record<string, unknown>;
  const findings = new Findings(file);
  const metadata = findings.of(() => charmMetadataOf({ ...project }));
  const options = findings.of(() =>
    within("config", () => (config ? charmConfigOf(config) : { options: [] })),
  );
  const tasks = findings.of(() =>
    within("actions", () => (actions ? charmActionsOf(plain(actions)) : { actions: [] })),
  );
  findings.settle();
  return { metadata: metadata!, config: options!, actions: tasks! };
}

/** Problems of an inline part are below its key. */
function within<Value>(section: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof MetadataError)) throw error;
    const problems = error.problems.map((problem): Problem => {
      const path = [section, ...(problem.path ?? problem.key?.split(".") ?? [])];
      return { ...problem, path, key: path.join(".") };
    });
    throw new MetadataError(file, problems, { cause: error });
  }
}

/** Marked floats back to numbers: only options tell them apart. */
function plain(value: unknown): unknown {
  if (value instanceof YamlFloat) return value.value;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

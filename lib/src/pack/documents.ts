import { join } from "node:path";
import {
  type CharmBase,
  type CharmcraftFile,
  YamlFloat,
  charmActionsOf,
  charmConfigOf,
  charmMetadataOf,
  writeYaml,
} from "@cantrip/metadata";
import type { CharmDefinition } from "../framework/definition.ts";
import { type CharmSource, inFile } from "./source.ts";

type YamlMap = Record<string, unknown>;

const copied = [
  "assumes",
  "charm-user",
  "containers",
  "devices",
  "extra-bindings",
  "peers",
  "provides",
  "requires",
  "resources",
  "storage",
  "subordinate",
  "terms",
] as const;

/** What metadata.yaml says, from the project file. */
export function metadataDocument(project: CharmcraftFile): YamlMap {
  const { name, title, summary, description, links = {} } = project;
  const document: YamlMap = {
    name,
    "display-name": title,
    summary,
    description,
    maintainers: links.contact === undefined ? undefined : [links.contact].flat(),
    docs: links.documentation,
    issues: links.issues,
    source: links.source,
    website: links.website,
    ...Object.fromEntries(copied.map((key) => [key, project[key]])),
  };
  return withoutEmpty(document);
}

function withoutEmpty(document: YamlMap): YamlMap {
  return Object.fromEntries(
    Object.entries(document).filter(([, value]) => value !== undefined && value !== null),
  );
}

/** Juju 3 lets an action take parameters that it does not name, Juju 4 does not: say it, so that both agree. */
export function actionsDocument(actions: YamlMap): YamlMap {
  const explicit = (action: unknown): YamlMap => ({
    additionalProperties: true,
    ...(action as YamlMap | null),
  });
  return Object.fromEntries(Object.entries(actions).map(([name, action]) => [name, explicit(action)]));
}

/** The charm's definition as the framework and Juju will read it, checked by their rules. */
export function definitionOf({ dir, project, config, actions }: CharmSource): CharmDefinition {
  const file = join(dir, "charmcraft.yaml");
  return {
    metadata: inFile(file, () => charmMetadataOf(metadataDocument(project))),
    config: config === undefined ? { options: [] } : inFile(file, () => charmConfigOf(config)),
    actions:
      actions === undefined
        ? { actions: [] }
        : inFile(file, () => charmActionsOf(plain(actionsDocument(actions)))),
  };
}

/** The YAML files of the archive, by name. Optional ones that would be empty are left out: Juju refuses an empty config.yaml. */
export function yamlFiles(source: CharmSource, bases: readonly CharmBase[]): Map<string, string> {
  const { project, config, actions } = source;
  const manifest = { analysis: { attributes: [{ name: "language", result: "typescript" }] }, bases };
  const files = new Map([
    ["metadata.yaml", writeYaml(metadataDocument(project))],
    ["manifest.yaml", writeYaml(manifest)],
  ]);
  if (config !== undefined) files.set("config.yaml", writeYaml(config));
  if (actions !== undefined) files.set("actions.yaml", writeYaml(actionsDocument(actions)));
  return files;
}

/** Marked floats back to numbers: only the types of config options care. */
function plain(value: unknown): unknown {
  if (value instanceof YamlFloat) return value.value;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

/**
 * The files, names and databags that this project reads: their schemas, types and validators. Start at `parseCharmMetadata`,
 * names at `names.ts`. The JSON Schemas are in `schemas/`; `scripts/generate.ts` makes `src/generated/` of them.
 * Never touches disk or network, and depends on no other house.
 */
export * from "./names.ts";
export { MetadataError, type Problem } from "./errors.ts";
export { nearMiss } from "./near-miss.ts";
export { located } from "./places.ts";
export { charmMetadataOf, jujuInfo, named } from "./charm/metadata.ts";
export type {
  Assumption,
  CharmMetadata,
  Endpoint,
  ResourceDefinition,
  Role,
  Scope,
  StorageDefinition,
} from "./charm/metadata.ts";
export { OptionError, charmConfigOf, checkOptionValue, parseOptionText } from "./charm/config.ts";
export type { CharmConfig, ConfigOption, OptionType, OptionValue } from "./charm/config.ts";
export { charmActionsOf } from "./charm/actions.ts";
export type { ActionDefinition, CharmActions, JsonSchema } from "./charm/actions.ts";
export { type CharmcraftFile, shapedCharmcraft } from "./charm/charmcraft.ts";
export { charmManifestOf } from "./charm/manifest.ts";
export type { CharmBase, CharmManifest } from "./charm/manifest.ts";
export {
  parseCharmActions,
  parseCharmConfig,
  parseCharmMetadata,
  parseCharmcraft,
  parseManifest,
} from "./charm/parse.ts";
export { parseSizeMiB } from "./charm/size.ts";
export { YamlFloat, readYaml, readYamlDocuments, textOfYaml, writeYaml } from "./yaml.ts";
export * from "./databags/k8s-cluster.ts";
export { bundleOf, integrationsOf, overlayOf, parseBundle, parseBundleFile, parseOverlay } from "./bundle.ts";
export type { Bundle, BundleApplication, BundleFile, BundleMachine } from "./bundle.ts";
export { parseCharmProject } from "./charm/project.ts";
export { type CharmFacts, charmTypesOf } from "./charm/types.ts";

/** Files of a packed charm from their YAML text. */
import { readYaml } from "../yaml.ts";
import { charmActionsOf, type CharmActions } from "./actions.ts";
import { charmConfigOf, type CharmConfig } from "./config.ts";
import { charmManifestOf, type CharmManifest } from "./manifest.ts";
import { charmMetadataOf, type CharmMetadata } from "./metadata.ts";

/** @throws MetadataError */
export const parseCharmMetadata = (text: string): CharmMetadata =>
  charmMetadataOf(readYaml("metadata.yaml", text));

/** @throws MetadataError */
export const parseCharmConfig = (text: string): CharmConfig =>
  charmConfigOf(readYaml("config.yaml", text, { markFloats: true }));

/** @throws MetadataError */
export const parseCharmActions = (text: string): CharmActions =>
  charmActionsOf(readYaml("actions.yaml", text));

/** @throws MetadataError */
export const parseManifest = (text: string): CharmManifest =>
  charmManifestOf(readYaml("manifest.yaml", text));

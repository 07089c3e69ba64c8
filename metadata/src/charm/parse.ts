/** Files of a charm from their YAML text; errors know their lines. */
import { located } from "../places.ts";
import { readYaml } from "../yaml.ts";
import { charmActionsOf, type CharmActions } from "./actions.ts";
import { charmConfigOf, type CharmConfig } from "./config.ts";
import { type CharmcraftFile, shapedCharmcraft } from "./charmcraft.ts";
import { charmManifestOf, type CharmManifest } from "./manifest.ts";
import { charmMetadataOf, type CharmMetadata } from "./metadata.ts";

/** @throws MetadataError */
export const parseCharmMetadata = (text: string): CharmMetadata =>
  located(text, () => charmMetadataOf(readYaml("metadata.yaml", text)));

/** @throws MetadataError */
export const parseCharmConfig = (text: string): CharmConfig =>
  located(text, () => charmConfigOf(readYaml("config.yaml", text, { markFloats: true })));

/** @throws MetadataError */
export const parseCharmActions = (text: string): CharmActions =>
  located(text, () => charmActionsOf(readYaml("actions.yaml", text)));

/** @throws MetadataError */
export const parseManifest = (text: string): CharmManifest =>
  located(text, () => charmManifestOf(readYaml("manifest.yaml", text)));

/**
 * The project file as its shape.
 * @throws MetadataError
 */
export const parseCharmcraft = (text: string): CharmcraftFile =>
  located(text, () => shapedCharmcraft(readYaml("charmcraft.yaml", text)));

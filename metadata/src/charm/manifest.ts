import { validate } from "../generated/manifest.validator.js";
import { shaped } from "./shape.ts";

/** A system that a charm runs on. */
export interface CharmBase {
  readonly name: string;
  /** `24.04`, or with a risk: `24.04/stable`. */
  readonly channel: string;
  /** Empty: any. */
  readonly architectures: readonly string[];
}

export interface CharmManifest {
  readonly bases: readonly CharmBase[];
}

/**
 * @param raw the value of a manifest.yaml
 * @throws MetadataError
 */
export function charmManifestOf(raw: unknown): CharmManifest {
  const { bases = [] } = shaped("manifest.yaml", raw, validate);
  return { bases: bases.map(({ name, channel, architectures = [] }) => ({ name, channel, architectures })) };
}

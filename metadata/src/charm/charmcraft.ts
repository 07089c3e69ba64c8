import type { CharmcraftFile } from "../generated/charmcraft.ts";
import { validate } from "../generated/charmcraft.validator.js";
import { shaped } from "./shape.ts";

export type { CharmcraftFile } from "../generated/charmcraft.ts";

/**
 * The value of a charmcraft.yaml as its shape.
 * @throws MetadataError
 */
export const shapedCharmcraft = (raw: unknown): CharmcraftFile => shaped("charmcraft.yaml", raw, validate);

import type { CharmDefinition } from "./definition.ts";

/** The definition of the charm that this program was packed for; packing replaces this module. */
export const packed: CharmDefinition | undefined = undefined;

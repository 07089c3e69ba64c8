/** The action `usage`: its parameters, and the sizes that it shows. */
import type { Actions } from "./generated/charm-types.ts";

export type UsageParams = Actions["usage"];
export type UsageResults = { readonly files: number; readonly size: string };

const bytesIn = { B: 1, KiB: 1024, MiB: 1024 * 1024 } as const satisfies Record<UsageParams["unit"], number>;

/** Juju has held the parameters against charmcraft.yaml; what a schema cannot say is checked here. */
export function parseUsage({ client, unit }: UsageParams): UsageParams {
  if (client.includes("/")) throw new Error(`client: expected an application, got the unit "${client}"`);
  return { client, unit };
}

export const sizeIn = (unit: UsageParams["unit"], bytes: number): string =>
  `${(bytes / bytesIn[unit]).toFixed(unit === "B" ? 0 : 1)} ${unit}`;

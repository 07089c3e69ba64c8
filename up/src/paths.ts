/** Where things lie on this host. Caches survive `down`; state does not. */
import { join } from "node:path";
import type { Settings } from "./settings.ts";

export interface Paths {
  /** built components, base images, node packages, packed charms: everything that can be made again */
  readonly cache: string;
  /** the controller's log, the machines, what was changed on the host */
  readonly state: string;
}

export function hostPaths(env: NodeJS.ProcessEnv = process.env): Paths {
  return {
    cache: env["CANTRIP_CACHE"] || "/var/cache/cantrip",
    state: env["CANTRIP_STATE"] || "/var/lib/cantrip",
  };
}

export const controllerState = (paths: Paths): string => join(paths.state, "controller");
export const machinesState = (paths: Paths): string => join(paths.state, "machines");

/** A link's name has at most 15 characters. */
export const bridgeName = (instance: string): string => `${instance.replaceAll("-", "").slice(0, 12)}0`;

/** The one description of this host's machines: the controller makes them, `up` prepares the host for them, `down` removes them. */
export const machinesOptions = (
  paths: Paths,
  { instance, ranges, offline }: Pick<Settings, "instance" | "ranges" | "offline">,
) => ({
  id: instance,
  bridge: bridgeName(instance),
  subnet: ranges.machines,
  stateDir: machinesState(paths),
  cacheDir: paths.cache,
  nat: !offline,
});

/** Where things lie on this host. Caches survive `down`; state does not. */
import { join } from "node:path";

export interface Paths {
  /** built components, base images, node packages, packed charms: everything that can be made again */
  readonly cache: string;
  /** the controller's log, the machines, what was changed on the host */
  readonly state: string;
  /** pid and lock files */
  readonly run: string;
}

export function hostPaths(env: NodeJS.ProcessEnv = process.env): Paths {
  return {
    cache: env["CANTRIP_CACHE"] || "/var/cache/cantrip",
    state: env["CANTRIP_STATE"] || "/var/lib/cantrip",
    run: env["CANTRIP_RUN"] || "/run/cantrip",
  };
}

export const controllerState = (paths: Paths): string => join(paths.state, "controller");
export const machinesState = (paths: Paths): string => join(paths.state, "machines");

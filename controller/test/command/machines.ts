/** What a controller of the tests makes its machines of: an instance of its own, with the agent built from the sources. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openMachines, type NspawnMachines } from "@cantrip/machines";
import { buildAgentDirectory } from "../../src/agent-bundle.ts";
import type { MachinesConfig } from "../../src/provision/config.ts";

const cache = process.env["CANTRIP_CACHE"] ?? "/var/cache/cantrip";

export async function machinesFor(
  directory: string,
): Promise<{ machines: NspawnMachines; configPath: string }> {
  const instance = {
    id: "ct-cli",
    bridge: "ctcli0",
    subnet: "10.79.0.0/24",
    stateDir: join(directory, "machines"),
    cacheDir: cache,
  };
  const [agent, runtime] = [join(directory, "agent"), join(directory, "runtime")];
  mkdirSync(join(runtime, "bin"), { recursive: true });
  writeFileSync(join(runtime, "bin", "node"), "");
  await buildAgentDirectory({ directory: agent, cache: join(cache, "hooktool") });
  const config: MachinesConfig = {
    instance,
    machineBinds: [
      { source: agent, target: "/opt/cantrip/agent", readOnly: true },
      { source: runtime, target: "/opt/cantrip/runtime", readOnly: true },
      { source: process.execPath, target: "/opt/cantrip/runtime/bin/node", readOnly: true },
    ],
  };
  const configPath = join(directory, "machines.json");
  writeFileSync(configPath, JSON.stringify(config));
  const machines = openMachines(instance);
  await machines.cleanup();
  return { machines, configPath };
}

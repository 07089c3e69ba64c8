/** What machines are made of: given by whoever starts the controller, who alone knows what is in the bound directories. */
import { readFileSync } from "node:fs";

export interface MachinesConfig {
  /** options of @cantrip/machines: the host's instance, bridge, subnet, directories */
  readonly instance: {
    readonly id: string;
    readonly bridge: string;
    readonly subnet: string;
    readonly stateDir: string;
    readonly cacheDir: string;
    readonly dns?: readonly string[];
    readonly nat?: boolean;
  };
  /** must put a Node runtime at /opt/cantrip/runtime and the agent's files at /opt/cantrip/agent */
  readonly machineBinds: readonly {
    readonly source: string;
    readonly target: string;
    readonly readOnly?: boolean;
  }[];
  /** how many machines are made at once */
  readonly parallel?: number;
}

/** @throws Error that names what is missing */
export function readMachinesConfig(path: string): MachinesConfig {
  const config = JSON.parse(readFileSync(path, "utf8")) as Partial<MachinesConfig>;
  const { instance, machineBinds } = config;
  const wanted = ["id", "bridge", "subnet", "stateDir", "cacheDir"] as const;
  const missing = wanted.filter((key) => typeof instance?.[key] !== "string").map((key) => `instance.${key}`);
  if (!Array.isArray(machineBinds)) missing.push("machineBinds");
  if (missing.length > 0)
    throw new Error(`cannot use the machines configuration "${path}": it lacks ${missing.join(", ")}`);
  return config as MachinesConfig;
}

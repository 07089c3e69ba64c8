/** Where the agent's things are on its machine. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { AgentConfig } from "../api/agent-protocol.ts";

export function readConfig(path: string): AgentConfig {
  const config = JSON.parse(readFileSync(path, "utf8")) as Partial<AgentConfig>;
  const needed = [
    "modelUuid",
    "machine",
    "addresses",
    "caCert",
    "password",
    "nonce",
    "dataDir",
    "hookTool",
  ] as const;
  const missing = needed.filter((key) => config[key] === undefined);
  if (missing.length > 0) throw new Error(`cannot use "${path}": it lacks ${missing.join(", ")}`);
  return config as AgentConfig;
}

/** juju.md 1.8 */
export class UnitPaths {
  readonly root: string;
  readonly charm: string;
  readonly state: string;
  readonly tools: string;
  readonly socket: string;
  readonly runSocket: string;
  readonly journal: string;
  readonly manifest: string;
  readonly resources: string;

  constructor(dataDir: string, unit: string) {
    const tag = unitTag(unit);
    this.root = join(dataDir, "agents", tag);
    this.charm = join(this.root, "charm");
    this.state = join(this.root, "state");
    this.resources = join(this.root, "resources");
    this.socket = join(this.root, "agent.socket");
    this.runSocket = join(this.root, "run.socket");
    this.journal = join(this.state, "operation.json");
    this.manifest = join(this.state, "deployer", "manifest.json");
    this.tools = join(dataDir, "tools", tag);
  }
}

export function unitTag(unit: string): string {
  return `unit-${unit.replace("/", "-")}`;
}

export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

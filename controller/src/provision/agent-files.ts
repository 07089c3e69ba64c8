/** The files that make a machine one of ours: the agent's service and its configuration. */
import type { MachineFile } from "@cantrip/machines";
import type { AgentConfig } from "../api/agent-protocol.ts";
import { machineTag } from "../server/accounts.ts";

const dataDir = "/var/lib/juju";
const agentDir = "/opt/cantrip/agent";
const node = "/opt/cantrip/runtime/bin/node";

export type AgentIdentity = Omit<AgentConfig, "dataDir" | "hookTool">;

export function agentFiles(identity: AgentIdentity): MachineFile[] {
  const config: AgentConfig = { ...identity, dataDir, hookTool: `${agentDir}/hooktool` };
  const configPath = `${dataDir}/agents/${machineTag(identity.machine)}/agent.json`;
  return [
    { path: configPath, content: JSON.stringify(config), mode: 0o600 },
    { path: "/etc/systemd/system/cantrip-agent.service", content: service(configPath) },
    // What `systemctl enable` does by a link.
    {
      path: "/etc/systemd/system/multi-user.target.d/cantrip-agent.conf",
      content: "[Unit]\nWants=cantrip-agent.service\n",
    },
  ];
}

/**
 * KillMode=process: what a charm has left running is the charm's; the hook itself is ended by the agent, by its next
 * start, or with the machine. Heap flags: an agent holds little, and there is one on every machine.
 */
function service(configPath: string): string {
  return `[Unit]
Description=Cantrip machine agent
After=network.target
StartLimitIntervalSec=0

[Service]
ExecStart=${node} --max-semi-space-size=1 --max-old-space-size=256 ${agentDir}/agent.mjs ${configPath}
Environment=NODE_COMPILE_CACHE=/var/cache/cantrip-agent
Restart=always
RestartSec=200ms
KillMode=process
TimeoutStopSec=30s
TasksMax=infinity
LimitNOFILE=65536

[Install]
WantedBy=multi-user.target
`;
}

/** What agents of machines and units tell about themselves. */
import type { CommandOf, Deciders, Draft } from "../draft.ts";
import { unitsOnMachine } from "../entities.ts";
import { own } from "../records.ts";
import { setAddresses } from "./machines.ts";
import { settle } from "./settle.ts";

export const agentCommands: Pick<Deciders, "machine-agent" | "unit-agent"> = {
  "machine-agent": (draft, command) => {
    const { machine: id, status, message, bootId, addresses, now } = command;
    const machine = own(draft.state.machines, id);
    if (!machine) return;
    const { agentStatus } = machine;
    if (agentStatus.status !== status || agentStatus.message !== message)
      draft.emit({ type: "machine-agent-set", machine: id, status: { status, message, since: now } });
    setAddresses(draft, id, addresses);
    if (bootId !== undefined && bootId !== machine.bootId)
      booted(draft, id, bootId, machine.bootId !== undefined);
    if (status === "started") installingAgents(draft, id);
  },
  "unit-agent": reported,
};

/** Units that had started get `start` once more; a first boot is no reboot. */
function booted(draft: Draft, machine: string, bootId: string, isAgain: boolean): void {
  draft.emit({ type: "machine-booted", machine, bootId });
  if (!isAgain) return;
  for (const { name, agentStatus } of unitsOnMachine(draft.state, machine)) {
    draft.emit({ type: "unit-rebooted", unit: name, bootId });
    if (agentStatus.status === "rebooting") settle(draft, name);
  }
}

function installingAgents(draft: Draft, machine: string): void {
  for (const { name, workloadStatus } of unitsOnMachine(draft.state, machine))
    if (workloadStatus.status === "waiting" && workloadStatus.message === "waiting for machine")
      waiting(draft, name, "installing agent");
}

function waiting(draft: Draft, unit: string, message: string): void {
  const status = { status: "waiting", message, since: draft.now } as const;
  draft.emit({ type: "unit-status-set", unit, status, byCharm: false });
}

const beforeAgent = new Set(["waiting for machine", "installing agent"]);

/** Agents speak of themselves only; whether a hook runs or has failed is known here. */
function reported(draft: Draft, { unit: name, status, message, now }: CommandOf<"unit-agent">): void {
  const unit = own(draft.state.units, name);
  if (!unit) return;
  const { workloadStatus, uniter, agentStatus } = unit;
  const isUp = status !== "lost" && status !== "allocating" && status !== "failed";
  if (
    isUp &&
    !uniter.statusSet &&
    workloadStatus.status === "waiting" &&
    beforeAgent.has(workloadStatus.message)
  )
    waiting(draft, name, "agent initialising");
  if (status === "idle" || status === "executing") {
    if (uniter.operations > 0) settle(draft, name);
    return;
  }
  if (agentStatus.status !== status || agentStatus.message !== message)
    draft.emit({ type: "unit-agent-set", unit: name, status: { status, message, since: now } });
}

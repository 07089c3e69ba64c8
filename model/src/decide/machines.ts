import type { Deciders, Draft } from "../draft.ts";
import { findMachine, unitsOnMachine } from "../entities.ts";
import { ModelError } from "../errors.ts";
import { isSame, own } from "../records.ts";
import type { Base, Machine } from "../state.ts";
import { refuseUnlessAlive } from "./model.ts";
import { removeUnit } from "./removal.ts";

type MachineCommands = Pick<
  Deciders,
  "add-machine" | "remove-machine" | "machine-instance" | "machine-removed"
>;

export const machineCommands: MachineCommands = {
  "add-machine": (draft, { base, constraints = {} }) => {
    refuseUnlessAlive(draft);
    addMachine(draft, { base, constraints, madeForUnit: false });
  },
  "remove-machine": (draft, { machine: id, force = false }) => {
    findMachine(draft.state, id);
    const units = unitsOnMachine(draft.state, id);
    if (units.length > 0 && !force) {
      const names = units.map(({ name }) => JSON.stringify(name)).join(", ");
      throw new ModelError(
        "machine has assigned units",
        `machine ${id} has unit${units.length > 1 ? "s" : ""} ${names} assigned`,
      );
    }
    for (const { name } of units) removeUnit(draft, name);
    dismissMachine(draft, id);
  },
  "machine-instance": (draft, { machine: id, status, message, instanceId, addresses, hardware, now }) => {
    const machine = own(draft.state.machines, id);
    if (!machine) return;
    const isKnown =
      machine.instanceStatus.status === status &&
      machine.instanceStatus.message === message &&
      (instanceId === undefined || instanceId === machine.instanceId) &&
      (hardware === undefined || isSame(hardware, machine.hardware));
    const details = {
      ...(instanceId === undefined ? {} : { instanceId }),
      ...(hardware === undefined ? {} : { hardware }),
    };
    if (!isKnown)
      draft.emit({
        type: "machine-instance-set",
        machine: id,
        status: { status, message, since: now },
        ...details,
      });
    setAddresses(draft, id, addresses);
  },
  "machine-removed": (draft, { machine: id }) => {
    if (!own(draft.state.machines, id)) return;
    for (const { name } of unitsOnMachine(draft.state, id)) removeUnit(draft, name);
    draft.emit({ type: "machine-removed", machine: id });
  },
};

export function setAddresses(draft: Draft, id: string, addresses: readonly string[] | undefined): void {
  const known = own(draft.state.machines, id)?.addresses;
  if (addresses !== undefined && known !== undefined && !isSame(known, addresses))
    draft.emit({ type: "machine-addresses-set", machine: id, addresses });
}

export function addMachine(
  draft: Draft,
  options: { base: Base; constraints: Record<string, unknown>; madeForUnit: boolean },
): string {
  const { state, now } = draft;
  const id = String(state.counters.machine);
  const machine: Machine = {
    id,
    life: "alive",
    ...options,
    hostname: `juju-${state.uuid.slice(-6)}-${id}`,
    addresses: [],
    agentStatus: { status: "pending", message: "", since: now },
    instanceStatus: { status: "pending", message: "", since: now },
    createdAt: now,
  };
  draft.emit({ type: "machine-added", machine });
  return id;
}

/** A machine that was made for a unit goes with its last one. */
export function leaveMachine(draft: Draft, id: string): void {
  const machine = own(draft.state.machines, id);
  if (machine?.madeForUnit || draft.state.life !== "alive") dismissMachine(draft, id);
}

/** Dying, if nothing is on it any more; the provisioner does the rest. */
export function dismissMachine(draft: Draft, id: string): void {
  const machine = own(draft.state.machines, id);
  if (machine?.life !== "alive" || unitsOnMachine(draft.state, id).length > 0) return;
  draft.emit({ type: "machine-life-set", machine: id, life: "dying" });
}

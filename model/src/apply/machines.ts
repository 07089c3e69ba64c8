import type { MachineEvents } from "../events.ts";
import { copy, own, put } from "../records.ts";
import type { Machine, ModelState } from "../state.ts";
import type { Appliers } from "./appliers.ts";

const on =
  <Event extends { machine: string }>(change: (machine: Machine, event: Event, state: ModelState) => void) =>
  (state: ModelState, event: Event): void => {
    const machine = own(state.machines, event.machine);
    if (machine) change(machine, event, state);
  };

export const machineEvents: Appliers<MachineEvents["type"]> = {
  "machine-added": (state, { machine }) => {
    put(state.machines, machine.id, copy(machine));
    state.counters.machine = Math.max(state.counters.machine, Number(machine.id) + 1);
  },
  "machine-life-set": on((machine, { life }) => {
    machine.life = life;
  }),
  "machine-instance-set": on((machine, { status, instanceId, hardware }) => {
    machine.instanceStatus = copy(status);
    if (instanceId !== undefined) machine.instanceId = instanceId;
    if (hardware !== undefined) machine.hardware = copy(hardware);
  }),
  "machine-addresses-set": on((machine, { addresses }) => {
    machine.addresses = [...addresses];
  }),
  "machine-agent-set": on((machine, { status }) => {
    machine.agentStatus = copy(status);
  }),
  "machine-booted": on((machine, { bootId }) => {
    machine.bootId = bootId;
  }),
  "machine-removed": on(({ id }, _, state) => {
    delete state.machines[id];
  }),
};

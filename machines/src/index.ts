/**
 * Real machines for units, behind one port (`Machines`, port.ts), and its provider by systemd-nspawn. Start at
 * openMachines (nspawn.ts); preflight tells what a host lacks and what prepare will change.
 * Never installs packages, never knows what runs in a machine, never remembers what it can see.
 */
export { openMachines, NspawnMachines, type MachinesOptions } from "./nspawn.ts";
export type {
  BootReport,
  ExecOptions,
  ExecResult,
  Machine,
  MachineBind,
  MachineEvent,
  MachineFile,
  MachineLimits,
  Machines,
  MachineSpec,
  MachineState,
} from "./port.ts";
export {
  HostCommandFailed,
  HostUnfit,
  MachineInvalid,
  MachineNotFound,
  MachineNotRunning,
  MachineTimeout,
} from "./errors.ts";
export {
  missingPackages,
  preflight,
  requiredPackages,
  type Finding,
  type PreflightOptions,
} from "./preflight.ts";

/** What a machine's agent and the controller say to each other: facade `Agent` 1. Types only; both sides are built from them. */
import type { HookView, Operation } from "@cantrip/model";

/** All that a machine has to do now. The agent acts on the newest one; it never queues them. */
export interface Assignment {
  /** digest of the rest: the agent names the one it has seen */
  readonly revision: string;
  readonly units: readonly UnitAssignment[];
  /** `exec --machine` */
  readonly tasks: readonly MachineTask[];
  /** tasks to be ended before their time */
  readonly aborting: readonly string[];
  /** for the user ubuntu */
  readonly authorizedKeys: readonly string[];
}

export interface UnitAssignment {
  readonly name: string;
  readonly operation?: Operation;
}

export interface MachineTask {
  readonly task: string;
  /** it had been started: an agent that does not know it has died since */
  readonly isRunning: boolean;
  readonly parameters: Record<string, unknown>;
}

export interface HookSetting {
  readonly view: HookView;
  readonly apiAddresses: readonly string[];
  readonly version: string;
}

export interface StartedOperation extends HookSetting {
  readonly operation: Operation;
  /** of the unit: for install-charm and upgrade-charm-files the new one */
  readonly charm: { readonly url: string; readonly sha256: string; readonly size: number };
  readonly task?: {
    readonly task: string;
    readonly action: string;
    readonly parameters: Record<string, unknown>;
  };
}

export interface ResourceInfo {
  readonly sha256: string;
  readonly size: number;
  readonly filename: string;
}

/** The file that the provisioner puts into the machine, mode 0600. */
export interface AgentConfig {
  readonly modelUuid: string;
  readonly machine: string;
  /** `host:port`, tried in order */
  readonly addresses: readonly string[];
  readonly caCert: string;
  readonly password: string;
  readonly nonce: string;
  /** directories of this machine */
  readonly dataDir: string;
  readonly hookTool: string;
}

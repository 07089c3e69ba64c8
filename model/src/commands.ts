/**
 * What can be asked of a model, by a client, an agent or the clock. `decide` turns a command into events or throws a
 * ModelError; it changes nothing. Every command carries the time at which it is issued.
 */
import type { ActionResult, HookChanges } from "./hook-changes.ts";
import type {
  AgentStatus,
  Base,
  Charm,
  ConfigValue,
  InstanceStatus,
  Machine,
  MachineAgentStatus,
  Resource,
  WorkloadStatus,
} from "./state.ts";

export type Command = { readonly now: number } & (
  | { type: "add-charm"; charm: Charm }
  | {
      type: "deploy";
      application: string;
      charmUrl: string;
      units: number;
      base: Base;
      settings?: Record<string, ConfigValue | string>;
      constraints?: Record<string, unknown>;
      placement?: readonly string[];
      bindings?: Record<string, string>;
      resources?: Record<string, Resource>;
      trust?: boolean;
    }
  | { type: "add-unit"; application: string; count: number; placement?: readonly string[] }
  | { type: "remove-unit"; unit: string; force?: boolean }
  | { type: "remove-application"; application: string; force?: boolean }
  | { type: "integrate"; endpoints: readonly [string, string] }
  | { type: "remove-relation"; endpoints?: readonly [string, string]; id?: number; force?: boolean }
  | {
      type: "set-config";
      application: string;
      settings: Record<string, ConfigValue | string>;
      reset: readonly string[];
    }
  | { type: "set-trust"; application: string; trust: boolean }
  | { type: "expose"; application: string; exposed: boolean }
  | { type: "set-model-config"; values: Record<string, ConfigValue>; reset: readonly string[] }
  | { type: "set-constraints"; application?: string; constraints: Record<string, unknown> }
  | {
      type: "set-charm";
      application: string;
      charmUrl: string;
      forceUnits?: boolean;
      settings?: Record<string, ConfigValue | string>;
      resources?: Record<string, Resource>;
    }
  | { type: "set-resource"; application: string; resource: Resource }
  | { type: "resolve"; unit: string; retry: boolean }
  | {
      type: "enqueue-action";
      /** one per receiver; a bad one becomes a failure of the operation, not an error of the command */
      requests: readonly {
        receiver: string;
        action: string;
        parameters: Record<string, unknown>;
        parallel?: boolean;
        executionGroup?: string;
      }[];
    }
  | { type: "cancel-task"; task: string }
  | { type: "add-storage"; unit: string; name: string; count: number }
  | { type: "detach-storage"; storage: string }
  | { type: "add-machine"; base: Base; constraints?: Record<string, unknown> }
  | { type: "remove-machine"; machine: string; force?: boolean }
  | { type: "destroy-model"; force?: boolean }
  // the provisioner
  | {
      type: "machine-instance";
      machine: string;
      status: InstanceStatus;
      message: string;
      instanceId?: string;
      addresses?: readonly string[];
      hardware?: NonNullable<Machine["hardware"]>;
    }
  | { type: "machine-removed"; machine: string }
  // agents
  | {
      type: "machine-agent";
      machine: string;
      status: MachineAgentStatus;
      message: string;
      bootId?: string;
      addresses?: readonly string[];
    }
  | { type: "storage-provisioned"; storage: string; location: string }
  | { type: "unit-agent"; unit: string; status: AgentStatus; message: string }
  | { type: "start-operation"; unit: string; operationId: string }
  | { type: "finish-operation"; unit: string; operationId: string; outcome: OperationOutcome }
  | { type: "start-task"; task: string }
  | { type: "finish-task"; task: string; result: ActionResult; changes?: HookChanges; unit?: string }
  | { type: "task-log"; task: string; message: string }
  /** what commands of a juju-exec on the machine have buffered: no hook and no task, committed at once or refused */
  | { type: "commit-exec"; unit: string; changes: HookChanges }
  // immediate effects of a hook: they survive its failure
  | {
      type: "set-status";
      unit: string;
      status: WorkloadStatus;
      message: string;
      data?: Record<string, unknown>;
    }
  | {
      type: "set-application-status";
      unit: string;
      status: WorkloadStatus;
      message: string;
      data?: Record<string, unknown>;
    }
  | { type: "set-workload-version"; unit: string; version: string }
  | { type: "track-secret"; unit: string; secretId: string; revision: number; label?: string }
  | { type: "wake-unit"; unit: string; hook: "update-status" }
  | { type: "set-leader-settings"; unit: string; settings: Record<string, string> }
  // leases: who leads changes by these; until when is in a table of terms (see leadership/)
  | { type: "elect-leader"; application: string; unit: string }
  | { type: "depose-leader"; application: string; unit: string }
  // the clock: timers that are due at `now` (see nextTimer)
  | { type: "tick" }
);

/** A command as callers write it: whoever decides it stamps the time. */
export type Request = Command extends infer C ? (C extends { now: number } ? Omit<C, "now"> : never) : never;

export type OperationOutcome =
  | { kind: "success"; changes?: HookChanges }
  | { kind: "failure"; message: string }
  /** the agent or the machine went down during the hook: queued again, no error */
  | { kind: "interrupted" }
  | { kind: "reboot"; changes?: HookChanges; requeue: boolean };

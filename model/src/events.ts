/**
 * What has happened: small JSON facts that the log keeps. `apply` turns each into a change of the state and needs nothing
 * else for it. An event of an unknown type changes nothing.
 */
import type {
  ActionOperation,
  AgentStatus,
  Application,
  Charm,
  ConfigValue,
  InstanceStatus,
  Life,
  Machine,
  MachineAgentStatus,
  Operation,
  Relation,
  Resource,
  Secret,
  SecretRevision,
  Seen,
  Status,
  StorageInstance,
  Task,
  TaskStatus,
  Unit,
  WorkloadStatus,
} from "./state.ts";

export type ModelEvent =
  | ModelEvents
  | ApplicationEvents
  | UnitEvents
  | UniterEvents
  | RelationEvents
  | MachineEvents
  | SecretEvents
  | StorageEvents
  | TaskEvents;
export type EventType = ModelEvent["type"];
export type EventOf<Type extends EventType> = Extract<ModelEvent, { type: Type }>;

export type ModelEvents =
  | { type: "model-config-set"; set: Record<string, ConfigValue>; reset: readonly string[] }
  | { type: "model-constraints-set"; constraints: Record<string, unknown> }
  | { type: "model-life-set"; life: Life }
  | { type: "charm-added"; charm: Charm };

export type ApplicationEvents =
  | { type: "application-added"; application: Application }
  | { type: "application-life-set"; application: string; life: Life }
  | { type: "application-removed"; application: string }
  | {
      type: "application-config-set";
      application: string;
      set: Record<string, ConfigValue>;
      reset: readonly string[];
    }
  | { type: "application-trust-set"; application: string; trust: boolean }
  | { type: "application-exposed-set"; application: string; exposed: boolean }
  | { type: "application-constraints-set"; application: string; constraints: Record<string, unknown> }
  | {
      type: "application-charm-set";
      application: string;
      charmUrl: string;
      forced: boolean;
      settings: Record<string, ConfigValue>;
    }
  /** a resource of a deployed application was replaced, so its units upgrade; `quiet`: the charm changes with it */
  | { type: "application-resource-set"; application: string; resource: Resource; quiet: boolean }
  | { type: "application-status-set"; application: string; unit: string; status: Status<WorkloadStatus> }
  | { type: "leader-elected"; application: string; unit: string }
  | { type: "leader-deposed"; application: string; unit: string }
  | {
      type: "leader-settings-set";
      application: string;
      unit: string;
      set: Record<string, string>;
      remove: readonly string[];
    };

export type UnitEvents =
  | { type: "unit-added"; unit: string; application: string; machine: string; charmUrl: string; at: number }
  | { type: "unit-life-set"; unit: string; life: Life }
  | { type: "unit-removed"; unit: string }
  | { type: "unit-status-set"; unit: string; status: Status<WorkloadStatus>; byCharm: boolean }
  | { type: "unit-agent-set"; unit: string; status: Status<AgentStatus> }
  | { type: "workload-version-set"; unit: string; version: string }
  | { type: "unit-resolved-set"; unit: string; resolved: "retry" }
  | { type: "unit-ports-set"; unit: string; ports: Unit["openPorts"] }
  | { type: "unit-state-set"; unit: string; set: Record<string, string>; remove: readonly string[] };

/** The unit agent's own progress. */
export type UniterEvents =
  | { type: "operation-started"; unit: string; operation: Operation; seen: Seen }
  | { type: "operation-finished"; unit: string; operationId: string; at: number }
  | { type: "operation-failed"; unit: string; operationId: string; message: string; retryAt: number | null }
  | { type: "operation-requeued"; unit: string; operationId: string }
  /** resolved without a retry: counts as delivered */
  | { type: "hook-skipped"; unit: string; seen: Seen; at: number }
  /** a failed hook that no longer has a reason, such as leader-elected after leadership is lost */
  | { type: "hook-dropped"; unit: string }
  | { type: "hook-retry-due"; unit: string }
  | { type: "update-status-due"; unit: string }
  | { type: "unit-woken"; unit: string }
  | { type: "unit-rebooted"; unit: string; bootId: string };

export type RelationEvents =
  | { type: "relation-added"; relation: Relation }
  | { type: "relation-life-set"; relation: number; life: Life }
  | { type: "relation-removed"; relation: number }
  | {
      type: "relation-entered";
      relation: number;
      unit: string;
      address: string;
      values: Record<string, string>;
    }
  /** the unit is dying: the other side sees it no more, though it is still to leave */
  | { type: "relation-hidden"; relation: number; unit: string }
  | { type: "relation-left"; relation: number; unit: string }
  | {
      type: "relation-data-set";
      relation: number;
      unit: string;
      bag: "unit" | "application";
      set: Record<string, string>;
      remove: readonly string[];
      address?: string;
    };

export type MachineEvents =
  | { type: "machine-added"; machine: Machine }
  | { type: "machine-life-set"; machine: string; life: Life }
  | {
      type: "machine-instance-set";
      machine: string;
      status: Status<InstanceStatus>;
      instanceId?: string;
      hardware?: NonNullable<Machine["hardware"]>;
    }
  | { type: "machine-addresses-set"; machine: string; addresses: readonly string[] }
  | { type: "machine-agent-set"; machine: string; status: Status<MachineAgentStatus> }
  | { type: "machine-booted"; machine: string; bootId: string }
  | { type: "machine-removed"; machine: string };

export type SecretEvents =
  | { type: "secret-added"; secret: Secret }
  | {
      type: "secret-updated";
      id: string;
      label?: string;
      description?: string;
      rotate?: string;
      nextRotation?: number | null;
      expiresAt?: number;
      at: number;
    }
  | { type: "secret-revision-added"; id: string; revision: SecretRevision; nextRotation?: number }
  /** the controller destroys the contents that are named */
  | { type: "secret-revision-removed"; id: string; revision: number; contentIds: readonly string[] }
  | { type: "secret-removed"; id: string; contentIds: readonly string[] }
  | { type: "secret-granted"; id: string; subject: string; relation?: number }
  | { type: "secret-revoked"; id: string; subject?: string; relation?: number }
  | { type: "secret-tracked"; id: string; unit: string; revision: number; label?: string }
  | { type: "secret-rotation-due"; id: string }
  | { type: "secret-expiry-due"; id: string; revision: number }
  /** the hook ran and changed nothing: once more at `at` */
  | { type: "secret-rotation-postponed"; id: string; at: number }
  | { type: "secret-expiry-postponed"; id: string; revision: number; at: number };

export type StorageEvents =
  | { type: "storage-added"; storage: StorageInstance }
  | { type: "storage-located"; storageId: string; location: string }
  | { type: "storage-life-set"; storageId: string; life: Life }
  | { type: "storage-removed"; storageId: string };

export type TaskEvents =
  | { type: "operation-enqueued"; operation: ActionOperation; tasks: readonly Task[] }
  | { type: "task-started"; task: string; at: number }
  | { type: "task-aborting"; task: string }
  | {
      type: "task-finished";
      task: string;
      status: TaskStatus;
      message: string;
      results: Record<string, unknown>;
      at: number;
    }
  | { type: "task-logged"; task: string; message: string; at: number }
  | { type: "operations-pruned"; operations: readonly string[] };

/**
 * What a model holds: plain JSON data, changed only by `apply` (see apply.ts). Times are milliseconds since the epoch,
 * given by whoever issues a command; ids are given too, or counted in `counters`. Nothing here reads a clock.
 */
import type { CharmActions, CharmConfig, CharmManifest, CharmMetadata } from "@cantrip/metadata";

export type Life = "alive" | "dying" | "dead";
export type ConfigValue = string | number | boolean;

export interface Status<Kind extends string = string> {
  readonly status: Kind;
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly since: number;
}
export type WorkloadStatus =
  "unknown" | "maintenance" | "blocked" | "waiting" | "active" | "error" | "terminated" | "unset";
export type AgentStatus = "allocating" | "executing" | "idle" | "error" | "failed" | "lost" | "rebooting";
export type MachineAgentStatus = "pending" | "started" | "stopped" | "down" | "error";
export type InstanceStatus = "pending" | "allocating" | "running" | "provisioning error" | "stopped";

export interface Charm {
  /** `local:NAME-REVISION` */
  readonly url: string;
  readonly name: string;
  readonly revision: number;
  readonly sha256: string;
  readonly size: number;
  /** content of the charm's `version` file, if any */
  readonly version?: string;
  readonly metadata: CharmMetadata;
  readonly config: CharmConfig;
  readonly actions: CharmActions;
  readonly manifest?: CharmManifest;
}

export interface Base {
  readonly name: string;
  readonly channel: string;
}

export interface Resource {
  readonly name: string;
  readonly sha256: string;
  readonly sha384: string;
  readonly size: number;
  readonly filename: string;
  /** upload time; Juju shows it as the revision */
  readonly uploadedAt: number;
}

export interface Application {
  readonly name: string;
  life: Life;
  charmUrl: string;
  /** counts charm and resource changes: a unit whose number is behind runs `upgrade-charm` */
  charmModifiedVersion: number;
  base: Base;
  /** only what the user set; defaults come from the charm */
  settings: Record<string, ConfigValue>;
  trust: boolean;
  exposed: boolean;
  constraints: Record<string, unknown>;
  bindings: Record<string, string>;
  resources: Record<string, Resource>;
  status?: Status<WorkloadStatus>;
  workloadVersion: string;
  nextUnit: number;
  /** the lease, as far as it is an event: who leads. Its term is not: see leadership/terms.ts. */
  leader?: string;
  /** of `leader-set`, gone in Juju 4 */
  leaderSettings: Databag;
  /** the present charm was set with --force-units: units in error take it too */
  charmForced?: boolean;
  createdAt: number;
}

export interface Unit {
  readonly name: string;
  readonly application: string;
  life: Life;
  machine: string;
  principal?: string;
  charmUrl: string;
  workloadStatus: Status<WorkloadStatus>;
  agentStatus: Status<AgentStatus>;
  workloadVersion: string;
  openPorts: { endpoint: string; from: number; to: number; protocol: "tcp" | "udp" | "icmp" }[];
  /** `state-set` of the charm */
  charmState: Record<string, string>;
  resolved?: "retry" | "no-retry";
  uniter: Uniter;
  createdAt: number;
}

/** What Juju's unit agent keeps on its own disk lives here (design, decision 3). */
export interface Uniter {
  installed: boolean;
  started: boolean;
  stopped: boolean;
  removed: boolean;
  leader: boolean;
  statusSet: boolean;
  charmUrl?: string;
  charmModifiedVersion?: number;
  configHash?: string;
  addressesHash?: string;
  trust?: boolean;
  bootId?: string;
  rebooted: boolean;
  /** operations started so far: the next one's id begins with this plus one */
  operations: number;
  /** what the running hook was shown, for the comparison after it */
  seen?: Seen;
  /** a relation hook that was interrupted: run again, whatever has changed since */
  requeued?: HookInfo;
  /** asked for by `wake-unit`: no other hook takes its place */
  woken: boolean;
  /** the update-status timer has fired: any other hook takes its place */
  updateStatusDue: boolean;
  leaderSettingsVersion: number;
  /** hooks owed in order, for example config-changed after upgrade-charm, start after the first config-changed */
  queued: string[];
  relations: Record<number, UniterRelation>;
  /** ids of storage instances whose `attached` was delivered, and whose `detaching` was not */
  storage?: string[];
  secrets: Record<string, { obsoleteSeen: number[]; changedSeen: number; expiredSeen: number[] }>;
  /** the operation that was handed to the agent and not finished */
  current?: Operation;
  /** the hook that failed, when it is retried, and how often it was */
  failed?: {
    operation: Operation;
    attempts: number;
    retryAt: number | null;
    due?: boolean;
    message: string;
    upgradeFailed?: boolean;
  };
  nextUpdateStatus?: number;
}

export interface Seen {
  readonly configHash: string;
  readonly addressesHash: string;
  readonly trust: boolean;
  /** how many revisions each secret had had */
  readonly revisions: Readonly<Record<string, number>>;
}

export interface UniterRelation {
  created: boolean;
  broken: boolean;
  members: Record<string, number>;
  applicationVersion: number;
  changedPending?: string;
}

export interface Machine {
  readonly id: string;
  life: Life;
  base: Base;
  hostname: string;
  constraints: Record<string, unknown>;
  instanceId?: string;
  addresses: string[];
  hardware?: { arch: string; cores: number; memMiB: number; rootDiskMiB: number };
  agentStatus: Status<MachineAgentStatus>;
  instanceStatus: Status<InstanceStatus>;
  bootId?: string;
  /** made for a unit by deploy or add-unit, so it goes with its last unit */
  readonly madeForUnit: boolean;
  createdAt: number;
}

export interface RelationEndpoint {
  readonly application: string;
  readonly name: string;
  readonly role: "provider" | "requirer" | "peer";
  readonly interface: string;
  readonly scope: "global" | "container";
}

export interface Databag {
  values: Record<string, string>;
  version: number;
}

export interface UnitBag extends Databag {
  /** seen by the other side; false from the moment the unit is dying */
  inScope: boolean;
  /** its own teardown is done too */
  left: boolean;
  /** the address that seeded ingress-address and its like */
  address: string;
}

export interface Relation {
  readonly id: number;
  /** requirer first, then provider; one for a peer relation. `endpoints.map(e => app:name).join(" ")` is Juju's key */
  readonly endpoints: readonly RelationEndpoint[];
  life: Life;
  suspended: boolean;
  /** units that entered, with the version of their bag; one that left stays until nobody has to depart it any more */
  unitBags: Record<string, UnitBag>;
  applicationBags: Record<string, Databag>;
  createdAt: number;
}

/** One filesystem or device of one unit; it comes and goes with its unit, on the unit's machine. */
export interface StorageInstance {
  /** `data/0` */
  readonly id: string;
  readonly name: string;
  readonly kind: "filesystem" | "block";
  readonly unit: string;
  life: Life;
  /** where it is on the machine, once it is there */
  location?: string;
}

export interface SecretRevision {
  readonly revision: number;
  readonly createdAt: number;
  expiresAt?: number;
  expiryDue?: boolean;
  /** names the ciphertext in the controller's store; the content itself is never in the state or the log */
  readonly contentId: string;
  readonly checksum: string;
}

export interface Secret {
  readonly id: string;
  readonly owner: { kind: "application" | "unit" | "model"; name: string };
  label?: string;
  name?: string;
  description?: string;
  rotate?: string;
  nextRotation?: number;
  rotationDue?: boolean;
  revisions: SecretRevision[];
  /** the newest revision that is kept */
  latest: number;
  /** the newest that there ever was, once one has been removed */
  made?: number;
  grants: { subject: string; relation?: number }[];
  consumers: Record<string, { tracked: number; label?: string }>;
  createdAt: number;
  updatedAt: number;
}

export type TaskStatus =
  "pending" | "running" | "completed" | "failed" | "cancelled" | "aborting" | "aborted" | "error";

export interface Task {
  readonly id: string;
  readonly operation: string;
  /** unit name, or machine id for `exec --machine` */
  readonly receiver: string;
  readonly action: string;
  readonly parameters: Record<string, unknown>;
  readonly parallel: boolean;
  readonly executionGroup: string;
  status: TaskStatus;
  message: string;
  results: Record<string, unknown>;
  log: { at: number; message: string }[];
  readonly enqueuedAt: number;
  startedAt?: number;
  completedAt?: number;
}

export interface ActionOperation {
  readonly id: string;
  readonly summary: string;
  readonly tasks: string[];
  readonly failures: { receiver: string; message: string }[];
  readonly enqueuedAt: number;
}

export interface ModelState {
  readonly uuid: string;
  readonly name: string;
  readonly owner: string;
  life: Life;
  config: Record<string, ConfigValue>;
  constraints: Record<string, unknown>;
  charms: Record<string, Charm>;
  applications: Record<string, Application>;
  units: Record<string, Unit>;
  machines: Record<string, Machine>;
  relations: Record<number, Relation>;
  secrets: Record<string, Secret>;
  /** absent where machines provide no storage: charms that require some are refused then */
  storage?: { instances: Record<string, StorageInstance>; next: number };
  tasks: Record<string, Task>;
  operations: Record<string, ActionOperation>;
  /** next free numbers: relation, machine, operation/task ids, local charm revision per name */
  counters: {
    relation: number;
    machine: number;
    task: number;
    hook: number;
    charmRevision: Record<string, number>;
  };
  createdAt: number;
}

/** One thing a unit agent is asked to do; handed out by id, finished by id, idempotently. */
export interface Operation {
  readonly id: string;
  readonly kind: "run-hook" | "run-action" | "install-charm" | "upgrade-charm-files" | "terminate";
  readonly hook?: HookInfo;
  readonly taskId?: string;
  /** for install-charm and upgrade-charm-files */
  readonly charmUrl?: string;
  readonly charmModifiedVersion?: number;
  readonly startedAt?: number;
}

export interface HookInfo {
  /** `config-changed`, `cluster-relation-joined`, … */
  readonly name: string;
  readonly relationId?: number;
  readonly remoteUnit?: string;
  readonly remoteApplication?: string;
  readonly departingUnit?: string;
  readonly secretId?: string;
  readonly secretLabel?: string;
  readonly secretRevision?: number;
  readonly storageId?: string;
  /** version of the bag that this delivery covers (relation-changed) */
  readonly version?: number;
}

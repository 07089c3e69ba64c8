/**
 * All that a hook may read, taken from the state when its operation is handed out, so that hook tools answer without
 * asking the controller, and go on answering while it is away. Pure data, JSON.
 */
import type { ConfigValue, HookInfo, Status, WorkloadStatus } from "./state.ts";

export interface HookView {
  readonly model: { name: string; uuid: string };
  readonly controllerUuid: string;
  readonly unit: string;
  readonly application: string;
  readonly machine: string;
  readonly principal: string;
  /** absent for actions and juju-exec */
  readonly hook?: HookInfo;
  readonly action?: { taskId: string; name: string; parameters: Record<string, unknown> };
  /** what is-leader says at the start; the tool asks the controller through effects.isLeader */
  readonly leader: boolean;
  readonly config: Record<string, { value?: ConfigValue; type: string }>;
  readonly relations: Record<number, RelationView>;
  readonly endpoints: Record<string, { role: string; interface: string }>;
  readonly extraBindings: readonly string[];
  readonly addresses: readonly string[];
  readonly subnet?: string;
  readonly publicAddress: string;
  readonly privateAddress: string;
  readonly unitStatus: Status<WorkloadStatus>;
  readonly applicationStatus?: Status<WorkloadStatus>;
  readonly units: Record<string, Status<WorkloadStatus>>;
  readonly workloadVersion: string;
  readonly openPorts: { endpoint: string; from: number; to: number; protocol: "tcp" | "udp" | "icmp" }[];
  readonly charmState: Record<string, string>;
  /** metadata of secrets that the unit owns (as leader: its application's too); contents are fetched by effects.secretContent */
  readonly ownSecrets: Record<string, SecretView>;
  readonly consumedSecrets: Record<string, { label?: string; tracked: number; latest: number }>;
  /** what is attached, or being attached now; absent where machines provide no storage */
  readonly storage?: Record<string, { name: string; kind: string; location: string }>;
  readonly resources: readonly string[];
  readonly goalState: GoalState;
  /** model configuration that hooks see: proxies and the like */
  readonly settings: Record<string, string>;
  readonly leaderSettings: Record<string, string>;
  readonly trust: boolean;
}

export interface GoalState {
  readonly units: Record<string, GoalStatus>;
  readonly relations: Record<string, Record<string, GoalStatus>>;
}
export interface GoalStatus {
  readonly status: string;
  readonly since: number;
}

export interface RelationView {
  readonly id: number;
  readonly endpoint: string;
  readonly peer: boolean;
  readonly dying: boolean;
  readonly remoteApplication: string;
  /** whose `joined` was delivered (or is being delivered now) and whose `departed` was not: what Juju's relation-list shows */
  readonly members: readonly string[];
  /** bags readable by this unit, by entity name; also that of the departing unit */
  readonly bags: Record<string, Record<string, string>>;
  readonly remoteModelUuid: string;
}

export interface SecretView {
  readonly id: string;
  readonly owner: "application" | "unit";
  readonly label?: string;
  readonly description?: string;
  readonly rotate?: string;
  readonly expiresAt?: number;
  readonly nextRotation?: number;
  readonly latest: number;
  readonly revisions: readonly number[];
  readonly grants: readonly { target: string; scope?: string }[];
}

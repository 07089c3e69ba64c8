/** Request and response bodies of k8sd's REST API, and the table of its endpoints (prefix `/1.0/`). */
import { bootstrapConfigSchema, certificatesUpdateSchema, userFacingClusterConfigSchema } from "./config.ts";
import type { CertificatesUpdate, FeatureName, UserFacingClusterConfig } from "./config.ts";
import { anything, flag, integer, list, object, text, type Infer, type Schema } from "./schema.ts";

/** Durations are integer nanoseconds everywhere in this API. */
export type Nanoseconds = number;
export const nanoseconds = (milliseconds: number): Nanoseconds => Math.round(milliseconds * 1e6);
export const milliseconds = (duration: Nanoseconds): number => duration / 1e6;

const duration = () => integer(0);
const name = () => text({ maxLength: 253 });
const address = () => text({ maxLength: 255 });

export const bootstrapRequestSchema = object(
  { name: name(), address: address(), config: bootstrapConfigSchema, timeout: duration() },
  ["name", "address"],
);
export type BootstrapRequest = Infer<typeof bootstrapRequestSchema>;

export const joinRequestSchema = object(
  {
    name: name(),
    address: address(),
    token: text({ maxLength: 16_384 }),
    /** YAML or JSON text of a join configuration. */
    config: text({ maxLength: 1_048_576 }),
    timeout: duration(),
  },
  ["name", "address", "token"],
);
export type JoinRequest = Infer<typeof joinRequestSchema>;

export const tokenRequestSchema = object({ name: name(), worker: flag(), ttl: duration() });
export type TokenRequest = Infer<typeof tokenRequestSchema>;

export const removeRequestSchema = object({ name: name(), force: flag(), timeout: duration() }, ["name"]);
export type RemoveRequest = Infer<typeof removeRequestSchema>;

export const datastoreConfigSchema = object({
  type: text({ maxLength: 32 }),
  servers: list(text({ maxLength: 2048 })),
  "ca-crt": text(),
  "client-crt": text(),
  "client-key": text(),
});
export type DatastoreConfig = Infer<typeof datastoreConfigSchema>;

export const setClusterConfigRequestSchema = object({
  config: userFacingClusterConfigSchema,
  datastore: datastoreConfigSchema,
});
export type SetClusterConfigRequest = Infer<typeof setClusterConfigRequestSchema>;

export const kubeconfigRequestSchema = object({ server: text({ maxLength: 2048 }) });
export type KubeconfigRequest = Infer<typeof kubeconfigRequestSchema>;

export const refreshPlanRequestSchema = object({ certificates: list(text({ maxLength: 64 })) });
export type RefreshPlanRequest = Infer<typeof refreshPlanRequestSchema>;
export interface RefreshPlanResponse {
  /** A seed, in spite of its name; the reference's is too large for many JSON readers. */
  seconds: number;
  "certificate-signing-requests": string[] | null;
}
export const refreshRunRequestSchema = object({
  certificates: list(text({ maxLength: 64 })),
  seed: integer(),
  /** How long the certificates are to live. */
  "expiration-seconds": integer(),
  "extra-sans": list(text({ maxLength: 253 })),
});
export type RefreshRunRequest = Infer<typeof refreshRunRequestSchema>;
export interface RefreshRunResponse {
  /** When they expire, in seconds since the epoch, in spite of its name. */
  "expiration-seconds": number;
}

/** Fields beyond these are allowed here, as nowhere else. */
export const authTokenRequestSchema = {
  ...object({ username: text({ maxLength: 1024 }), groups: list(text({ maxLength: 1024 })) }),
  additionalProperties: anything(),
} as Schema<{ username?: string; groups?: string[] }>;
export type AuthTokenRequest = Infer<typeof authTokenRequestSchema>;
export const revokeTokenRequestSchema = {
  ...object({ token: text({ maxLength: 1024 }) }),
  additionalProperties: anything(),
} as Schema<{ token?: string }>;
export type RevokeTokenRequest = Infer<typeof revokeTokenRequestSchema>;

export const restoreRequestSchema = object({ name: name(), address: address(), timeout: duration() }, [
  "name",
  "address",
]);
export type RestoreRequest = Infer<typeof restoreRequestSchema>;
export const recoverRequestSchema = object({ timeout: duration() });
export type RecoverRequest = Infer<typeof recoverRequestSchema>;
/** How far the log of an etcd member is. */
export interface DatastoreState {
  term: number;
  index: number;
  hasQuorum: boolean;
}
export interface RecoveryPlanResponse {
  /** A recovery that failed beyond return goes on; nothing is compared any more. */
  resumes: boolean;
  /** Absent if it resumes. */
  own?: DatastoreState;
  others: { name: string; address: string; state?: DatastoreState }[];
  refusals: string[];
}
export interface RecoverResponse {
  revision: number;
  discarded: number;
  backup: string;
}

export type ClusterRole = "control-plane" | "worker" | "unknown";
export type DatastoreRole = "voter" | "stand-by" | "spare" | "PENDING" | "unknown";

export interface NodeStatus {
  name: string;
  address: string;
  "cluster-role": ClusterRole;
  "datastore-role"?: DatastoreRole;
}

/** State of one feature as measured; all keys absent when nothing is known yet. */
export interface FeatureStatus {
  enabled?: boolean;
  message?: string;
  version?: string;
  "updated-at"?: string;
}

export interface ClusterStatus extends Record<FeatureName, FeatureStatus> {
  ready?: boolean;
  members: NodeStatus[];
  config: UserFacingClusterConfig;
  datastore: {
    type: "etcd" | "external";
    servers?: string[];
    /** Ours: what is wrong with a managed etcd; absent if nothing is. */
    problems?: string[];
  };
}

export interface GetClusterStatusResponse {
  status: ClusterStatus;
}
export interface GetNodeStatusResponse {
  status: NodeStatus;
  taints?: string[];
}
export interface BootstrapResponse {
  name: string;
  address: string;
}
export interface TokenResponse {
  token: string;
}
export interface GetClusterConfigResponse {
  status: UserFacingClusterConfig;
  datastore: DatastoreConfig;
  "pod-cidr": string;
  "service-cidr": string;
}
export interface KubeconfigResponse {
  kubeconfig: string;
}
export interface CertificateStatus {
  name: string;
  expires: string;
  "certificate-authority": string;
  "externally-managed": boolean;
}
export interface CertificateAuthorityStatus {
  name: string;
  expires: string;
  "externally-managed": boolean;
}
export interface CertificatesStatusResponse {
  certificates: CertificateStatus[];
  "certificate-authorities": CertificateAuthorityStatus[];
  /** Files of certificates that cannot be read, in words; absent if there are none. */
  problems?: string[];
}
export type Empty = Record<string, never>;

/** Every endpoint by name, with its method, path and, where it has one, the schema of its body. */
export const ENDPOINTS = {
  getClusterStatus: { method: "GET", path: "k8sd/cluster" },
  bootstrap: { method: "POST", path: "k8sd/cluster", body: bootstrapRequestSchema },
  join: { method: "POST", path: "k8sd/cluster/join", body: joinRequestSchema },
  createToken: { method: "POST", path: "k8sd/cluster/tokens", body: tokenRequestSchema },
  remove: { method: "POST", path: "k8sd/cluster/remove", body: removeRequestSchema },
  getClusterConfig: { method: "GET", path: "k8sd/cluster/config" },
  setClusterConfig: { method: "PUT", path: "k8sd/cluster/config", body: setClusterConfigRequestSchema },
  getNodeStatus: { method: "GET", path: "k8sd/node" },
  getKubeconfig: { method: "GET", path: "k8sd/kubeconfig", body: kubeconfigRequestSchema },
  getCertificatesStatus: { method: "GET", path: "k8sd/certs-status" },
  planRefresh: { method: "POST", path: "k8sd/refresh-certs/plan", body: refreshPlanRequestSchema },
  runRefresh: { method: "POST", path: "k8sd/refresh-certs/run", body: refreshRunRequestSchema },
  updateCertificates: { method: "POST", path: "k8sd/refresh-certs/update", body: certificatesUpdateSchema },
  revokeAdmins: { method: "POST", path: "x/cantrip/revoke-admin" },
  createAuthToken: { method: "POST", path: "kubernetes/auth/tokens", body: authTokenRequestSchema },
  revokeAuthToken: { method: "DELETE", path: "kubernetes/auth/tokens", body: revokeTokenRequestSchema },
  getProgress: { method: "GET", path: "x/cantrip/progress" },
  restore: { method: "POST", path: "x/cantrip/restore", body: restoreRequestSchema },
  planRecovery: { method: "GET", path: "x/cantrip/recover" },
  recover: { method: "POST", path: "x/cantrip/recover", body: recoverRequestSchema },
} as const;
export type EndpointName = keyof typeof ENDPOINTS;

/** Request body by endpoint; `void` where none is sent. */
export interface Requests {
  getClusterStatus: void;
  bootstrap: BootstrapRequest;
  join: JoinRequest;
  createToken: TokenRequest;
  remove: RemoveRequest;
  getClusterConfig: void;
  setClusterConfig: SetClusterConfigRequest;
  getNodeStatus: void;
  getKubeconfig: KubeconfigRequest;
  getCertificatesStatus: void;
  planRefresh: RefreshPlanRequest;
  runRefresh: RefreshRunRequest;
  updateCertificates: CertificatesUpdate;
  revokeAdmins: void;
  createAuthToken: AuthTokenRequest;
  revokeAuthToken: RevokeTokenRequest;
  getProgress: void;
  restore: RestoreRequest;
  planRecovery: void;
  recover: RecoverRequest;
}

/** Metadata of a successful answer by endpoint. */
export interface Responses {
  getClusterStatus: GetClusterStatusResponse;
  bootstrap: BootstrapResponse;
  join: Empty;
  createToken: TokenResponse;
  remove: Empty;
  getClusterConfig: GetClusterConfigResponse;
  setClusterConfig: Empty;
  getNodeStatus: GetNodeStatusResponse;
  getKubeconfig: KubeconfigResponse;
  getCertificatesStatus: CertificatesStatusResponse;
  planRefresh: RefreshPlanResponse;
  runRefresh: RefreshRunResponse;
  updateCertificates: Empty;
  revokeAdmins: { generation: number };
  createAuthToken: TokenResponse;
  revokeAuthToken: null;
  /** The operation under way on this node and its present step. */
  getProgress: { operation: string | null };
  restore: Empty;
  planRecovery: RecoveryPlanResponse;
  recover: RecoverResponse;
}

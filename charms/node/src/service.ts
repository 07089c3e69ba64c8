/** The one port through which a charm knows its node: what k8sd says and does, in domain values. */
import type {
  BootstrapConfig,
  ClusterStatus,
  GetClusterConfigResponse,
  UserFacingClusterConfig,
  WorkerJoinConfig,
} from "@cantrip/metadata/k8sd";

/** What the node itself says that it is. "none" is only ever said by a node that never joined or has left. */
export type NodeIdentity =
  | { kind: "none" }
  | { kind: "member"; name: string; role: "control-plane" | "worker" | "unknown"; address: string };

export interface BootstrapOrder {
  readonly name: string;
  readonly address: string;
  readonly config: BootstrapConfig;
}
export interface JoinOrder {
  readonly name: string;
  readonly address: string;
  readonly token: string;
  readonly config: WorkerJoinConfig;
}

export interface TokenOrder {
  readonly name: string;
  readonly worker: boolean;
}
export interface RemoveOrder {
  readonly name: string;
  readonly force: boolean;
}

/**
 * Every call is bounded and idempotent by its key, so that a hook that failed may repeat it.
 * @throws NodeUnavailable when no answer came, NodeRefused when the answer was no
 */
export interface NodeService {
  identity(): Promise<NodeIdentity>;
  clusterStatus(): Promise<ClusterStatus>;
  config(): Promise<GetClusterConfigResponse>;
  setConfig(change: UserFacingClusterConfig): Promise<void>;
  bootstrap(order: BootstrapOrder): Promise<void>;
  /** A node that is part of the cluster already has joined: that is success. */
  join(order: JoinOrder): Promise<void>;
  createToken(order: TokenOrder): Promise<string>;
  /** Removing what is not there is success. */
  removeNode(order: RemoveOrder): Promise<void>;
  kubeconfig(server?: string): Promise<string>;
}

/** No answer: nothing follows about the state of the node, except that a call that was not sent had no effect. */
export class NodeUnavailable extends Error {
  override readonly name = "NodeUnavailable";
  /** "unknown": the call may have had, or still have, its effect. */
  readonly effect: "none" | "unknown";

  constructor(attempt: string, reason: string, effect: "none" | "unknown", cause?: unknown) {
    super(`Cannot ${attempt}: ${reason}`, { cause });
    this.effect = effect;
  }
}

/** k8sd answered, and the answer was an error. */
export class NodeRefused extends Error {
  override readonly name = "NodeRefused";
  readonly code: number;
  readonly reason: string;

  constructor(attempt: string, code: number, reason: string) {
    super(`Cannot ${attempt}: k8sd answered ${code}: ${reason}`);
    this.code = code;
    this.reason = reason;
  }
}

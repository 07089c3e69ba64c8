/** What the running part of a node (a control plane, a worker) knows of the daemon around it. */
import type { ClusterSettings, Identity } from "../base/identity.ts";

export interface Upwards {
  /** What this node is, as it is now. */
  identity(): Identity;
  /** A control plane said that this node was removed from the cluster. */
  onRemoved(): void;
  /** The cluster was recovered without this node, and is of this generation now. */
  onSuperseded(generation: number, address: string): void;
  /** Addresses (ip:6400) of the control planes' daemons, as they are now. */
  onPeers(peers: readonly string[]): Promise<void>;
  /** The daemon's own certificate may be another one now. */
  onCertificates(): Promise<void>;
  /** How the cluster is set, as it is now. */
  onSettings(settings: ClusterSettings): void;
  /** URLs of the external datastore, as they are now. */
  onServers(servers: readonly string[]): Promise<void>;
}

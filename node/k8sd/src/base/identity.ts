/**
 * What this node is, on its own disk (decision 9). Written before anything else happens and deleted last, so that
 * "belongs to no cluster" is said only if nothing of a cluster can be here.
 */
import { readIfExists, removeDurably, writeAtomically } from "./files.ts";
import type { BootstrapConfig, ControlPlaneJoinConfig, WorkerJoinConfig } from "@cantrip/metadata/k8sd";

export type Role = "control-plane" | "worker";

/** What an unfinished operation needs to be done again from its start, in the same words. */
export type Journal =
  | { readonly operation: "bootstrap"; readonly config: BootstrapConfig; readonly timeoutMs: number }
  | {
      readonly operation: "join";
      readonly token: string;
      readonly config: JoinConfig;
      readonly timeoutMs: number;
    }
  | {
      /** From a snapshot, whose parts lie in the recovery folder. */
      readonly operation: "restore";
      readonly timeoutMs: number;
    }
  | {
      /** Of a lost quorum: this node goes on alone. */
      readonly operation: "recover";
      readonly timeoutMs: number;
      /** Seconds since the epoch: names the copy of the data. */
      readonly at: number;
    }
  | {
      readonly operation: "leave";
      /** The operation that failed and is undone: others are told, too. */
      readonly undone?: Journal;
    };

/** The role of the token says which of the two it is. */
export type JoinConfig = ControlPlaneJoinConfig & WorkerJoinConfig;

/** Settings of the cluster that a node must know without asking anyone. */
export interface ClusterSettings {
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly clusterDns: string;
  readonly clusterDomain: string;
  readonly securePort: number;
  readonly etcdPort: number;
  readonly etcdPeerPort: number;
  readonly networkEnabled: boolean;
  readonly kubeProxyEnabled: boolean;
  /** Empty, or who looks after the machines (`external`). */
  readonly cloudProvider: string;
  /** Taints that a control plane's kubelet registers with. */
  readonly controlPlaneTaints: readonly string[];
  readonly disableRbac: boolean;
}

/** Where the cluster keeps its data: the etcd that its control planes run, or one that others run for it. */
export type Datastore =
  | { readonly type: "etcd" }
  /** URLs; its certificates lie in the PKI directory below etcd/. */
  | { readonly type: "external"; readonly servers: readonly string[] };

export type AuthorityName = "kubernetes" | "client" | "frontProxy" | "k8sd" | "etcd";

export interface Identity {
  readonly schema: 1;
  readonly clusterId: string;
  readonly name: string;
  readonly role: Role;
  /** The node's IP address. */
  readonly address: string;
  /** Names and addresses beyond its own that this node's serving certificates are valid for. */
  readonly extraSans: readonly string[];
  /** Authorities of the cluster whose keys are kept elsewhere: nobody here can sign for them. */
  readonly externalAuthorities: readonly AuthorityName[];
  /** Certificates of this node, by their names in certs-status, that an operator brought and renews. */
  readonly supplied: readonly string[];
  /** Addresses (ip:6400) of the daemons of control planes: the way back to the cluster. */
  readonly peers: readonly string[];
  readonly datastore: Datastore;
  /** etcd's id of this member (decimal), once it is known. */
  readonly memberId?: string;
  /** Raised by a recovery; members of an older generation stop. */
  readonly generation: number;
  /** Names the credentials given to this node at its join; the key of their revocation. */
  readonly credential: string;
  readonly settings: ClusterSettings;
  /** While settings are being taken, and if they could only half be: all that something on this node may follow. */
  readonly taking?: readonly ClusterSettings[];
  /** The cluster went on without this node, in this generation, as the daemon at this address said. */
  readonly superseded?: { readonly generation: number; readonly by: string };
  /** SHA-256 of the token of this node's join. */
  readonly joinedWith?: string;
  /** The operation under way; absent once it is done. */
  readonly journal?: Journal;
}

/** The identity on disk, or undefined if this node belongs to no cluster. @throws if the file cannot be understood */
export async function loadIdentity(path: string): Promise<Identity | undefined> {
  const text = await readIfExists(path);
  return text === undefined ? undefined : parseIdentityText(path, text);
}

/** @throws Error naming the path */
export function parseIdentityText(path: string, text: string): Identity {
  const identity = parseIdentity(path, text);
  if (identity.schema !== 1)
    throw new Error(`Cannot use ${path}: expected schema 1, got ${String(identity.schema)}`);
  return withDefaults(identity);
}

/** Identities of an earlier version lack what had one possible value then. */
function withDefaults({ settings, ...identity }: Identity): Identity {
  return {
    ...identity,
    extraSans: identity.extraSans ?? [],
    externalAuthorities: identity.externalAuthorities ?? [],
    supplied: identity.supplied ?? [],
    settings: {
      ...settings,
      controlPlaneTaints: settings.controlPlaneTaints ?? [],
      disableRbac: settings.disableRbac ?? false,
      cloudProvider: settings.cloudProvider ?? "",
    },
  };
}

function parseIdentity(path: string, text: string): Identity {
  try {
    return JSON.parse(text) as Identity;
  } catch (cause) {
    throw new Error(
      `Cannot read ${path}: expected JSON (it holds what this node is; restore it from a backup)`,
      {
        cause,
      },
    );
  }
}

export const saveIdentity = (path: string, identity: Identity) =>
  writeAtomically(path, `${JSON.stringify(identity, undefined, 2)}\n`);

export const forgetIdentity = (path: string) => removeDurably(path);

/** A copy without its journal: the operation is done. */
export function settled({ journal: _journal, ...identity }: Identity): Identity {
  return identity;
}

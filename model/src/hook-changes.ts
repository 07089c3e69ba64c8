/** What a hook buffers until it exits 0; committed whole or not at all. Kept by the agent on disk while the hook runs. */
export interface HookChanges {
  /** relation id → own unit bag and own application bag writes; the empty string deletes */
  relations: Record<number, { unit?: Record<string, string>; application?: Record<string, string> }>;
  state: { set: Record<string, string>; delete: string[] };
  ports: { open: PortRange[]; close: PortRange[] };
  secrets: SecretChange[];
  storage?: StorageRequest[];
  reboot?: "after" | "now";
}

export interface StorageRequest {
  readonly name: string;
  readonly count: number;
}

export interface PortRange {
  readonly endpoint: string;
  readonly from: number;
  readonly to: number;
  readonly protocol: "tcp" | "udp" | "icmp";
}

/** Contents travel beside the events, never in them: the controller encrypts `content` and keeps `contentId` and `checksum`. */
export type SecretChange =
  | {
      kind: "add";
      id: string;
      owner: "application" | "unit";
      label?: string;
      description?: string;
      rotate?: string;
      expiresAt?: number;
      content?: Record<string, string>;
      contentId?: string;
      checksum?: string;
    }
  | {
      kind: "set";
      id: string;
      label?: string;
      description?: string;
      rotate?: string;
      expiresAt?: number;
      content?: Record<string, string>;
      contentId?: string;
      checksum?: string;
    }
  | { kind: "remove"; id: string; revision?: number }
  | { kind: "grant"; id: string; relation: number; unit?: string }
  | { kind: "revoke"; id: string; relation?: number; application?: string; unit?: string }
  | { kind: "track"; id: string; revision: number; label?: string };

export interface ActionResult {
  readonly status: "completed" | "failed" | "aborted" | "error" | "cancelled";
  readonly message: string;
  readonly results: Record<string, unknown>;
}

/** The statuses that a charm may set. */
export type SettableStatus = "active" | "blocked" | "maintenance" | "waiting";

/** A workload status as read; `status` may also be `unknown`, `error`, `terminated`. */
export interface StatusReport {
  readonly status: string;
  readonly message: string;
}

/** A workload status as a charm may set it. */
export interface Status {
  readonly status: SettableStatus;
  readonly message: string;
}

/** How often Juju tells the owner of a secret to make a new revision. */
export type RotatePolicy = "never" | "hourly" | "daily" | "weekly" | "monthly" | "quarterly" | "yearly";

/** What is said about a secret when it is made. */
export interface SecretOptions {
  /** The owner's own name for it, unique among the owner's secrets. */
  readonly label?: string;
  readonly description?: string;
  /** A time, or a duration such as `24h`. */
  readonly expire?: Date | string;
  /** Default: `never`. */
  readonly rotate?: RotatePolicy;
  /** Default of `addSecret`: `application`; only its leader may make such a secret. */
  readonly owner?: "application" | "unit";
}

/** What the owner of a secret can know about it. */
export interface SecretInfo {
  readonly id: string;
  readonly revision: number;
  readonly label?: string;
  readonly owner: "application" | "unit";
  readonly description?: string;
  readonly rotation?: RotatePolicy;
  readonly expiry?: string;
  readonly rotates?: string;
  readonly access?: readonly { readonly target: string; readonly scope: string; readonly role: string }[];
}

/** The answer of network-get. */
export interface NetworkInfo {
  readonly "bind-addresses"?: readonly {
    readonly "interface-name"?: string;
    readonly "mac-address"?: string;
    readonly addresses?: readonly {
      readonly hostname?: string;
      readonly value?: string;
      readonly cidr?: string;
    }[];
  }[];
  readonly "egress-subnets"?: readonly string[];
  readonly "ingress-addresses"?: readonly string[];
}

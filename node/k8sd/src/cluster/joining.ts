/** What a joining node and a control plane say to each other (our own protocol, over TLS on :6400). */
import type { AuthorityName, ClusterSettings, Datastore } from "../base/identity.ts";
import type { SealedBox } from "../pki/sealing.ts";
import { integer, list, map, object, text, type Infer } from "../server/body.ts";

/** Certificates that a worker asks for, by the name of their files. A control plane makes its own, but the first. */
export const WORKER_REQUESTS = [
  "k8sd",
  "kubelet",
  "kubelet-client",
  "kube-proxy-client",
  "k8sd-node-client",
] as const;
export const CONTROL_PLANE_REQUESTS = ["k8sd"] as const;
export type CertificateRequestName = (typeof WORKER_REQUESTS)[number];
/** What a worker's operator may bring along, by the same names as in the join configuration. */
export const MAY_BE_SUPPLIED: ReadonlySet<string> = new Set([
  "kubelet",
  "kubelet-client",
  "kube-proxy-client",
]);

const csr = () => text({ maxLength: 4096 });
const name = () => text({ maxLength: 253 });
const secret = () => text({ maxLength: 128 });

export const admitRequestSchema = object(
  {
    name: name(),
    address: text({ maxLength: 64 }),
    secret: secret(),
    version: text({ maxLength: 128 }),
    requests: object(
      {
        k8sd: csr(),
        kubelet: csr(),
        "kubelet-client": csr(),
        "kube-proxy-client": csr(),
        "k8sd-node-client": csr(),
      },
      ["k8sd"],
    ),
  },
  ["name", "address", "secret", "requests"],
);
export type AdmitRequest = Infer<typeof admitRequestSchema>;

export interface AdmitReply {
  readonly clusterId: string;
  readonly credential: string;
  readonly generation: number;
  readonly settings: ClusterSettings;
  readonly datastore: Datastore;
  readonly externalAuthorities: readonly AuthorityName[];
  /** `ip:port` of every API server. */
  readonly apiServers: readonly string[];
  /** `ip:6400` of every control plane's daemon. */
  readonly peers: readonly string[];
  readonly ca: string;
  readonly clientCa: string;
  readonly k8sdCa: string;
  readonly certificates: Readonly<Partial<Record<CertificateRequestName, string>>>;
  /** For a control plane: JSON of the files that all of them hold (pki/shared-files.ts). */
  readonly sealed?: SealedBox;
}

export const abandonRequestSchema = object({ name: name(), secret: secret(), request: csr() }, [
  "name",
  "secret",
  "request",
]);
export type AbandonRequest = Infer<typeof abandonRequestSchema>;

export const JOIN_PATH = "x/cantrip/join";
export const JOINED_PATH = "x/cantrip/joined";
/** A join failed on the joiner's side: nothing of it is to stay. */
export const ABANDON_PATH = "x/cantrip/abandon";
export const LEAVE_PATH = "x/cantrip/leave";
/** etcd has several voters now: a member with the timers of a lone one changes them. */
export const TIMERS_PATH = "x/cantrip/etcd-timers";
/** The connection of an external datastore was changed at another control plane. */
export const CONNECTION_PATH = "x/cantrip/datastore";
export const connectionSchema = object(
  { servers: list(text({ maxLength: 2048 })), ca: text(), cert: text(), key: text() },
  ["servers", "ca", "cert", "key"],
);
/** A worker has new keys signed with its present certificate. */
export const RENEW_PATH = "x/cantrip/renew";
export const renewRequestSchema = object({ requests: map(csr()), seconds: integer(60, 20 * 366 * 86_400) }, [
  "requests",
  "seconds",
]);
export type RenewRequest = Infer<typeof renewRequestSchema>;
export interface RenewReply {
  readonly certificates: Readonly<Record<string, string>>;
}
/** How far a control plane's own etcd member is. */
export const STATE_PATH = "x/cantrip/datastore-state";
/** A node says what keeps its part of the pod network from working. */
export const REPORT_PATH = "x/cantrip/report";
export const reportSchema = object({ networkProblems: list(text({ maxLength: 512 })) }, ["networkProblems"]);
/** A node asks whether its credential still counts, in which generation the cluster is, and how it is set. */
export const MEMBER_PATH = "x/cantrip/member";
export interface Membership {
  readonly member: boolean;
  readonly generation: number;
  readonly settings: ClusterSettings;
}
/** A node is told to ask for that now. */
export const ASK_AGAIN_PATH = "x/cantrip/ask-again";

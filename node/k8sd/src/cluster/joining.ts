/** What a joining worker and a control plane say to each other (our own protocol, over TLS on :6400). */
import { object, text, type Infer } from "../server/body.ts";
import type { ClusterSettings } from "../base/identity.ts";

/** Certificates that a worker asks for, by the name of their files. */
export const WORKER_REQUESTS = [
  "kubelet",
  "kubelet-client",
  "kube-proxy-client",
  "k8sd-node-client",
  "k8sd",
] as const;
export type WorkerRequest = (typeof WORKER_REQUESTS)[number];

const csr = () => text({ maxLength: 4096 });
export const admitRequestSchema = object(
  {
    name: text({ maxLength: 253 }),
    address: text({ maxLength: 64 }),
    secret: text({ maxLength: 128 }),
    version: text({ maxLength: 128 }),
    requests: object(
      {
        kubelet: csr(),
        "kubelet-client": csr(),
        "kube-proxy-client": csr(),
        "k8sd-node-client": csr(),
        k8sd: csr(),
      },
      WORKER_REQUESTS,
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
  readonly cloudProvider: string;
  /** `ip:port` of every API server. */
  readonly apiServers: readonly string[];
  /** `ip:6400` of every control plane's daemon. */
  readonly peers: readonly string[];
  readonly ca: string;
  readonly clientCa: string;
  readonly k8sdCa: string;
  readonly certificates: Readonly<Record<WorkerRequest, string>>;
}

export const JOIN_PATH = "x/cantrip/join";
export const JOINED_PATH = "x/cantrip/joined";
export const LEAVE_PATH = "x/cantrip/leave";
/** A worker asks whether its credential still counts. */
export const MEMBER_PATH = "x/cantrip/member";

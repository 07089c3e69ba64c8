/** The configuration documents of k8sd: cluster configuration, bootstrap, and the two join configurations. */
import { anything, flag, integer, list, map, object, oneOf, text, type Infer } from "./schema.ts";

export const userFacingClusterConfigSchema = object({
  network: object({ enabled: flag(), "kube-proxy-enabled": flag() }),
  dns: object({
    enabled: flag(),
    "cluster-domain": text({ maxLength: 253 }),
    "service-ip": text({ maxLength: 64 }),
    "upstream-nameservers": list(text({ maxLength: 1024 })),
  }),
  ingress: object({ enabled: flag(), "default-tls-secret": text(), "enable-proxy-protocol": flag() }),
  "load-balancer": object({
    enabled: flag(),
    cidrs: list(text()),
    "l2-mode": flag(),
    "l2-interfaces": list(text()),
    "bgp-mode": flag(),
    "bgp-local-asn": integer(),
    "bgp-peer-address": text(),
    "bgp-peer-asn": integer(),
    "bgp-peer-port": integer(0, 65_535),
  }),
  "local-storage": object({
    enabled: flag(),
    "local-path": text(),
    "reclaim-policy": text({ maxLength: 32 }),
    default: flag(),
  }),
  gateway: object({ enabled: flag() }),
  "metrics-server": object({ enabled: flag() }),
  "cloud-provider": text({ maxLength: 256 }),
  annotations: map(text()),
});
/** What users read and change with `k8s get` and `k8s set`; absent means "unset" or, in a change, "leave as it is". */
export type UserFacingClusterConfig = Infer<typeof userFacingClusterConfigSchema>;

export const FEATURES = [
  "network",
  "dns",
  "ingress",
  "load-balancer",
  "local-storage",
  "gateway",
  "metrics-server",
] as const;
export type FeatureName = (typeof FEATURES)[number];

/** `null` deletes the flag. */
const extraArgs = () => map<string | null>(text({ maxLength: 8192 }));
const pem = () => text({ maxLength: 65_536 });

const nodeFiles = {
  "extra-node-config-files": map(text({ maxLength: 262_144 })),
  "extra-node-containerd-config": map(anything()),
  "containerd-base-dir": text({ maxLength: 1024 }),
  "disable-system-tuning": flag(),
};
const workerArgs = {
  "extra-node-kubelet-args": extraArgs(),
  "extra-node-kube-proxy-args": extraArgs(),
  "extra-node-containerd-args": extraArgs(),
};
const controlPlaneArgs = {
  ...workerArgs,
  "extra-node-kube-apiserver-args": extraArgs(),
  "extra-node-kube-controller-manager-args": extraArgs(),
  "extra-node-kube-scheduler-args": extraArgs(),
  "extra-node-etcd-args": extraArgs(),
};

/** Certificates that a user may supply (`<name>-crt`, `<name>-key`). */
const USER_CERTIFICATES = [
  "ca",
  "client-ca",
  "front-proxy-ca",
  "front-proxy-client",
  "apiserver-kubelet-client",
  "admin-client",
  "kube-proxy-client",
  "kube-scheduler-client",
  "kube-controller-manager-client",
  "apiserver",
  "kubelet",
  "kubelet-client",
  "etcd-ca",
  "etcd-server",
  "etcd-peer",
  "etcd-apiserver-client",
] as const;
type CertificateKey<N extends string> = `${N}-crt` | `${N}-key`;

function certificates<const N extends string>(names: readonly N[]) {
  const keys = names.flatMap((name) => [`${name}-crt`, `${name}-key`]);
  return Object.fromEntries(keys.map((key) => [key, pem()])) as Record<
    CertificateKey<N>,
    ReturnType<typeof pem>
  >;
}

export const bootstrapConfigSchema = object({
  "cluster-config": userFacingClusterConfigSchema,
  "control-plane-taints": list(text({ maxLength: 512 })),
  "pod-cidr": text({ maxLength: 128 }),
  "service-cidr": text({ maxLength: 128 }),
  "disable-rbac": flag(),
  "secure-port": integer(1, 65_535),
  "datastore-type": oneOf("etcd", "external"),
  "datastore-servers": list(text({ maxLength: 2048 })),
  "datastore-ca-crt": pem(),
  "datastore-client-crt": pem(),
  "datastore-client-key": pem(),
  "etcd-port": integer(1, 65_535),
  "etcd-peer-port": integer(1, 65_535),
  "extra-sans": list(text({ maxLength: 253 })),
  "service-account-key": pem(),
  ...certificates(USER_CERTIFICATES),
  ...nodeFiles,
  ...controlPlaneArgs,
});
export type BootstrapConfig = Infer<typeof bootstrapConfigSchema>;

/** Certificates of a running node that an operator renews; those of etcd beyond what the reference takes. */
export const certificatesUpdateSchema = object(
  certificates(USER_CERTIFICATES.filter((name) => !name.endsWith("ca"))),
);
export type CertificatesUpdate = Infer<typeof certificatesUpdateSchema>;

export const controlPlaneJoinConfigSchema = object({
  "extra-sans": list(text({ maxLength: 253 })),
  ...certificates([
    "front-proxy-client",
    "admin-client",
    "kube-proxy-client",
    "kube-scheduler-client",
    "kube-controller-manager-client",
    "apiserver",
    "kubelet",
    "kubelet-client",
    "etcd-server",
    "etcd-peer",
  ]),
  ...nodeFiles,
  ...controlPlaneArgs,
});
export type ControlPlaneJoinConfig = Infer<typeof controlPlaneJoinConfigSchema>;

export const workerJoinConfigSchema = object({
  ...certificates(["kubelet", "kubelet-client", "kube-proxy-client"]),
  ...nodeFiles,
  ...workerArgs,
  "extra-node-k8s-apiserver-proxy-args": extraArgs(),
});
export type WorkerJoinConfig = Infer<typeof workerJoinConfigSchema>;

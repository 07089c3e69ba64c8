/** Default arguments of every service (spec k8sd 1.3), as far as it differs between nodes from their identity alone. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { AuthorityName, Identity } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { AUTHORITIES, clientAuthorityFile } from "../pki/cluster.ts";
import { ENCRYPTION_FILE } from "../pki/encryption.ts";
import type { ArgumentChanges, Arguments } from "./arguments.ts";
import { auditArguments } from "./audit.ts";
import { webhookFile } from "./kubeconfigs.ts";
import type { Service } from "./services.ts";

const CIPHERS = ["ECDSA", "RSA"]
  .flatMap((key) =>
    ["AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305"].map(
      (c) => `TLS_ECDHE_${key}_WITH_${c}`,
    ),
  )
  .join(",");
const LEASE = { "--leader-elect-lease-duration": "30s", "--leader-elect-renew-deadline": "15s" };

/** Default arguments by service. */
export type Defaults = { readonly [S in Service]?: Arguments };

export function workerDefaults(paths: Paths, identity: Identity): Defaults {
  return {
    containerd: containerd(paths),
    kubelet: kubelet(paths, identity),
    "kube-proxy": kubeProxy(paths, identity),
    "k8s-apiserver-proxy": apiserverProxy(paths, identity),
  };
}

export function controlPlaneDefaults(paths: Paths, identity: Identity): Defaults {
  return {
    containerd: containerd(paths),
    kubelet: kubelet(paths, identity),
    "kube-proxy": kubeProxy(paths, identity),
    ...(identity.datastore.type === "etcd" && { etcd: etcd(paths, identity) }),
    "kube-apiserver": kubeApiserver(paths, identity),
    "kube-controller-manager": kubeControllerManager(paths, identity),
    "kube-scheduler": kubeScheduler(paths),
  };
}

function containerd(paths: Paths): Arguments {
  return {
    "--config": join(paths.containerdConfig, "config.toml"),
    "--address": paths.containerdSocket,
    "--root": "/var/lib/containerd",
    "--state": "/run/containerd",
  };
}

/** Where the resolver of the machine names real servers (a stub on loopback is of no use to pods). */
export const resolvConf = () =>
  ["/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"].find((path) => existsSync(path)) ??
  "/etc/resolv.conf";

const cloudProvider = ({ cloudProvider: name }: Identity["settings"]): Arguments =>
  name === "" ? {} : { "--cloud-provider": name };

function kubelet(paths: Paths, { name, role, address, settings }: Identity): Arguments {
  const taints = role === "control-plane" ? settings.controlPlaneTaints : [];
  return {
    "--anonymous-auth": "false",
    "--authentication-token-webhook": "true",
    "--authorization-mode": "Webhook",
    "--client-ca-file": join(paths.pki, "client-ca.crt"),
    ...cloudProvider(settings),
    "--cluster-dns": settings.clusterDns,
    "--cluster-domain": settings.clusterDomain,
    "--container-runtime-endpoint": `unix://${paths.containerdSocket}`,
    // All machines of a host may share one disk: limits in absolute figures.
    "--eviction-hard": "memory.available<100Mi,nodefs.available<1Gi,imagefs.available<1Gi",
    "--fail-cgroupv1": "false",
    "--fail-swap-on": "false",
    "--hostname-override": name,
    "--kubeconfig": join(paths.kubernetes, "kubelet.conf"),
    "--node-ip": address,
    // The role labels below node-role.kubernetes.io are not the kubelet's to set: a control plane adds them.
    "--node-labels": `k8sd.io/role=${role}`,
    "--read-only-port": "0",
    ...(taints.length > 0 && { "--register-with-taints": taints.join(",") }),
    "--resolv-conf": resolvConf(),
    "--root-dir": "/var/lib/kubelet",
    "--serialize-image-pulls": "false",
    "--tls-cert-file": join(paths.pki, "kubelet.crt"),
    "--tls-cipher-suites": CIPHERS,
    "--tls-private-key-file": join(paths.pki, "kubelet.key"),
  };
}

function kubeProxy(paths: Paths, { name, settings }: Identity): Arguments {
  return {
    "--cluster-cidr": settings.podCidr,
    // The limit belongs to the host, which machines share.
    "--conntrack-max-per-core": "0",
    "--healthz-bind-address": "127.0.0.1:10256",
    "--hostname-override": name,
    "--kubeconfig": join(paths.kubernetes, "proxy.conf"),
    "--profiling": "false",
    "--proxy-mode": "nftables",
  };
}

export const endpointsFile = (paths: Paths) => join(paths.configurations, "k8s-apiserver-proxy.json");

function apiserverProxy(paths: Paths, { settings }: Identity): Arguments {
  return {
    "--endpoints": endpointsFile(paths),
    "--kubeconfig": join(paths.kubernetes, "kubelet.conf"),
    "--listen": `127.0.0.1:${settings.securePort}`,
    "--refresh-interval": "30s",
  };
}

/**
 * A single member waits up to one election timeout before it leads itself, at every start. Nobody else votes, so the
 * shortest does no harm. Several need time to hear from each other: two cores elect needlessly otherwise.
 */
export const LONE_MEMBER = { "--election-timeout": "150", "--heartbeat-interval": "30" } as const;
export const SEVERAL_MEMBERS = { "--election-timeout": "5000", "--heartbeat-interval": "500" } as const;

/** 8 GiB: the most that etcd itself recommends; its own default of 2 GiB is what large clusters stumble over. */
const ETCD_QUOTA = String(8 * 1024 ** 3);

function etcd(paths: Paths, { name, address, settings, journal }: Identity): Arguments {
  // Until it is a member a joiner's etcd must not start, also not by itself after a reboot: alone it would be a cluster.
  const isJoining = journal?.operation === "join";
  const pki = (file: string) => join(paths.pki, "etcd", file);
  const peer = `https://${address}:${settings.etcdPeerPort}`;
  return {
    "--advertise-client-urls": `https://${address}:${settings.etcdPort}`,
    "--auto-tls": "false",
    "--cert-file": pki("server.crt"),
    "--client-cert-auth": "true",
    "--data-dir": paths.etcdData,
    ...(isJoining ? SEVERAL_MEMBERS : LONE_MEMBER),
    "--initial-advertise-peer-urls": peer,
    "--initial-cluster": `${name}=${peer}`,
    "--initial-cluster-state": isJoining ? "existing" : "new",
    "--key-file": pki("server.key"),
    "--listen-client-urls": `https://${address}:${settings.etcdPort},https://127.0.0.1:${settings.etcdPort}`,
    "--listen-peer-urls": peer,
    "--name": name,
    "--peer-auto-tls": "false",
    "--peer-cert-file": pki("peer.crt"),
    "--peer-client-cert-auth": "true",
    "--peer-key-file": pki("peer.key"),
    "--peer-trusted-ca-file": pki("ca.crt"),
    "--quota-backend-bytes": ETCD_QUOTA,
    "--trusted-ca-file": pki("ca.crt"),
  };
}

/** Flags by which the API server reaches its datastore; `null` for those that must not be there. */
export function datastoreArguments(paths: Paths, { datastore, settings }: Identity): ArgumentChanges {
  const pki = (file: string) => join(paths.pki, file);
  if (datastore.type === "etcd")
    return {
      "--etcd-cafile": pki("etcd/ca.crt"),
      "--etcd-certfile": pki("apiserver-etcd-client.crt"),
      "--etcd-keyfile": pki("apiserver-etcd-client.key"),
      "--etcd-servers": `https://127.0.0.1:${settings.etcdPort}`,
    };
  const ifThere = (file: string) => (existsSync(pki(file)) ? pki(file) : null);
  return {
    "--etcd-cafile": ifThere("etcd/ca.crt"),
    "--etcd-certfile": ifThere("etcd/client.crt"),
    "--etcd-keyfile": ifThere("etcd/client.key"),
    "--etcd-servers": datastore.servers.join(","),
  };
}

const present = (changes: ArgumentChanges): Arguments =>
  Object.fromEntries(Object.entries(changes).filter((entry): entry is [string, string] => entry[1] !== null));

function kubeApiserver(paths: Paths, identity: Identity): Arguments {
  const { address, settings } = identity;
  const pki = (file: string) => join(paths.pki, file);
  return {
    "--advertise-address": address,
    "--allow-privileged": "true",
    "--anonymous-auth": "false",
    "--authorization-mode": settings.disableRbac ? "AlwaysAllow" : "Node,RBAC",
    "--client-ca-file": pki(clientAuthorityFile(identity)),
    "--enable-admission-plugins": "NodeRestriction",
    ...present(datastoreArguments(paths, identity)),
    ...auditArguments(paths),
    ...(existsSync(pki(ENCRYPTION_FILE)) && { "--encryption-provider-config": pki(ENCRYPTION_FILE) }),
    "--authentication-token-webhook-config-file": webhookFile(paths),
    "--authentication-token-webhook-version": "v1",
    "--kubelet-certificate-authority": pki("ca.crt"),
    "--kubelet-client-certificate": pki("apiserver-kubelet-client.crt"),
    "--kubelet-client-key": pki("apiserver-kubelet-client.key"),
    "--kubelet-preferred-address-types": "InternalIP,Hostname,InternalDNS,ExternalDNS,ExternalIP",
    "--profiling": "false",
    "--proxy-client-cert-file": pki("front-proxy-client.crt"),
    "--proxy-client-key-file": pki("front-proxy-client.key"),
    "--request-timeout": "300s",
    "--requestheader-allowed-names": "front-proxy-client",
    "--requestheader-client-ca-file": pki("front-proxy-ca.crt"),
    "--requestheader-extra-headers-prefix": "X-Remote-Extra-",
    "--requestheader-group-headers": "X-Remote-Group",
    "--requestheader-username-headers": "X-Remote-User",
    "--secure-port": String(settings.securePort),
    "--service-account-issuer": "https://kubernetes.default.svc",
    "--service-account-key-file": pki("serviceaccount.key"),
    "--service-account-signing-key-file": pki("serviceaccount.key"),
    "--service-cluster-ip-range": settings.serviceCidr,
    "--tls-cert-file": pki("apiserver.crt"),
    "--tls-cipher-suites": CIPHERS,
    "--tls-min-version": "VersionTLS12",
    "--tls-private-key-file": pki("apiserver.key"),
  };
}

/** One authority per signer: users' certificates are trusted only if the client authority signed them. */
function signers(paths: Paths, { externalAuthorities }: Identity): Arguments {
  const pair = (signer: string, authority: AuthorityName): [string, string][] => {
    if (externalAuthorities.includes(authority)) return [];
    const file = join(paths.pki, AUTHORITIES[authority].file);
    return [
      [`--cluster-signing-${signer}-cert-file`, `${file}.crt`],
      [`--cluster-signing-${signer}-key-file`, `${file}.key`],
    ];
  };
  return Object.fromEntries([
    ...pair("kube-apiserver-client", "client"),
    ...pair("kubelet-client", "client"),
    ...pair("kubelet-serving", "kubernetes"),
    ...pair("legacy-unknown", "kubernetes"),
  ]);
}

function kubeControllerManager(paths: Paths, identity: Identity): Arguments {
  const { settings } = identity;
  const kubeconfig = join(paths.kubernetes, "controller.conf");
  return {
    ...LEASE,
    ...signers(paths, identity),
    "--allocate-node-cidrs": "true",
    "--authentication-kubeconfig": kubeconfig,
    "--authorization-kubeconfig": kubeconfig,
    ...cloudProvider(settings),
    "--cluster-cidr": settings.podCidr,
    // Its fifty controllers each ask for their own credential at the start: the default rate makes that take 5 s.
    "--kube-api-burst": "300",
    "--kube-api-qps": "150",
    "--kubeconfig": kubeconfig,
    // The loss of a machine shows after this long (decision 15).
    "--node-monitor-grace-period": "20s",
    "--profiling": "false",
    "--root-ca-file": join(paths.pki, "ca.crt"),
    "--service-account-private-key-file": join(paths.pki, "serviceaccount.key"),
    "--service-cluster-ip-range": settings.serviceCidr,
    "--terminated-pod-gc-threshold": "12500",
    "--tls-min-version": "VersionTLS12",
    "--use-service-account-credentials": "true",
  };
}

function kubeScheduler(paths: Paths): Arguments {
  const kubeconfig = join(paths.kubernetes, "scheduler.conf");
  return {
    ...LEASE,
    "--authentication-kubeconfig": kubeconfig,
    "--authorization-kubeconfig": kubeconfig,
    "--kubeconfig": kubeconfig,
    "--profiling": "false",
  };
}

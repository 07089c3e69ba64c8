/** What a bootstrap configuration means: checked as a whole, all problems at once, then resolved with its defaults. */
import { isIPv4 } from "node:net";
import { isAbsolute } from "node:path";
import type { BootstrapConfig, UserFacingClusterConfig } from "@cantrip/metadata/k8sd";
import { ApiError } from "../base/errors.ts";
import type { ClusterSettings, JoinConfig } from "../base/identity.ts";
import { contains, nthAddress, overlaps, parseCidr, sizeOf } from "../network/cidr.ts";
import { checkedChanges } from "../node/arguments.ts";
import { problemsOfDatastore } from "./datastore.ts";

export const DEFAULT_POD_CIDR = "10.1.0.0/16";
export const DEFAULT_SERVICE_CIDR = "10.152.183.0/24";
export const DEFAULT_CLUSTER_DOMAIN = "cluster.local";

const LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
const DNS_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

/** A node name is a Kubernetes Node name and an etcd member name at once. @throws ApiError 400 */
export function checkNodeName(name: string): string {
  if (name.length <= 63 && DNS_NAME.test(name)) return name;
  throw new ApiError(
    400,
    `invalid hostname ${JSON.stringify(name.slice(0, 80))}: expected lower-case letters, digits, "-" and ".", at most 63 characters`,
  );
}

/** The IP of `ip`, or `ip:6400`. @throws ApiError 400 */
export function checkAddress(address: string): string {
  const [ip = "", port = "6400", ...rest] = address.split(":");
  if (isIPv4(ip) && port === "6400" && rest.length === 0) return ip;
  throw new ApiError(
    400,
    `invalid address ${JSON.stringify(address.slice(0, 80))}: expected an IPv4 address, alone or with port 6400`,
  );
}

/** Everything that may be wrong with a bootstrap configuration beyond the types of its keys. */
export function problemsOfBootstrap(config: BootstrapConfig): string[] {
  return [
    ...problemsOfDatastore(config),
    ...problemsOfBaseDirectory(config),
    ...problemsOfRanges(config),
    ...problemsOfDns(config),
    ...problemsOfPorts(config),
    ...problemsOfNodeFiles(config),
    ...(config["control-plane-taints"] ?? []).flatMap(problemsOfTaint),
    ...problemsOfSans(config),
  ];
}

interface NodeFiles {
  readonly "containerd-base-dir"?: string;
  readonly "extra-node-config-files"?: Readonly<Record<string, string>>;
}

function problemsOfBaseDirectory({ "containerd-base-dir": directory = "" }: NodeFiles): string[] {
  return directory === "" || directory === "/" ? [] : ["containerd-base-dir: only / is supported yet"];
}

/** Problems of the keys that bootstrap and join configurations share. */
export function problemsOfNodeFiles(config: NodeFiles): string[] {
  const names = Object.keys(config["extra-node-config-files"] ?? {});
  const unsafe = names.filter(
    (name) => !/^[A-Za-z0-9_][A-Za-z0-9._-]{0,200}$/.test(name) || isAbsolute(name),
  );
  const flags = Object.entries(config).filter(([key]) => /^extra-node-.*-args$/.test(key));
  return [
    ...unsafe.map(
      (name) => `extra-node-config-files: ${JSON.stringify(name.slice(0, 64))} is no plain file name`,
    ),
    ...flags.flatMap(([key, changes]) => problemsOfChanges(key, changes as Record<string, string | null>)),
  ];
}

function problemsOfChanges(key: string, changes: Record<string, string | null>): string[] {
  try {
    checkedChanges(changes);
    return [];
  } catch (error) {
    return [`${key}: ${(error as Error).message}`];
  }
}

export function problemsOfJoin(config: JoinConfig): string[] {
  return [...problemsOfBaseDirectory(config), ...problemsOfNodeFiles(config), ...problemsOfSans(config)];
}

export const problemsOfSans = ({ "extra-sans": sans = [] }: Pick<BootstrapConfig, "extra-sans">): string[] =>
  sans
    .filter((san) => !isIPv4(san) && !DNS_NAME.test(san))
    .map((san) => `extra-sans: ${JSON.stringify(san)} is neither a DNS name nor an IPv4 address`);

function problemsOfRanges(config: BootstrapConfig): string[] {
  const cidrs = {
    "pod-cidr": config["pod-cidr"] || DEFAULT_POD_CIDR,
    "service-cidr": config["service-cidr"] || DEFAULT_SERVICE_CIDR,
  };
  const problems = Object.entries(cidrs).flatMap(([key, cidr]) => problemsOfRange(key, cidr));
  if (problems.length > 0) return problems;
  const [pods, services] = Object.values(cidrs).map(parseCidr);
  if (overlaps(pods!, services!))
    return [`pod-cidr ${cidrs["pod-cidr"]} overlaps service-cidr ${cidrs["service-cidr"]}`];
  if (pods!.prefix > 23) return [`pod-cidr ${cidrs["pod-cidr"]} is too small: every node takes a /24 of it`];
  return sizeOf(services!) < 16
    ? [`service-cidr ${cidrs["service-cidr"]} is too small: expected 16 addresses or more`]
    : [];
}

function problemsOfRange(key: string, cidr: string): string[] {
  if (cidr.includes(",") || cidr.includes(":"))
    return [`${key}: IPv6 and dual-stack ranges are not supported yet`];
  try {
    parseCidr(cidr);
    return [];
  } catch (error) {
    return [`${key}: ${(error as Error).message}`];
  }
}

function problemsOfDns(config: BootstrapConfig): string[] {
  const dns = config["cluster-config"]?.dns ?? {};
  return problemsOfDnsSection(dns, config["service-cidr"] || DEFAULT_SERVICE_CIDR);
}

export function problemsOfDnsSection(
  dns: NonNullable<UserFacingClusterConfig["dns"]>,
  serviceCidr: string,
): string[] {
  const { "cluster-domain": domain = "", "service-ip": ip = "", "upstream-nameservers": upstream = [] } = dns;
  const badUpstream = upstream.filter(
    (server) =>
      server !== "/etc/resolv.conf" && !/^(tls:\/\/)?\d{1,3}(\.\d{1,3}){3}(:\d{1,5})?$/.test(server),
  );
  return [
    ...(domain && !DNS_NAME.test(domain)
      ? [`dns.cluster-domain: ${JSON.stringify(domain)} is no DNS name`]
      : []),
    ...(ip && !isIPv4(ip) ? ["dns.service-ip must be a valid IP address"] : []),
    ...(ip && isIPv4(ip) && dns.enabled && !inRange(serviceCidr, ip)
      ? [`dns.service-ip ${ip} is not in the service range ${serviceCidr}`]
      : []),
    ...badUpstream.map(
      (server) =>
        `dns.upstream-nameservers: ${JSON.stringify(server)} is neither an IPv4 address (with a port) nor /etc/resolv.conf`,
    ),
  ];
}

function inRange(cidr: string, address: string): boolean {
  try {
    return contains(cidr, address);
  } catch {
    return true;
  }
}

function problemsOfPorts(config: BootstrapConfig): string[] {
  const ports = [
    config["secure-port"] ?? 6443,
    config["etcd-port"] ?? 2379,
    config["etcd-peer-port"] ?? 2380,
    6400,
    10250,
  ];
  return new Set(ports).size === ports.length
    ? []
    : [`secure-port, etcd-port and etcd-peer-port must differ from each other, and from 6400 and 10250`];
}

function problemsOfTaint(taint: string): string[] {
  const valid =
    /^[A-Za-z0-9][A-Za-z0-9._/-]*(?:=[A-Za-z0-9._-]*)?:(?:NoSchedule|PreferNoSchedule|NoExecute)$/;
  return valid.test(taint)
    ? []
    : [`control-plane-taints: ${JSON.stringify(taint)} is not of the form key=value:effect`];
}

/** Configuration with every default written out, as `get` shows it. */
export function resolveClusterConfig(
  config: UserFacingClusterConfig,
  settings: Pick<ClusterSettings, "clusterDns" | "clusterDomain">,
): UserFacingClusterConfig {
  const networkEnabled = config.network?.enabled ?? false;
  return {
    network: {
      enabled: networkEnabled,
      "kube-proxy-enabled": config.network?.["kube-proxy-enabled"] ?? !networkEnabled,
    },
    dns: {
      enabled: config.dns?.enabled ?? false,
      "cluster-domain": config.dns?.["cluster-domain"] || settings.clusterDomain,
      "service-ip": config.dns?.["service-ip"] || settings.clusterDns,
      "upstream-nameservers": config.dns?.["upstream-nameservers"] ?? ["/etc/resolv.conf"],
    },
    ingress: { enabled: false, "default-tls-secret": "", "enable-proxy-protocol": false, ...config.ingress },
    "load-balancer": {
      enabled: false,
      cidrs: [],
      "l2-mode": true,
      "l2-interfaces": [],
      "bgp-mode": false,
      "bgp-local-asn": 0,
      "bgp-peer-address": "",
      "bgp-peer-asn": 0,
      "bgp-peer-port": 179,
      ...config["load-balancer"],
    },
    "local-storage": {
      enabled: false,
      "local-path": "/var/snap/k8s/common/rawfile-storage",
      "reclaim-policy": "Delete",
      default: true,
      ...config["local-storage"],
    },
    gateway: { enabled: false, ...config.gateway },
    "metrics-server": { enabled: false, ...config["metrics-server"] },
    ...(config["cloud-provider"] !== undefined && { "cloud-provider": config["cloud-provider"] }),
    ...(config.annotations && { annotations: config.annotations }),
  };
}

export function resolveSettings(config: BootstrapConfig): ClusterSettings {
  const fixed = {
    podCidr: config["pod-cidr"] || DEFAULT_POD_CIDR,
    serviceCidr: config["service-cidr"] || DEFAULT_SERVICE_CIDR,
    securePort: config["secure-port"] ?? 6443,
    etcdPort: config["etcd-port"] ?? 2379,
    etcdPeerPort: config["etcd-peer-port"] ?? 2380,
    controlPlaneTaints: config["control-plane-taints"] ?? [],
    disableRbac: config["disable-rbac"] ?? false,
  };
  return withClusterConfig(fixed, config["cluster-config"] ?? {});
}

/** The settings with those that the cluster's configuration decides as it is now. */
export function withClusterConfig(
  settings: Omit<ClusterSettings, Adjustable> & Partial<ClusterSettings>,
  { network = {}, dns = {}, "cloud-provider": cloudProvider = "" }: UserFacingClusterConfig,
): ClusterSettings {
  const networkEnabled = network.enabled ?? false;
  return {
    ...settings,
    clusterDns: dns["service-ip"] || nthAddress(settings.serviceCidr, 10),
    clusterDomain: dns["cluster-domain"] || DEFAULT_CLUSTER_DOMAIN,
    networkEnabled,
    // Our network has no service proxy of its own: kube-proxy runs with it whatever the setting says.
    kubeProxyEnabled: networkEnabled || (network["kube-proxy-enabled"] ?? true),
    cloudProvider,
  };
}

type Adjustable = "clusterDns" | "clusterDomain" | "networkEnabled" | "kubeProxyEnabled" | "cloudProvider";
/** True if nothing that a node does depends on the difference. */
export const areSameSettings = (one: ClusterSettings, other: ClusterSettings): boolean =>
  one.clusterDns === other.clusterDns &&
  one.clusterDomain === other.clusterDomain &&
  one.networkEnabled === other.networkEnabled &&
  one.kubeProxyEnabled === other.kubeProxyEnabled &&
  one.cloudProvider === other.cloudProvider;

/** From options to the configuration documents of k8sd. */
import type { BootstrapConfig, UserFacingClusterConfig } from "@cantrip/metadata/k8sd";
import { MISSING_FEATURES, type Options } from "./options.ts";

/** What the options say about the running cluster. An empty service address leaves the choice to the cluster. */
export function wantedConfig({ networkEnabled, dns }: Options): UserFacingClusterConfig {
  const { enabled, clusterDomain, serviceIp, upstreamNameservers } = dns;
  return {
    network: { enabled: networkEnabled },
    dns: {
      enabled,
      "cluster-domain": clusterDomain,
      ...(serviceIp ? { "service-ip": serviceIp } : {}),
      "upstream-nameservers":
        upstreamNameservers.length > 0 ? [...upstreamNameservers] : ["/etc/resolv.conf"],
    },
  };
}

export function bootstrapConfig(
  options: Options,
  node: { address: string; sans: string[] },
): BootstrapConfig {
  const features = Object.fromEntries(MISSING_FEATURES.map((feature) => [feature, { enabled: false }]));
  return {
    "cluster-config": { ...wantedConfig(options), ...features },
    "control-plane-taints": [...options.taints],
    "datastore-type": "etcd",
    "extra-sans": node.sans,
    "extra-node-kubelet-args": { "--node-ip": node.address },
    ...(options.podCidr ? { "pod-cidr": options.podCidr } : {}),
    ...(options.serviceCidr ? { "service-cidr": options.serviceCidr } : {}),
  };
}

type Section = Readonly<Record<string, unknown>>;

/** The sections and keys of `wanted` that the cluster does not have yet; undefined if it has them all. */
export function configChange(
  wanted: UserFacingClusterConfig,
  stored: UserFacingClusterConfig,
): UserFacingClusterConfig | undefined {
  const changes = Object.entries(wanted).flatMap(([section, keys]) => {
    const present = ((stored as Record<string, unknown>)[section] ?? {}) as Section;
    const changed = Object.entries(keys as Section).filter(
      ([key, value]) => JSON.stringify(present[key]) !== JSON.stringify(value),
    );
    return changed.length > 0 ? [[section, Object.fromEntries(changed)] as const] : [];
  });
  return changes.length > 0 ? Object.fromEntries(changes) : undefined;
}

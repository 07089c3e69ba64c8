/** The charm's options, checked as a whole before any of them is used. */
import type { Config } from "@cantrip/lib";
import { parseLabels, parseTaints, problemOfCidrs, words, type Label } from "@cantrip/charm-node";

export interface Options {
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly taints: readonly string[];
  readonly labels: readonly Label[];
  readonly networkEnabled: boolean;
  readonly dns: {
    readonly enabled: boolean;
    readonly clusterDomain: string;
    /** Empty: the cluster chooses. */
    readonly serviceIp: string;
    readonly upstreamNameservers: readonly string[];
  };
}
export type ParsedOptions = { ok: true; options: Options } | { ok: false; problem: string };

/** Features that Canonical's charm has and this one does not have yet. */
export const MISSING_FEATURES = [
  "gateway",
  "ingress",
  "load-balancer",
  "local-storage",
  "metrics-server",
] as const;

export function parseOptions(config: Config): ParsedOptions {
  const text = (name: string) => config.get<string>(name) ?? "";
  const labels = parseLabels(text("node-labels"));
  const taints = parseTaints(text("bootstrap-node-taints"));
  const problem =
    problemOfFeatures(config) ??
    problemOfDatastore(text("bootstrap-datastore")) ??
    problemOfCidrs("bootstrap-pod-cidr", text("bootstrap-pod-cidr")) ??
    problemOfCidrs("bootstrap-service-cidr", text("bootstrap-service-cidr"));
  if (problem !== undefined) return { ok: false, problem };
  if (!labels.ok) return invalid("node-labels", "key=value", labels.token);
  if (!taints.ok) return invalid("bootstrap-node-taints", "key[=value]:Effect", taints.token);
  return { ok: true, options: optionsOf(config, labels.labels, taints.taints) };
}

function optionsOf(config: Config, labels: readonly Label[], taints: readonly string[]): Options {
  const text = (name: string) => config.get<string>(name) ?? "";
  return {
    podCidr: text("bootstrap-pod-cidr"),
    serviceCidr: text("bootstrap-service-cidr"),
    taints,
    labels,
    networkEnabled: config.get<boolean>("network-enabled") ?? true,
    dns: {
      enabled: config.get<boolean>("dns-enabled") ?? true,
      clusterDomain: text("dns-cluster-domain") || "cluster.local",
      serviceIp: text("dns-service-ip"),
      upstreamNameservers: words(text("dns-upstream-nameservers")),
    },
  };
}

function problemOfFeatures(config: Config): string | undefined {
  const asked = MISSING_FEATURES.find((feature) => config.get<boolean>(`${feature}-enabled`) === true);
  return asked && `${asked}-enabled=true: this charm has no ${asked} yet; set it to false`;
}

function problemOfDatastore(datastore: string): string | undefined {
  if (datastore === "" || datastore === "managed-etcd") return undefined;
  if (datastore === "etcd")
    return "bootstrap-datastore='etcd': an external etcd is not available yet; use managed-etcd";
  return `bootstrap-datastore='${datastore}' is invalid.`;
}

const invalid = (option: string, expected: string, token: string): ParsedOptions => ({
  ok: false,
  problem: `Invalid config on ${option}: expected ${expected}, got "${token}"`,
});

/** The charm's options, checked as a whole before any of them is used. */
import { parseLabels, parseTaints, problemOfCidrs, words, type Label } from "@cantrip/charm-node";
import type { Config } from "./generated/charm-types.ts";

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
  const labels = parseLabels(config["node-labels"]);
  const taints = parseTaints(config["bootstrap-node-taints"]);
  const problem =
    problemOfFeatures(config) ??
    problemOfDatastore(config["bootstrap-datastore"]) ??
    problemOfCidrs("bootstrap-pod-cidr", config["bootstrap-pod-cidr"]) ??
    problemOfCidrs("bootstrap-service-cidr", config["bootstrap-service-cidr"]);
  if (problem !== undefined) return { ok: false, problem };
  if (!labels.ok) return invalid("node-labels", "key=value", labels.token);
  if (!taints.ok) return invalid("bootstrap-node-taints", "key[=value]:Effect", taints.token);
  return { ok: true, options: optionsOf(config, labels.labels, taints.taints) };
}

function optionsOf(config: Config, labels: readonly Label[], taints: readonly string[]): Options {
  return {
    podCidr: config["bootstrap-pod-cidr"],
    serviceCidr: config["bootstrap-service-cidr"],
    taints,
    labels,
    networkEnabled: config["network-enabled"],
    dns: {
      enabled: config["dns-enabled"],
      clusterDomain: config["dns-cluster-domain"] || "cluster.local",
      serviceIp: config["dns-service-ip"],
      upstreamNameservers: words(config["dns-upstream-nameservers"]),
    },
  };
}

function problemOfFeatures(config: Config): string | undefined {
  const asked = MISSING_FEATURES.find((feature) => config[`${feature}-enabled`]);
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

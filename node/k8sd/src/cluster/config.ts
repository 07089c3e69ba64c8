/** Reading and changing the cluster's configuration: merged key by key, checked as a whole, then made true. */
import type {
  GetClusterConfigResponse,
  SetClusterConfigRequest,
  UserFacingClusterConfig,
} from "@cantrip/metadata/k8sd";
import { ApiError } from "../base/errors.ts";
import type { ControlPlane } from "./control-plane.ts";
import { problemsOfDnsSection, resolveClusterConfig } from "./settings.ts";

export async function getClusterConfig(plane: ControlPlane): Promise<GetClusterConfigResponse> {
  const { settings, datastore } = plane.identity;
  const status = resolveClusterConfig(await plane.store.config(), settings);
  return {
    status,
    datastore: { type: datastore.type },
    "pod-cidr": settings.podCidr,
    "service-cidr": settings.serviceCidr,
  };
}

export async function setClusterConfig(
  plane: ControlPlane,
  { config = {}, datastore }: SetClusterConfigRequest,
): Promise<void> {
  const { type } = plane.identity.datastore;
  if (datastore?.type && datastore.type !== type)
    throw new ApiError(
      400,
      `failed to parse datastore config: type must be "${type}" but is "${datastore.type}"`,
    );
  if (datastore?.servers?.length)
    throw new ApiError(400, "failed to parse datastore config: a managed etcd has no servers to set");
  await plane.store.update<UserFacingClusterConfig>("config", (current = {}) => {
    const merged = mergeConfig(current, config);
    refuseProblems(plane, current, merged);
    return merged;
  });
  plane.features.wake();
}

/** Key by key: what is not named stays. An annotation of value "-" is deleted. */
export function mergeConfig(
  current: UserFacingClusterConfig,
  change: UserFacingClusterConfig,
): UserFacingClusterConfig {
  const sections = Object.entries(change).map(([key, value]) => {
    const before = current[key as keyof UserFacingClusterConfig];
    return [
      key,
      typeof value === "object" ? { ...(before as object | undefined), ...value } : value,
    ] as const;
  });
  const merged: UserFacingClusterConfig = { ...current, ...Object.fromEntries(sections) };
  if (!merged.annotations) return merged;
  const kept = Object.entries(merged.annotations).filter(([, value]) => value !== "-");
  return { ...merged, annotations: Object.fromEntries(kept) };
}

function refuseProblems(
  { identity: { settings } }: ControlPlane,
  current: UserFacingClusterConfig,
  merged: UserFacingClusterConfig,
) {
  const before = resolveClusterConfig(current, settings);
  const after = resolveClusterConfig(merged, settings);
  const problems = [
    ...problemsOfDnsSection(merged.dns ?? {}, settings.serviceCidr),
    ...fixed("dns.cluster-domain", before.dns?.["cluster-domain"], after.dns?.["cluster-domain"]),
    ...fixed("dns.service-ip", before.dns?.["service-ip"], after.dns?.["service-ip"]),
    ...fixed("cloud-provider", before["cloud-provider"], after["cloud-provider"]),
    ...fixed("network.enabled", before.network?.enabled, after.network?.enabled),
  ];
  if (problems.length > 0) throw new ApiError(400, `invalid configuration: ${problems.join("; ")}`);
}

/** What every node was told at its join cannot change under it yet. */
function fixed(key: string, before: unknown, after: unknown): string[] {
  return before === after
    ? []
    : [
        `prevented update of ${key}: value cannot change after bootstrap in this version (it is ${JSON.stringify(before)})`,
      ];
}

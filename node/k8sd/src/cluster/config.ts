/** Reading and changing the cluster's configuration: merged key by key, checked as a whole, then made true. */
import type {
  DatastoreConfig,
  GetClusterConfigResponse,
  SetClusterConfigRequest,
  UserFacingClusterConfig,
} from "@cantrip/metadata/k8sd";
import { ApiError, messageOf } from "../base/errors.ts";
import { log } from "../base/log.ts";
import type { ControlPlane } from "./control-plane.ts";
import {
  changed,
  checkSameCluster,
  problemsOfConnection,
  readConnection,
  type Connection,
} from "./datastore.ts";
import { ASK_AGAIN_PATH, CONNECTION_PATH } from "./joining.ts";
import { callPeer, ownTls } from "./peer.ts";
import { problemsOfDnsSection, resolveClusterConfig } from "./settings.ts";

export async function getClusterConfig(plane: ControlPlane): Promise<GetClusterConfigResponse> {
  const { settings } = plane.identity;
  const status = resolveClusterConfig(await plane.store.config(), settings);
  return {
    status,
    datastore: await datastoreConfig(plane),
    "pod-cidr": settings.podCidr,
    "service-cidr": settings.serviceCidr,
  };
}

export async function setClusterConfig(
  plane: ControlPlane,
  { config = {}, datastore }: SetClusterConfigRequest,
): Promise<void> {
  // Before anything is changed: what is refused leaves the datastore as it was, too.
  // With servers alone nothing is asked: those that the store lies on may be gone.
  if (Object.keys(config).length > 0) {
    const before = await plane.store.config();
    refuseProblems(plane, before, mergeConfig(before, config));
  }
  if (datastore) await setDatastore(plane, datastore);
  await plane.store.update<UserFacingClusterConfig>("config", (current = {}) => {
    const merged = mergeConfig(current, config);
    refuseProblems(plane, current, merged);
    return merged;
  });
  plane.features.wake();
  void tellNodes(plane);
}

/** Best effort, so that nobody waits: every node asks by itself from time to time, and control planes follow the store. */
async function tellNodes({ paths, store, identity }: ControlPlane): Promise<void> {
  try {
    const tls = await ownTls(paths);
    const workers = (await store.nodes()).filter(
      ({ role, state }) => role === "worker" && state === "joined",
    );
    const calls = workers.map(({ address }) =>
      callPeer({ address: `${address}:6400`, tls, path: ASK_AGAIN_PATH, body: {}, timeoutMs: 5_000 }),
    );
    for (const { reason } of (await Promise.allSettled(calls)).filter(
      ({ status }) => status === "rejected",
    ) as PromiseRejectedResult[])
      log.debug(`not told of the new configuration: ${messageOf(reason)}`);
  } catch (error) {
    log.debug(`${identity.name} told nobody of the new configuration: ${messageOf(error)}`);
  }
}

/** The client's private key is left out: it is of no use to anyone who asks, and a secret. */
async function datastoreConfig({ paths, identity }: ControlPlane): Promise<DatastoreConfig> {
  if (identity.datastore.type === "etcd") return { type: "etcd" };
  const { servers, ca, cert } = await readConnection(paths, identity);
  return {
    type: "external",
    servers: [...servers],
    ...(ca && { "ca-crt": ca }),
    ...(cert && { "client-crt": cert }),
  };
}

/** Checked against the new servers first; then every control plane takes the connection, this one last. */
async function setDatastore(plane: ControlPlane, change: DatastoreConfig): Promise<void> {
  const { type } = plane.identity.datastore;
  if (change.type && change.type !== type)
    throw new ApiError(
      400,
      `failed to parse datastore config: type must be "${type}" but is "${change.type}"`,
    );
  const { type: _type, ...rest } = change;
  if (Object.keys(rest).length === 0) return;
  if (type === "etcd")
    throw new ApiError(400, "failed to parse datastore config: a managed etcd has no servers to set");
  const connection = changed(await readConnection(plane.paths, plane.identity), rest);
  const problems = problemsOfConnection(connection);
  if (problems.length > 0)
    throw new ApiError(400, `failed to parse datastore config: ${problems.join("; ")}`);
  await checkSameCluster(connection, plane.identity);
  const failures = await tellOthers(plane, connection);
  await plane.takeConnection(connection);
  if (failures.length > 0)
    throw new ApiError(
      500,
      `the datastore was changed here, but not on every control plane: ${failures.join("; ")}; send it again when they answer`,
    );
}

async function tellOthers({ paths, identity }: ControlPlane, connection: Connection): Promise<string[]> {
  const tls = await ownTls(paths);
  const others = identity.peers.filter((peer) => peer !== `${identity.address}:6400`);
  const calls = others.map(async (address) => {
    try {
      await callPeer({ address, tls, path: CONNECTION_PATH, body: connection, timeoutMs: 30_000 });
      return [];
    } catch (error) {
      return [messageOf(error)];
    }
  });
  return (await Promise.all(calls)).flat();
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
    // A Service keeps its address for life.
    ...(before.dns?.enabled && after.dns?.enabled
      ? fixed("dns.service-ip", before.dns["service-ip"], after.dns["service-ip"])
      : []),
  ];
  if (problems.length > 0) throw new ApiError(400, `invalid configuration: ${problems.join("; ")}`);
}

function fixed(key: string, before: unknown, after: unknown): string[] {
  return before === after
    ? []
    : [
        `prevented update of ${key}: value cannot change while dns is enabled (it is ${JSON.stringify(before)}): disable dns first`,
      ];
}

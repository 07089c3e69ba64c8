/** Status as measured now. It answers in every state: what cannot be asked is said to be unknown, with the reason. */
import {
  FEATURES,
  type ClusterStatus,
  type DatastoreRole,
  type FeatureName,
  type FeatureStatus,
  type NodeStatus,
} from "@cantrip/metadata/k8sd";
import { messageOf } from "../base/errors.ts";
import { isReady, type NodeObject } from "../kube/client.ts";
import { featureNamed } from "../features/registry.ts";
import type { FeatureContext } from "../features/feature.ts";
import { problemsOfEtcd } from "./maintenance.ts";
import { resolveClusterConfig } from "./settings.ts";
import type { ControlPlane } from "./control-plane.ts";

const BOUND_MS = 4_000;

export async function clusterStatus(plane: ControlPlane): Promise<ClusterStatus> {
  const { identity } = plane;
  const [config, members, datastore, nodes] = await Promise.all([
    plane.config(),
    membersOf(plane),
    datastoreStatus(plane),
    attempt(plane.kube.list<NodeObject>("/api/v1/nodes")),
  ]);
  const resolved = resolveClusterConfig(config, identity.settings);
  const features = await featuresOf(plane, { config: resolved, nodes });
  const ready =
    nodes.value?.some(isReady) === true &&
    (resolved.dns?.enabled !== true || (await plane.dnsAddressMatches()));
  const { annotations: _annotations, ...shown } = resolved;
  return {
    ...(ready && { ready }),
    members,
    config: shown,
    datastore,
    ...features,
  };
}

interface Attempt<T> {
  readonly value?: T;
  readonly error?: string;
}

async function attempt<T>(promise: Promise<T>): Promise<Attempt<T>> {
  const { promise: bound, resolve } = Promise.withResolvers<Attempt<T>>();
  const timer = setTimeout(() => resolve({ error: `no answer within ${BOUND_MS / 1000} s` }), BOUND_MS);
  const asked = promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error: messageOf(error) }),
  );
  return Promise.race([asked, bound]).finally(() => clearTimeout(timer));
}

async function membersOf(plane: ControlPlane): Promise<NodeStatus[]> {
  const { identity } = plane;
  const isManaged = identity.datastore.type === "etcd";
  const { value: members } = isManaged ? await attempt(plane.etcd.members()) : {};
  const rows = (await attempt(plane.store.nodes())).value ?? [];
  const planes = rows.filter(({ role }) => role === "control-plane");
  const known = planes.length > 0 ? planes : [{ name: identity.name, address: identity.address }];
  return known.map(({ name, address }) => ({
    name,
    address: `${address}:6400`,
    "cluster-role": "control-plane",
    // Others look after the members of an external datastore: to it every control plane is alike.
    "datastore-role": isManaged ? datastoreRole(members, name) : "voter",
  }));
}

async function datastoreStatus({ etcd, identity }: ControlPlane): Promise<ClusterStatus["datastore"]> {
  const { datastore } = identity;
  if (datastore.type === "external") return { type: datastore.type, servers: [...datastore.servers] };
  const { value, error } = await attempt(problemsOfEtcd(etcd));
  const problems = value ?? [`it does not answer: ${error}`];
  return { type: datastore.type, ...(problems.length > 0 && { problems }) };
}

/** Of this node alone. */
export async function ownDatastoreRole({ etcd, identity }: ControlPlane): Promise<DatastoreRole> {
  if (identity.datastore.type === "external") return "voter";
  return datastoreRole((await attempt(etcd.members())).value, identity.name);
}

/** The role in etcd, in the words of the API: a learner is not a voter yet. */
export function datastoreRole(
  members: readonly { name: string; isLearner: boolean }[] | undefined,
  name: string,
): DatastoreRole {
  const member = members?.find((candidate) => candidate.name === name);
  return member === undefined ? "unknown" : member.isLearner ? "PENDING" : "voter";
}

async function featuresOf(
  plane: ControlPlane,
  facts: { config: FeatureContext["config"]; nodes: Attempt<NodeObject[]> },
) {
  const entries = FEATURES.map(async (name) => [name, await featureStatus(plane, name, facts)] as const);
  return Object.fromEntries(await Promise.all(entries)) as Record<FeatureName, FeatureStatus>;
}

async function featureStatus(
  plane: ControlPlane,
  name: FeatureName,
  { config, nodes }: { config: FeatureContext["config"]; nodes: Attempt<NodeObject[]> },
): Promise<FeatureStatus> {
  if (!nodes.value) return { enabled: false, message: `unknown: ${nodes.error}` };
  const context = await plane.featureContext(config, nodes.value);
  const { value, error } = await attempt(featureNamed(name).measure(context));
  const status = value ?? { enabled: false, message: `unknown: ${error}` };
  const complaint = plane.features.complaints.get(name);
  const message = complaint && !status.enabled ? `${status.message}; ${complaint}` : (status.message ?? "");
  return { ...status, message, "updated-at": new Date().toISOString() };
}

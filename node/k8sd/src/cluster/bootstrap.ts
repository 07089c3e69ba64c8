/**
 * Bootstrap of the first control plane. Every step may be repeated: a daemon that was killed in the middle runs the
 * same steps again from the journal, and finds what it had made.
 */
import { mkdir } from "node:fs/promises";
import type { BootstrapConfig } from "@cantrip/metadata/k8sd";
import { Unreachable } from "../base/https.ts";
import { log } from "../base/log.ts";
import type { Identity } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { until } from "../base/until.ts";
import { etcdClient } from "../etcd/client.ts";
import { adminRights, nodeRights, revocationPolicy } from "../features/access.ts";
import { kubeClient, type KubeClient } from "../kube/client.ts";
import { firstNodeRange } from "../network/plan.ts";
import { linkOf } from "../network/link.ts";
import { writeCniConfig } from "../network/cni.ts";
import { controlPlaneDefaults } from "../node/components.ts";
import { importImages } from "../node/containerd.ts";
import { start, wantedServices } from "../node/services.ts";
import { makeEncryptionConfig } from "../pki/encryption.ts";
import { adminGroup, FIRST_ADMINS } from "../pki/admins.ts";
import { ensureControlPlanePki } from "../pki/cluster.ts";
import { controlPlaneLeaves } from "../pki/leaves.ts";
import { writeSuppliedAuthorities, writeSuppliedLeaves } from "../pki/supplied.ts";
import { prepareContainerd, prepareNode } from "./prepare.ts";
import { claimExternal, connectionOf, writeConnection } from "./datastore.ts";
import { Store, type NodeRow } from "./store.ts";

export interface Progress {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  step(name: string): void;
}

interface BootstrapTask {
  readonly config: BootstrapConfig;
  /** Called once there is an API: network and features come up while the rest of the bootstrap goes on. */
  started(identity: Identity): Promise<void>;
}

export async function bootstrap(
  paths: Paths,
  identity: Identity,
  task: BootstrapTask,
  progress: Progress,
): Promise<Identity> {
  const { config } = task;
  const { settings } = identity;
  const subjects = { ...identity, adminGroup: adminGroup(FIRST_ADMINS) };
  await writeSuppliedAuthorities(paths, config);
  await writeSuppliedLeaves(paths, config, controlPlaneLeaves(subjects));
  await makeEncryptionConfig(paths);
  // Which of its files there are, the API server's arguments say.
  if (identity.datastore.type === "external") await writeConnection(paths, connectionOf(config));
  const defaults = controlPlaneDefaults(paths, identity);
  progress.step("starting containerd");
  await prepareContainerd(paths, config, defaults);
  await start("containerd");
  progress.step("making certificates");
  await ensureControlPlanePki(paths, subjects);
  progress.step("writing configuration");
  await prepareNode(paths, identity, config, defaults);
  if (identity.datastore.type === "etcd") await mkdir(paths.etcdData, { recursive: true, mode: 0o700 });
  // The first node's range is known: with it in place the kubelet is Ready at its first word.
  const mtu = linkOf(identity.address)?.mtu;
  if (settings.networkEnabled && mtu) await writeCniConfig(paths, firstNodeRange(settings.podCidr), mtu);
  return startControlPlane(paths, identity, task, progress);
}

/** etcd, the API server and the images side by side; the rest as soon as there is an API to talk to. */
async function startControlPlane(
  paths: Paths,
  identity: Identity,
  task: BootstrapTask,
  progress: Progress,
): Promise<Identity> {
  const waiting = { timeoutMs: progress.timeoutMs, intervalMs: 30, signal: progress.signal };
  const isManaged = identity.datastore.type === "etcd";
  progress.step(`starting ${isManaged ? "etcd and " : ""}the API server`);
  // Nothing is written to a datastore of others before it is known to be free.
  if (isManaged) await start("etcd", "kube-apiserver");
  const images = importImages(paths, progress.signal);
  images.catch(() => undefined);
  const memberId = await claimDatastore(paths, identity, task.config, waiting);
  if (!isManaged) await start("kube-apiserver");
  const kube = await kubeClient(paths, identity.settings.securePort, "k8sd-client");
  try {
    progress.step("waiting for the API server to answer");
    await until("the API server answers", () => kube.answers(), waiting);
    await start("kubelet");
    progress.step("waiting for the API server to be ready");
    await until("the API server is ready", () => kube.isReady(), waiting);
    progress.step("starting the other services");
    await start(...wantedServices(identity));
    await task.started(identity);
    const objects = [...adminRights(FIRST_ADMINS), ...nodeRights(), ...revocationPolicy()];
    await Promise.all(objects.map((object) => applyPatiently(kube, object, waiting)));
    progress.step("importing images");
    await images;
  } finally {
    kube.close();
  }
  return { ...identity, ...(memberId && { memberId }) };
}

/** Asked again while there is no answer: on a slow machine a fresh API server takes longer than a request waits. */
async function applyPatiently(
  kube: KubeClient,
  object: Parameters<KubeClient["apply"]>[0],
  waiting: Waiting,
) {
  const attempt = () =>
    kube.apply(object).catch((error: unknown) => {
      if (error instanceof Unreachable) throw error;
      return error as Error;
    });
  const answer = await until(`the API server takes ${object.kind} ${object.metadata.name}`, attempt, waiting);
  if (answer instanceof Error) throw answer;
}

interface Waiting {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

async function claimDatastore(
  paths: Paths,
  identity: Identity,
  config: BootstrapConfig,
  waiting: Waiting,
): Promise<string | undefined> {
  const { name, role, address, credential, clusterId } = identity;
  const etcd = await etcdClient(paths, identity);
  try {
    await until("etcd is healthy", () => etcd.isHealthy(), { ...waiting, intervalMs: 30 });
    if (identity.datastore.type === "external") await claimExternal(etcd, identity);
    const store = new Store(etcd, clusterId);
    await store.claim(name);
    const row: NodeRow = { name, role, address, credential, state: "joined" };
    await store.update("config", (current) =>
      current === undefined ? (config["cluster-config"] ?? {}) : undefined,
    );
    await store.update<NodeRow>(store.nodeKey(name), () => row);
    if (identity.datastore.type === "external") return undefined;
    const member = (await etcd.members()).find((candidate) => candidate.name === name);
    log.info(`etcd is healthy, this node is member ${member?.id}`);
    return member?.id;
  } finally {
    etcd.close();
  }
}

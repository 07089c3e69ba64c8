/** A node's join, as a worker or as a further control plane: admission, services, confirmation. */
import { now } from "../base/clock.ts";
import { ApiError } from "../base/errors.ts";
import type { JoinConfig, Identity } from "../base/identity.ts";
import type { Paths } from "../base/paths.ts";
import { until } from "../base/until.ts";
import { kubeClient, type NodeObject } from "../kube/client.ts";
import { controlPlaneDefaults, workerDefaults } from "../node/components.ts";
import { importImages } from "../node/containerd.ts";
import { start, wantedServices } from "../node/services.ts";
import { adminGroup, FIRST_ADMINS } from "../pki/admins.ts";
import { ensureControlPlanePki, readAuthorityCertificates } from "../pki/cluster.ts";
import { sharedLeafFiles } from "../pki/shared-files.ts";
import { leavesOf } from "../pki/status.ts";
import { problemsOfLeaves, suppliedAmong, writeSuppliedLeaves } from "../pki/supplied.ts";
import { beAdmitted, confirm, noteAdmission } from "./admission.ts";
import type { Progress } from "./bootstrap.ts";
import { becomeMember } from "./membership.ts";
import { checkAgainstCluster } from "./preflight.ts";
import { changesFor, prepareContainerd, prepareNode } from "./prepare.ts";

interface JoinTask {
  readonly token: string;
  readonly config: JoinConfig;
  /** Called once the node runs, before it is confirmed: its network must come up for it to become Ready. */
  started(identity: Identity): Promise<void>;
}

export async function joinCluster(
  paths: Paths,
  begun: Identity,
  task: JoinTask,
  progress: Progress,
): Promise<Identity> {
  const admitted = begun.clusterId === "" ? await enter(paths, begun, task, progress) : begun;
  const run = admitted.role === "worker" ? startWorker : startControlPlane;
  const identity = await run(paths, admitted, task, progress);
  progress.step("confirming the join");
  await confirm(paths, identity, progress);
  return identity;
}

const defaultsFor = (paths: Paths, identity: Identity) =>
  identity.role === "worker" ? workerDefaults(paths, identity) : controlPlaneDefaults(paths, identity);

/** Until everything that this node reads is written: then the token is needed no more. */
async function enter(paths: Paths, begun: Identity, task: JoinTask, progress: Progress): Promise<Identity> {
  progress.step("starting containerd");
  // Its arguments follow from this machine alone: it starts while a control plane is asked.
  await prepareContainerd(paths, task.config, defaultsFor(paths, begun));
  await start("containerd");
  const admitted = await beAdmitted(paths, begun, task, progress);
  await checkAgainstCluster(admitted);
  progress.step("making certificates");
  const identity = await takeSupplied(paths, admitted, task.config);
  // An older generation of administrators is made good by the running control plane.
  if (identity.role === "control-plane")
    await ensureControlPlanePki(paths, { ...identity, adminGroup: adminGroup(FIRST_ADMINS) });
  progress.step("writing configuration");
  await prepareNode(paths, identity, task.config, defaultsFor(paths, identity));
  await noteAdmission(paths, identity);
  return identity;
}

/** What the operator brings along, once it is known which authorities it has to fit. @throws ApiError 400 */
async function takeSupplied(paths: Paths, identity: Identity, config: JoinConfig): Promise<Identity> {
  const leaves = leavesOf(identity);
  const shared = identity.role === "control-plane" ? sharedLeafFiles(identity) : [];
  const problems = problemsOfLeaves(config, {
    leaves,
    node: identity,
    authorities: await readAuthorityCertificates(paths, identity),
    external: identity.externalAuthorities,
    shared,
    now: now(),
  });
  if (problems.length > 0) throw new ApiError(400, `invalid join configuration: ${problems.join("; ")}`);
  await writeSuppliedLeaves(paths, config, leaves);
  const fromOthers = leaves.filter(({ file }) => shared.includes(file)).map(({ name }) => name);
  return { ...identity, supplied: [...suppliedAmong(config, leaves), ...fromOthers] };
}

async function startWorker(paths: Paths, identity: Identity, task: JoinTask, progress: Progress) {
  progress.step("starting services");
  await start(...wantedServices(identity));
  await task.started(identity);
  await importImages(paths, progress.signal);
  await untilRegistered(paths, identity, "k8sd-node-client", progress);
  return identity;
}

async function startControlPlane(paths: Paths, identity: Identity, task: JoinTask, progress: Progress) {
  const images = importImages(paths, progress.signal);
  images.catch(() => undefined);
  const member =
    identity.datastore.type === "etcd"
      ? await becomeMember(paths, identity, changesFor(task.config, "etcd"), progress)
      : identity;
  progress.step("starting services");
  await start(...wantedServices(member));
  await task.started(member);
  progress.step("waiting for the API server to be ready");
  const kube = await kubeClient(paths, member.settings.securePort, "k8sd-client");
  const waiting = { timeoutMs: progress.timeoutMs, intervalMs: 50, signal: progress.signal };
  try {
    await until("the API server is ready", () => kube.isReady(), waiting);
  } finally {
    kube.close();
  }
  await untilRegistered(paths, member, "k8sd-client", progress);
  progress.step("importing images");
  await images;
  return member;
}

async function untilRegistered(
  paths: Paths,
  { name, settings }: Identity,
  credential: string,
  progress: Progress,
) {
  progress.step("waiting for the kubelet to register this node");
  const kube = await kubeClient(paths, settings.securePort, credential);
  const waiting = { timeoutMs: progress.timeoutMs, intervalMs: 100, signal: progress.signal };
  try {
    await until(
      "the kubelet has registered this node",
      () => kube.find<NodeObject>(`/api/v1/nodes/${name}`),
      waiting,
    );
  } finally {
    kube.close();
  }
}

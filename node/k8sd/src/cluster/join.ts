/**
 * A worker's side of its join. Its keys are born here and stay here; the same keys are found again by a repetition, so
 * that a join which was cut off at any point is one and the same join.
 */
import { join as joinPath } from "node:path";
import type { WorkerJoinConfig } from "@cantrip/metadata/k8sd";
import { ApiError, messageOf } from "../base/errors.ts";
import { readIfExists, writeAtomically } from "../base/files.ts";
import { Unreachable } from "../base/https.ts";
import { saveIdentity, type Identity } from "../base/identity.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";
import { until } from "../base/until.ts";
import { kubeClient, type NodeObject } from "../kube/client.ts";
import { endpointsFile, workerDefaults } from "../node/components.ts";
import { importImages } from "../node/containerd.ts";
import { readManifest } from "../node/package.ts";
import { start } from "../node/services.ts";
import { newKey, requestFor } from "../pki/certificates.ts";
import type { Progress } from "./bootstrap.ts";
import {
  JOINED_PATH,
  JOIN_PATH,
  WORKER_REQUESTS,
  type AdmitReply,
  type AdmitRequest,
  type WorkerRequest,
} from "./joining.ts";
import { authorityOf, callPeer, ownTls } from "./peer.ts";
import { prepareContainerd, prepareNode, wantedServices } from "./prepare.ts";
import { decodeToken, type JoinToken } from "./tokens.ts";

interface JoinTask {
  readonly token: string;
  readonly config: WorkerJoinConfig;
  /** Called once the node runs, before it is confirmed: its network must come up for it to become Ready. */
  started(identity: Identity): Promise<void>;
}

export async function joinAsWorker(
  paths: Paths,
  begun: Identity,
  task: JoinTask,
  progress: Progress,
): Promise<Identity> {
  // Once the answer is on disk the token may be used up: a repetition goes on from there and never asks again.
  const identity = begun.clusterId === "" ? await beAdmitted(paths, begun, task, progress) : begun;
  progress.step("starting services");
  await startWorker(paths, identity, task, progress);
  progress.step("confirming the join");
  await confirm(paths, identity, progress);
  return identity;
}

async function beAdmitted(
  paths: Paths,
  begun: Identity,
  task: JoinTask,
  progress: Progress,
): Promise<Identity> {
  const token = decodeToken(task.token);
  progress.step("starting containerd");
  // Its arguments follow from this machine alone: it starts while the control plane is asked.
  await prepareContainerd(paths, task.config, workerDefaults(paths, begun));
  await start("containerd");
  progress.step("making keys and certificate requests");
  const requests = await ensureRequests(paths, begun.name);
  progress.step("asking the control plane");
  const reply = await ask(paths, begun, token, requests, progress);
  const { clusterId, credential, generation, settings, peers } = reply;
  const identity: Identity = { ...begun, clusterId, credential, generation, settings, peers };
  progress.step("writing certificates and configuration");
  await writeReply(paths, reply);
  await prepareNode(paths, identity, nodeConfig(task, reply), workerDefaults(paths, identity));
  await saveIdentity(paths.identity, identity);
  return identity;
}

const nodeConfig = ({ config }: JoinTask, { cloudProvider }: AdmitReply) =>
  cloudProvider ? { ...config, "cluster-config": { "cloud-provider": cloudProvider } } : config;

const keyFile = (paths: Paths, request: WorkerRequest) =>
  request === "k8sd" ? joinPath(paths.certificates, "server.key") : joinPath(paths.pki, `${request}.key`);
const certificateFile = (paths: Paths, request: WorkerRequest) =>
  keyFile(paths, request).replace(/\.key$/, ".crt");

async function ensureRequests(paths: Paths, name: string): Promise<AdmitRequest["requests"]> {
  const entries = WORKER_REQUESTS.map(async (request) => {
    const path = keyFile(paths, request);
    const key = (await readIfExists(path)) ?? newKey();
    await writeAtomically(path, key);
    return [request, await requestFor(key, `${request}:${name}`)] as const;
  });
  return Object.fromEntries(await Promise.all(entries)) as AdmitRequest["requests"];
}

/** Asks each control plane in turn until one decides; one that is away or not ready is asked again. */
async function ask(
  paths: Paths,
  { name, address }: Identity,
  token: JoinToken,
  requests: AdmitRequest["requests"],
  progress: Progress,
): Promise<AdmitReply> {
  const { version } = await readManifest(paths.package);
  const body: AdmitRequest = { name, address, secret: token.secret, version, requests };
  let refusal: unknown;
  const attempt = async (): Promise<AdmitReply | undefined> => {
    for (const peer of token.addresses) {
      try {
        const ca = await authorityOf(peer, token.fingerprint);
        return await callPeer<AdmitReply>({
          address: peer,
          tls: { ca },
          path: JOIN_PATH,
          body,
          timeoutMs: 20_000,
        });
      } catch (error) {
        if (!isTemporary(error)) refusal = error;
        log.warning(`join: ${messageOf(error)}`);
        if (refusal === undefined && peer === token.addresses.at(-1)) throw error;
      }
    }
    return undefined;
  };
  const wait = { timeoutMs: progress.timeoutMs, intervalMs: 500, signal: progress.signal };
  const reply = await until(
    "a control plane admits this node",
    async () => (await attempt()) ?? (refusal ? "refused" : undefined),
    wait,
  );
  if (reply === "refused") throw refusal;
  return reply;
}

const isTemporary = (error: unknown) =>
  error instanceof Unreachable || (error instanceof ApiError && error.code >= 500);

/** The authority of the daemons last: a complete set is there once it is. */
async function writeReply(paths: Paths, reply: AdmitReply): Promise<void> {
  await Promise.all([
    writeAtomically(joinPath(paths.pki, "ca.crt"), reply.ca),
    writeAtomically(joinPath(paths.pki, "client-ca.crt"), reply.clientCa),
    ...WORKER_REQUESTS.map((request) =>
      writeAtomically(certificateFile(paths, request), reply.certificates[request]),
    ),
    writeAtomically(endpointsFile(paths), `${JSON.stringify({ endpoints: reply.apiServers })}\n`),
  ]);
  await writeAtomically(joinPath(paths.certificates, "ca.crt"), reply.k8sdCa);
}

async function startWorker(
  paths: Paths,
  identity: Identity,
  task: JoinTask,
  progress: Progress,
): Promise<void> {
  await start(...wantedServices(identity));
  await task.started(identity);
  await importImages(paths, progress.signal);
  const kube = await kubeClient(paths, identity.settings.securePort, "k8sd-node-client");
  try {
    const registered = () => kube.find<NodeObject>(`/api/v1/nodes/${identity.name}`);
    await until("the kubelet has registered this node", registered, {
      timeoutMs: progress.timeoutMs,
      intervalMs: 100,
      signal: progress.signal,
    });
  } finally {
    kube.close();
  }
}

async function confirm(paths: Paths, { peers }: Identity, progress: Progress): Promise<void> {
  const tls = await ownTls(paths);
  const say = async () => {
    for (const [index, address] of peers.entries()) {
      try {
        await callPeer({ address, tls, path: JOINED_PATH, body: {}, timeoutMs: 10_000 });
        return true;
      } catch (error) {
        if (index === peers.length - 1) throw error;
      }
    }
    return false;
  };
  await until("a control plane notes the join", say, {
    timeoutMs: progress.timeoutMs,
    intervalMs: 500,
    signal: progress.signal,
  });
}

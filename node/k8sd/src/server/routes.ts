/** The REST API (spec k8sd 3): one line of registration per endpoint, its work in the cluster's modules. */
import { randomInt } from "node:crypto";
import {
  anything,
  authTokenRequestSchema,
  bootstrapRequestSchema,
  certificatesUpdateSchema,
  ENDPOINTS,
  joinRequestSchema,
  kubeconfigRequestSchema,
  milliseconds,
  object,
  refreshPlanRequestSchema,
  refreshRunRequestSchema,
  recoverRequestSchema,
  removeRequestSchema,
  restoreRequestSchema,
  revokeTokenRequestSchema,
  setClusterConfigRequestSchema,
  tokenRequestSchema,
  text,
  type BootstrapRequest,
  type Empty,
  type GetNodeStatusResponse,
  type JoinRequest,
  type RefreshPlanResponse,
  type RefreshRunRequest,
  type RefreshRunResponse,
  type RemoveRequest,
  type TokenRequest,
} from "@cantrip/metadata/k8sd";
import { ApiError, messageOf, notImplemented } from "../base/errors.ts";
import { Unreachable } from "../base/https.ts";
import { abandon, admit, confirmJoined, membershipOf, renew } from "../cluster/admit.ts";
import { AuthTokens, reviewToken } from "../cluster/auth-tokens.ts";
import { setClusterConfig, getClusterConfig } from "../cluster/config.ts";
import type { ControlPlane } from "../cluster/control-plane.ts";
import type { Daemon } from "../cluster/daemon.ts";
import { parseJoinConfig } from "../cluster/documents.ts";
import {
  ABANDON_PATH,
  abandonRequestSchema,
  admitRequestSchema,
  ASK_AGAIN_PATH,
  CONNECTION_PATH,
  connectionSchema,
  JOINED_PATH,
  JOIN_PATH,
  LEAVE_PATH,
  MEMBER_PATH,
  RENEW_PATH,
  renewRequestSchema,
  REPORT_PATH,
  reportSchema,
  STATE_PATH,
  TIMERS_PATH,
} from "../cluster/joining.ts";
import { takeTimersOfSeveral } from "../cluster/membership.ts";
import { callPeer, ownTls } from "../cluster/peer.ts";
import { datastoreState } from "../cluster/recovery.ts";
import { removeNode } from "../cluster/remove.ts";
import { checkNodeName } from "../cluster/settings.ts";
import { clusterStatus, ownDatastoreRole } from "../cluster/status.ts";
import { decodeToken, Tokens } from "../cluster/tokens.ts";
import { workerInfo, workerInfoRequestSchema } from "../cluster/worker-info.ts";
import { readArguments } from "../node/arguments.ts";
import { readManifest } from "../node/package.ts";
import { adminKubeconfig } from "../node/kubeconfigs.ts";
import { firstExpiry, selected } from "../pki/refresh.ts";
import { certificatesStatus } from "../pki/status.ts";
import { Router, type Caller, type NodeCaller } from "./router.ts";

const PREFIX = "/1.0/";
const anyone = () => true;
const nodeDaemon = ({ kind }: Caller) => kind === "worker" || kind === "control-plane";
const local = ({ kind }: Caller) => kind === "local";
const controlPlaneDaemon = ({ kind }: Caller) => kind === "control-plane";

/** Named, so that a client learns that this is a matter of the version, not of its spelling. */
const NOT_YET = [
  ["POST", "x/capi/generate-join-token"],
  ["POST", "x/capi/remove-node"],
  ["POST", "x/capi/set-auth-token"],
  ["POST", "x/capi/certificates-expiry"],
  ["POST", "x/capi/refresh-certs/plan"],
  ["POST", "x/capi/refresh-certs/run"],
  ["POST", "x/capi/refresh-certs/approve"],
  ["POST", "snap/refresh"],
  ["POST", "snap/refresh-status"],
] as const;

/** What the reference's daemons say to each other, mostly about a database that this one does not have. */
const CLUSTERING = [
  ["GET", "/core/1.0/cluster"],
  ["DELETE", "/core/1.0/cluster/<name>"],
  ["GET", "/core/1.0/daemon"],
  ["DELETE", "/core/1.0/tokens/<name>"],
  ["PUT", "/core/1.0/certificates/<name>"],
  ["GET", "/core/control/tokens"],
  ["POST", "/core/control/tokens"],
  ["POST", "/core/control"],
  ["POST", "/core/control/shutdown"],
  ["POST", "/core/internal/cluster"],
  ["PUT", "/core/internal/cluster/<name>"],
  ["POST", "/core/internal/heartbeat"],
  ["POST", "/core/internal/truststore"],
  ["DELETE", "/core/internal/truststore/<name>"],
  ["POST", "/core/internal/hooks/<name>"],
  ["POST", "/core/internal/sql"],
  ["GET", "/core/internal/database"],
] as const;

export function routes(daemon: Daemon): Router {
  const router = new Router();
  const at = (path: string) => PREFIX + path;
  router.add({ method: "GET", path: "/", for: anyone, handle: () => ["/1.0"] });
  router.add({ method: "GET", path: "/core/1.0/ready", handle: () => ({}) });
  router.add({ method: "GET", path: "/core/1.0", for: anyone, handle: () => daemonFacts(daemon) });
  router.add({
    method: "GET",
    path: at("k8sd/cluster"),
    handle: async () => ({ status: await clusterStatus(daemon.controlPlane()) }),
  });
  router.add({
    method: "POST",
    path: at("k8sd/cluster"),
    body: bootstrapRequestSchema,
    handle: (body) => bootstrap(daemon, body),
  });
  router.add({
    method: "POST",
    path: at("k8sd/cluster/join"),
    body: joinRequestSchema,
    handle: (body) => join(daemon, body),
  });
  router.add({
    method: "POST",
    path: at("k8sd/cluster/tokens"),
    body: tokenRequestSchema,
    handle: (body) => issueToken(daemon.controlPlane(), body),
  });
  router.add({
    method: "POST",
    path: at("k8sd/cluster/remove"),
    body: removeRequestSchema,
    handle: (body) => remove(daemon, body),
  });
  router.add({
    method: "GET",
    path: at("k8sd/cluster/config"),
    handle: () => getClusterConfig(daemon.controlPlane()),
  });
  router.add({
    method: "PUT",
    path: at("k8sd/cluster/config"),
    body: setClusterConfigRequestSchema,
    handle: (body) => setClusterConfig(daemon.controlPlane(), body),
  });
  router.add({ method: "GET", path: at(ENDPOINTS.getNodeStatus.path), handle: () => nodeStatus(daemon) });
  router.add({
    method: "POST",
    path: at("k8sd/worker/info"),
    for: anyone,
    body: workerInfoRequestSchema,
    handle: ({ address }, _, headers) => workerInfo(daemon.controlPlane(), headers, address),
  });
  router.add({
    method: "GET",
    path: at("k8sd/kubeconfig"),
    body: kubeconfigRequestSchema,
    handle: (body) => kubeconfig(daemon.controlPlane(), body.server),
  });
  router.add({
    method: "GET",
    path: at("k8sd/certs-status"),
    handle: () => certificatesStatus(daemon.paths, daemon.joined()),
  });
  router.add({
    method: "POST",
    path: at(ENDPOINTS.planRefresh.path),
    body: refreshPlanRequestSchema,
    handle: ({ certificates }) => planRefresh(daemon, certificates),
  });
  router.add({
    method: "POST",
    path: at(ENDPOINTS.runRefresh.path),
    body: refreshRunRequestSchema,
    handle: (body) => runRefresh(daemon, body),
  });
  router.add({
    method: "POST",
    path: at(ENDPOINTS.updateCertificates.path),
    body: certificatesUpdateSchema,
    handle: (body) => daemon.updateCertificates(body),
  });
  router.add({
    method: "POST",
    path: at(ENDPOINTS.revokeAdmins.path),
    handle: async () => ({ generation: await daemon.controlPlane().revokeAdmins() }),
  });
  router.add({
    method: "GET",
    path: at(ENDPOINTS.getProgress.path),
    for: local,
    handle: () => ({ operation: daemon.underWay ?? null }),
  });
  const authTokens = () => new AuthTokens(daemon.paths, daemon.controlPlane().store);
  router.add({
    method: "POST",
    path: at(ENDPOINTS.createAuthToken.path),
    body: authTokenRequestSchema,
    handle: async ({ username = "", groups = [] }) => ({ token: await authTokens().issue(username, groups) }),
  });
  router.add({
    method: "DELETE",
    path: at(ENDPOINTS.revokeAuthToken.path),
    body: revokeTokenRequestSchema,
    handle: async ({ token = "" }) => {
      await authTokens().revoke(token);
      return null;
    },
  });
  router.add({
    method: "POST",
    path: at("kubernetes/auth/webhook"),
    isRaw: true,
    body: anything(),
    handle: (body) => reviewToken(authTokens, body),
  });
  router.add({
    method: "POST",
    path: at(ENDPOINTS.restore.path),
    for: local,
    body: restoreRequestSchema,
    handle: ({ name, address, timeout }) => daemon.restore({ name, address, ...inMs(timeout) }),
  });
  router.add({
    method: "GET",
    path: at(ENDPOINTS.planRecovery.path),
    for: local,
    handle: () => daemon.planRecovery(),
  });
  router.add({
    method: "POST",
    path: at(ENDPOINTS.recover.path),
    for: local,
    body: recoverRequestSchema,
    handle: ({ timeout }) => daemon.recover(inMs(timeout).timeoutMs),
  });
  router.add({
    method: "POST",
    path: at(STATE_PATH),
    for: controlPlaneDaemon,
    body: object({}),
    handle: () => datastoreState(daemon.paths, daemon.joined()),
  });
  router.add({
    method: "POST",
    path: at(REPORT_PATH),
    for: nodeDaemon,
    body: reportSchema,
    handle: ({ networkProblems }, caller) =>
      daemon.controlPlane().reports.take((caller as NodeCaller).name, networkProblems),
  });
  router.add({
    method: "POST",
    path: at(RENEW_PATH),
    for: ({ kind }) => kind === "worker",
    body: renewRequestSchema,
    handle: (body, caller) => renew(daemon.controlPlane(), caller as NodeCaller, body),
  });
  router.add({
    method: "POST",
    path: at(JOIN_PATH),
    for: anyone,
    body: admitRequestSchema,
    handle: (body) => admit(daemon.controlPlane(), body),
  });
  router.add({
    method: "POST",
    path: at(JOINED_PATH),
    for: nodeDaemon,
    body: object({}),
    handle: (_, caller) => confirmJoined(daemon.controlPlane(), caller as NodeCaller),
  });
  router.add({
    method: "POST",
    path: at(MEMBER_PATH),
    for: nodeDaemon,
    body: object({ credential: text({ maxLength: 64 }) }, ["credential"]),
    handle: ({ credential }) => membershipOf(daemon.controlPlane(), credential),
  });
  router.add({
    method: "POST",
    path: at(ABANDON_PATH),
    for: anyone,
    body: abandonRequestSchema,
    handle: (body) => abandon(daemon.controlPlane(), body),
  });
  router.add({
    method: "POST",
    path: at(TIMERS_PATH),
    for: controlPlaneDaemon,
    body: object({}),
    handle: () => takeTimersOfSeveral(daemon.controlPlane()),
  });
  router.add({
    method: "POST",
    path: at(ASK_AGAIN_PATH),
    for: controlPlaneDaemon,
    body: object({}),
    handle: () => daemon.askAgain(),
  });
  router.add({
    method: "POST",
    path: at(CONNECTION_PATH),
    for: controlPlaneDaemon,
    body: connectionSchema,
    handle: (body) => daemon.controlPlane().takeConnection(body),
  });
  router.add({
    method: "POST",
    path: at(LEAVE_PATH),
    for: controlPlaneDaemon,
    body: object({ name: text() }),
    handle: ({ name }) => leave(daemon, name),
  });
  const missing = [...NOT_YET.map(([method, path]) => [method, at(path)] as const), ...CLUSTERING];
  for (const [method, path] of missing)
    router.add({
      method,
      path,
      for: anyone,
      handle: () => {
        throw notImplemented(`${method} ${path}`);
      },
    });
  return router;
}

const inMs = (timeout: number | undefined): { timeoutMs?: number } =>
  timeout ? { timeoutMs: milliseconds(timeout) } : {};

async function bootstrap(daemon: Daemon, { name, address, config = {}, timeout }: BootstrapRequest) {
  try {
    await daemon.bootstrap({ name, address, ...inMs(timeout) }, config);
  } catch (error) {
    if (error instanceof ApiError) throw error;
    throw new ApiError(500, `failed to bootstrap new cluster: ${messageOf(error)}`, { cause: error });
  }
  return { name, address: `${daemon.joined().address}:6400` };
}

async function join(daemon: Daemon, { name, address, token, config = "", timeout }: JoinRequest) {
  const { role } = decodeToken(token);
  try {
    await daemon.join({ name, address, token, ...inMs(timeout) }, await parseJoinConfig(role, config));
  } catch (error) {
    // 401 is the control plane's word about the token, not ours about the caller.
    if (error instanceof ApiError && error.code !== 401) throw error;
    const as = role === "worker" ? "as worker" : "as control plane";
    throw new ApiError(500, `failed to join k8sd cluster ${as}: ${messageOf(error)}`, { cause: error });
  }
}

async function issueToken(plane: ControlPlane, { name = "", worker = false, ttl = 0 }: TokenRequest) {
  checkNodeName(name);
  const node = await plane.kube.find(`/api/v1/nodes/${name}`).catch((error: unknown) => {
    throw new ApiError(
      500,
      `failed to check whether node name is available in cluster: ${messageOf(error)}`,
      { cause: error },
    );
  });
  if (node)
    throw new ApiError(400, `a node with this name is already part of the cluster: ${JSON.stringify(name)}`);
  const role = worker ? "worker" : "control-plane";
  const { peers } = plane.identity;
  return { token: await new Tokens(plane.paths, plane.store).issue(name, role, milliseconds(ttl), peers) };
}

async function remove(daemon: Daemon, request: RemoveRequest) {
  const { name, force = false, timeout } = request;
  const plane = daemon.controlPlane();
  checkNodeName(name);
  const others = (await plane.store.nodes()).filter((row) => row.name !== name);
  const row = (await plane.store.nodes()).find((candidate) => candidate.name === name);
  const isLastPlane =
    row?.role === "control-plane" &&
    !others.some(({ role, state }) => role === row.role && state === "joined");
  if (isLastPlane && others.length > 0)
    throw new ApiError(
      400,
      `Cannot remove ${name}: it is the only control plane, and the cluster still has ${others.map((other) => other.name).join(", ")}`,
    );
  if (name !== plane.identity.name) return removeNode(plane, { name, force, ...inMs(timeout) });
  if (others.length > 0) return removeFromElsewhere(plane, request);
  if (!force)
    throw new ApiError(
      400,
      `Cannot remove ${name}: it is the last node, and the cluster would be gone; use force if that is meant`,
    );
  return daemon.leave();
}

/** A control plane cannot take itself apart and stay able to tell the others: one of them does it. */
async function removeFromElsewhere({ paths, identity }: ControlPlane, request: RemoveRequest) {
  const peers = identity.peers.filter((peer) => peer !== `${identity.address}:6400`);
  const timeoutMs = 120_000 + milliseconds(request.timeout ?? 0);
  const call = { tls: await ownTls(paths), path: ENDPOINTS.remove.path, body: request, timeoutMs };
  let last: unknown = new ApiError(500, "no other control plane is known");
  for (const address of peers)
    try {
      return await callPeer<Empty>({ ...call, address });
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      last = error;
    }
  throw last;
}

async function leave(daemon: Daemon, name: string | undefined) {
  const { identity } = daemon;
  if (!identity || identity.name !== name) throw new ApiError(400, `this node is not ${name ?? "named"}`);
  await daemon.leave();
}

/** There is nothing for anyone to approve: a node's own credential says who asks for its certificates. */
function planRefresh(daemon: Daemon, certificates: readonly string[] = []): RefreshPlanResponse {
  selected(daemon.joined(), certificates);
  return { seconds: randomInt(2 ** 47), "certificate-signing-requests": null };
}

const SHORTEST_LIFE_S = 600;

async function runRefresh(daemon: Daemon, body: RefreshRunRequest): Promise<RefreshRunResponse> {
  const { certificates: names = [], "expiration-seconds": seconds = 0, "extra-sans": extraSans = [] } = body;
  if (seconds !== 0 && seconds < SHORTEST_LIFE_S)
    throw new ApiError(400, `expiration-seconds: expected ${SHORTEST_LIFE_S} or more, got ${seconds}`);
  await daemon.refreshCertificates({ names, ...(seconds > 0 && { lifetimeMs: seconds * 1000 }) }, extraSans);
  return { "expiration-seconds": await firstExpiry(daemon.paths, daemon.joined(), names) };
}

/** For anyone, as everywhere: what a daemon is called and whether it serves is no secret. */
async function daemonFacts({ paths, identity, underWay }: Daemon) {
  const { version } = await readManifest(paths.package).catch(() => ({ version: "unknown" }));
  return {
    name: identity?.name ?? "",
    address: identity ? `${identity.address}:6400` : "",
    version,
    ready: identity !== undefined && underWay === undefined,
    extensions: [],
  };
}

async function nodeStatus(daemon: Daemon): Promise<GetNodeStatusResponse> {
  const { identity } = daemon;
  if (!identity) daemon.joined();
  const { name, address, role } = identity!;
  const status = {
    name,
    address: `${address}:6400`,
    "cluster-role": daemon.underWay ? ("unknown" as const) : role,
  };
  const { "--register-with-taints": taints } = await readArguments(daemon.paths.args, "kubelet");
  const more = taints ? { taints: taints.split(",") } : {};
  if (role === "worker" || daemon.underWay) return { status, ...more };
  return { status: { ...status, "datastore-role": await ownDatastoreRole(daemon.controlPlane()) }, ...more };
}

async function kubeconfig(plane: ControlPlane, server = "") {
  const { address, settings } = plane.identity;
  const given = server === "" || /^[a-z]+:\/\//.test(server) ? server : `https://${server}`;
  return {
    kubeconfig: await adminKubeconfig(plane.paths, given || `https://${address}:${settings.securePort}`),
  };
}

/**
 * A joiner's side of its admission. Its keys are born here and stay here; the same keys are found again by a repetition,
 * so that a join which was cut off at any point is one and the same join.
 */
import { join as joinPath } from "node:path";
import { ApiError, messageOf } from "../base/errors.ts";
import { readIfExists, writeAtomically } from "../base/files.ts";
import { Unreachable } from "../base/https.ts";
import { saveIdentity, type Identity, type JoinConfig } from "../base/identity.ts";
import { log } from "../base/log.ts";
import type { Paths } from "../base/paths.ts";
import { until } from "../base/until.ts";
import { endpointsFile } from "../node/components.ts";
import { readManifest } from "../node/package.ts";
import { newKey, requestFor } from "../pki/certificates.ts";
import { open } from "../pki/sealing.ts";
import { writeSharedSecrets, type SharedSecrets } from "../pki/shared-files.ts";
import type { Progress } from "./bootstrap.ts";
import {
  ABANDON_PATH,
  CONTROL_PLANE_REQUESTS,
  JOINED_PATH,
  JOIN_PATH,
  MAY_BE_SUPPLIED,
  WORKER_REQUESTS,
  type AbandonRequest,
  type AdmitReply,
  type AdmitRequest,
  type CertificateRequestName,
} from "./joining.ts";
import { authorityOf, callPeer, ownTls } from "./peer.ts";
import { decodeToken, type JoinToken } from "./tokens.ts";

/** Longer than a control plane waits for its turn to change etcd's members, and then changes them. */
const GIVE_UP_MS = 90_000;

const keyFile = (paths: Paths, request: CertificateRequestName) =>
  request === "k8sd" ? joinPath(paths.certificates, "server.key") : joinPath(paths.pki, `${request}.key`);
const certificateFile = (paths: Paths, request: CertificateRequestName) =>
  keyFile(paths, request).replace(/\.key$/, ".crt");

/** Asks for admission, and writes everything that was answered. The identity returned says what the cluster is. */
export async function beAdmitted(
  paths: Paths,
  begun: Identity,
  { token: tokenText, config }: { readonly token: string; readonly config: JoinConfig },
  progress: Progress,
): Promise<Identity> {
  const token = decodeToken(tokenText);
  progress.step("making keys and certificate requests");
  const requests = await ensureRequests(paths, begun, config);
  progress.step("asking a control plane");
  const reply = await ask(paths, begun, token, requests, progress);
  const { clusterId, credential, generation, settings, datastore, peers } = reply;
  const { externalAuthorities } = reply;
  progress.step("writing certificates");
  await writeReply(paths, begun, reply);
  return {
    ...begun,
    clusterId,
    credential,
    generation,
    settings,
    datastore,
    externalAuthorities,
    peers,
  };
}

/** From here on the token may be used up: a repetition goes on from the identity and never asks again. */
export const noteAdmission = (paths: Paths, identity: Identity) => saveIdentity(paths.identity, identity);

/** What the operator brings along is not asked for. */
async function ensureRequests(
  paths: Paths,
  { name, role }: Identity,
  config: JoinConfig,
): Promise<AdmitRequest["requests"]> {
  const wanted = role === "worker" ? WORKER_REQUESTS : CONTROL_PLANE_REQUESTS;
  const isSupplied = (request: string) =>
    MAY_BE_SUPPLIED.has(request) && Boolean((config as Record<string, unknown>)[`${request}-crt`]);
  const entries = wanted
    .filter((request) => !isSupplied(request))
    .map(async (request) => {
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
async function writeReply(paths: Paths, { role }: Identity, reply: AdmitReply): Promise<void> {
  if (reply.sealed) {
    const key = await readIfExists(keyFile(paths, "k8sd"));
    await writeSharedSecrets(paths, reply, JSON.parse(open(key ?? "", reply.sealed)) as SharedSecrets);
  } else if (role === "control-plane")
    throw new Error("the control plane answered without what makes another one; is its version older?");
  const certificates = Object.entries(reply.certificates) as [CertificateRequestName, string][];
  await Promise.all([
    writeAtomically(joinPath(paths.pki, "ca.crt"), reply.ca),
    writeAtomically(joinPath(paths.pki, "client-ca.crt"), reply.clientCa),
    ...certificates.map(([request, pem]) => writeAtomically(certificateFile(paths, request), pem)),
    ...(role === "worker"
      ? [writeAtomically(endpointsFile(paths), `${JSON.stringify({ endpoints: reply.apiServers })}\n`)]
      : []),
  ]);
  await writeAtomically(joinPath(paths.certificates, "ca.crt"), reply.k8sdCa);
}

/** Says that this node runs: its token is used up now. */
export async function confirm(paths: Paths, { peers }: Identity, progress: Progress): Promise<void> {
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

/** Tells the control planes to forget this node. False if it may have been admitted and none of them could be told. */
export async function giveUp(paths: Paths, { name }: Identity, tokenText: string): Promise<boolean> {
  const key = await readIfExists(keyFile(paths, "k8sd"));
  if (key === undefined) return true;
  const { secret, addresses, fingerprint } = decodeToken(tokenText);
  const body: AbandonRequest = { name, secret, request: await requestFor(key, `k8sd:${name}`) };
  for (const address of addresses)
    try {
      const ca = await authorityOf(address, fingerprint);
      await callPeer({ address, tls: { ca }, path: ABANDON_PATH, body, timeoutMs: GIVE_UP_MS });
      return true;
    } catch (error) {
      // It knows neither this token nor this key: there is nothing to forget.
      if (error instanceof ApiError && error.code === 401) return true;
      log.warning(`${address} was not told that the join is given up: ${messageOf(error)}`);
    }
  return false;
}

/** Talking to the daemon of another node: pinned by a token before the join, by certificates of k8sd's authority after. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { connect, type DetailedPeerCertificate } from "node:tls";
import { isNotInitialized } from "@cantrip/metadata/k8sd";
import { ApiError } from "../base/errors.ts";
import { readIfExists } from "../base/files.ts";
import { HttpsClient, Unreachable, type TlsMaterial } from "../base/https.ts";
import type { Paths } from "../base/paths.ts";
import { requirePair } from "../pki/pairs.ts";

const CONNECT_TIMEOUT_MS = 5_000;

/**
 * The certificate of k8sd's authority as the other side shows it, if it is the one that the token names. Nothing is
 * sent on this connection; the next one trusts this certificate only. @throws ApiError 400 on another fingerprint
 */
export async function authorityOf(address: string, fingerprint: string): Promise<string> {
  const [host = "", port = "6400"] = address.split(":");
  const { promise, resolve, reject } = Promise.withResolvers<string[]>();
  const socket = connect({
    host,
    port: Number(port),
    rejectUnauthorized: false,
    timeout: CONNECT_TIMEOUT_MS,
  });
  socket.on("secureConnect", () => resolve(chainOf(socket.getPeerCertificate(true))));
  socket.on("timeout", () => socket.destroy(new Error(`no answer within ${CONNECT_TIMEOUT_MS} ms`)));
  socket.on("error", reject);
  try {
    const authority = (await promise).find((pem) => sha256(pem) === fingerprint);
    if (authority) return authority;
  } catch (error) {
    throw new Unreachable(address, error);
  } finally {
    socket.destroy();
  }
  throw new ApiError(
    400,
    `Cannot trust ${address}: it does not show the certificate that the join token names`,
  );
}

function chainOf(certificate: DetailedPeerCertificate, seen = new Set<string>()): string[] {
  if (!certificate.raw || seen.has(certificate.fingerprint256)) return [];
  seen.add(certificate.fingerprint256);
  const body = certificate.raw.toString("base64").replace(/.{64}/g, "$&\n");
  const pem = `-----BEGIN CERTIFICATE-----\n${body.trimEnd()}\n-----END CERTIFICATE-----\n`;
  return [pem, ...(certificate.issuerCertificate ? chainOf(certificate.issuerCertificate, seen) : [])];
}

const sha256 = (pem: string) =>
  createHash("sha256")
    .update(Buffer.from(pem.replace(/-----[A-Z ]+-----|\s/g, ""), "base64"))
    .digest("hex");

/** How this node shows itself to other daemons. */
export async function ownTls(paths: Paths): Promise<Required<TlsMaterial>> {
  const { certificate, key } = await requirePair(paths.certificates, "server");
  const ca = (await readIfExists(join(paths.certificates, "ca.crt"))) ?? "";
  return { ca, cert: certificate + ca, key };
}

export interface PeerCall {
  readonly address: string;
  readonly tls: TlsMaterial;
  readonly path: string;
  readonly body: unknown;
  readonly timeoutMs: number;
}

/** The metadata of a successful answer. @throws ApiError with the other side's code, Unreachable */
export async function callPeer<T>({ address, tls, path, body, timeoutMs }: PeerCall): Promise<T> {
  const https = new HttpsClient(`https://${address}`, tls);
  try {
    const answer = await https.call({ method: "POST", path: `/1.0/${path}`, body, timeoutMs });
    const envelope = answer.body as { metadata?: T; error?: string; error_code?: number };
    if (answer.status === 200) return envelope.metadata as T;
    const text = envelope.error ?? `answered ${answer.status}`;
    throw new ApiError(isNotInitialized(answer.status, text) ? 503 : answer.status, `${address}: ${text}`);
  } finally {
    https.close();
  }
}

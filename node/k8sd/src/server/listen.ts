/** The two doors of the daemon: the root-only socket, and TLS on :6400 once the node belongs to a cluster. */
import { chmod, mkdir, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import { dirname } from "node:path";
import type { TLSSocket } from "node:tls";
import { failure, K8SD_PORT } from "@cantrip/metadata/k8sd";
import type { TlsMaterial } from "../base/https.ts";
import type { Caller, Router } from "./router.ts";

/** The largest body: a bootstrap configuration with many extra files. */
const MAX_BODY_BYTES = 2 * 1024 * 1024;

export async function listenOnSocket(router: Router, path: string): Promise<Server> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await rm(path, { force: true });
  const server = createServer(
    (request, response) => void serve(router, request, response, { kind: "local" }),
  );
  const before = process.umask(0o177);
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(path, resolve)).finally(
    () => process.umask(before),
  );
  await chmod(path, 0o600);
  // Bootstrap and join take as long as they need; the client has its own bound.
  server.requestTimeout = 0;
  return server;
}

/** What can be changed while the server runs: its next connections show it. */
export const secureContext = (tls: Required<TlsMaterial>) => ({ ...tls, minVersion: "TLSv1.2" as const });

/** What a stranger may take of the daemon's time. */
export interface Limits {
  readonly connections: number;
  readonly handshakeMs: number;
  readonly headersMs: number;
  readonly requestMs: number;
}
const LIMITS: Limits = { connections: 256, handshakeMs: 10_000, headersMs: 10_000, requestMs: 30_000 };

export async function listenOnTls(
  router: Router,
  address: string,
  tls: Required<TlsMaterial>,
  { port = K8SD_PORT, limits = LIMITS }: { readonly port?: number; readonly limits?: Limits } = {},
): Promise<TlsServer> {
  const options = {
    ...secureContext(tls),
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: limits.handshakeMs,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    // How often the two are looked after; by default they would be late by half a minute.
    connectionsCheckingInterval: Math.ceil(limits.headersMs / 4),
  };
  const server = createTlsServer(
    options,
    (request, response) => void serve(router, request, response, callerOf(request.socket as TLSSocket)),
  );
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(port, address, resolve));
  server.on("error", () => undefined);
  server.maxConnections = limits.connections;
  return server;
}

interface Subject {
  readonly CN?: string;
  readonly O?: string | string[];
}
const CREDENTIAL = /^k8sd:credential:([0-9a-f]+)$/;
const NODE_NAME = /^k8sd:(control-plane|worker):([a-z0-9.-]+)$/;

/** Only a certificate of k8sd's own authority names a caller; what it says was decided by a control plane. */
export function callerOf(socket: TLSSocket): Caller {
  if (!socket.authorized) return { kind: "unknown" };
  const { CN: commonName, O: organizations } = socket.getPeerCertificate().subject as Subject;
  const [, kind, name] = NODE_NAME.exec(String(commonName)) ?? [];
  if (!kind || !name) return { kind: "unknown" };
  const [credential = ""] = [organizations ?? []].flat().flatMap((one) => CREDENTIAL.exec(one)?.[1] ?? []);
  return { kind: kind as "control-plane" | "worker", name, credential };
}

async function serve(
  router: Router,
  request: IncomingMessage,
  response: ServerResponse,
  caller: Caller,
): Promise<void> {
  const text = await readBody(request).catch(() => undefined);
  if (text === undefined)
    return reply(response, 413, failure(413, `request body exceeds ${MAX_BODY_BYTES} bytes`), true);
  const path = (request.url ?? "/").split("?")[0]!;
  const { method = "GET", headers } = request;
  const { status, body } = await router.answer({ method, path, text, caller, headers });
  reply(response, status, body);
}

function reply(response: ServerResponse, status: number, body: unknown, close = false) {
  response.writeHead(status, { "content-type": "application/json", ...(close && { connection: "close" }) });
  response.end(`${JSON.stringify(body)}\n`);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error("too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** Closes a server; requests under way get to their end. */
export async function close(server: Server): Promise<void> {
  server.closeIdleConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

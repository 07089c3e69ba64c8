/** The one TLS port: websockets for the API and the log stream, HTTP for uploads and downloads. */
import { createServer, type Server as HttpsServer } from "node:https";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer, type WebSocket } from "ws";
import type { Account, Controller, LiveModel } from "../models.ts";
import type { KeyPair } from "./certificates.ts";
import { charmRoutes } from "./charm-routes.ts";
import { ApiConnection, limits } from "./connection.ts";
import { basicAccount, serveHttp } from "./http.ts";
import { streamLogs } from "./log-stream.ts";
import { loginFor } from "./login.ts";
import { resourceRoutes } from "./resource-routes.ts";

const routes = [...charmRoutes, ...resourceRoutes];
const maxConnections = 2_000;
const maxUnauthenticated = 128;

export interface ServerOptions {
  readonly controller: Controller;
  readonly certificate: KeyPair;
  readonly onAgent: (connection: ApiConnection, account: Account, model: LiveModel) => void;
  readonly onDefect: (error: unknown, what: string) => void;
}

export class ApiServer {
  readonly #options: ServerOptions;
  readonly #servers = new Map<string, HttpsServer>();
  readonly #sockets: WebSocketServer;
  readonly #connections = new Set<ApiConnection>();
  #certificate: KeyPair;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#certificate = options.certificate;
    this.#sockets = new WebSocketServer({
      noServer: true,
      maxPayload: limits.messageBytes,
      perMessageDeflate: false,
    });
  }

  /** Begins to listen on `host:port`; port 0 takes a free one. @returns the port */
  async listen(host: string, port: number): Promise<number> {
    const { key, certificate } = this.#certificate;
    const server = createServer({ key, cert: certificate, minVersion: "TLSv1.2" });
    server.maxConnections = maxConnections;
    server.headersTimeout = 20_000;
    server.requestTimeout = 0;
    server.keepAliveTimeout = 10_000;
    server.on("request", (request, response) => {
      serveHttp(this.#options.controller, routes, request, response).catch((error: unknown) => {
        this.#options.onDefect(error, "answering an HTTP request");
        response.destroy();
      });
    });
    server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
    server.on("tlsClientError", (_error, socket) => socket.destroy());
    server.on("clientError", (_error, socket) => socket.destroy());
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) =>
        reject(new Error(`cannot listen on ${host}:${port}: ${error.message}`, { cause: error })),
      );
      server.listen(port, host, () => resolve());
    });
    server.on("error", (error) => this.#options.onDefect(error, `listening on ${host}`));
    const address = server.address();
    const bound = typeof address === "object" && address ? address.port : port;
    this.#servers.set(`${host}:${bound}`, server);
    return bound;
  }

  /** New connections get the new certificate; those that are open keep theirs. */
  renew(certificate: KeyPair): void {
    this.#certificate = certificate;
    for (const server of this.#servers.values())
      server.setSecureContext({ key: certificate.key, cert: certificate.certificate });
  }

  async close(): Promise<void> {
    for (const { socket } of this.#connections) socket.close(1001, "the controller stops");
    const closing = [...this.#servers.values()].map((s) => new Promise((done) => s.close(done)));
    setTimeout(() => {
      for (const { socket } of this.#connections) socket.terminate();
      for (const server of this.#servers.values()) server.closeAllConnections();
    }, 300);
    await Promise.all(closing);
    this.#sockets.close();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const url = parseUrl(request.url);
    const path = url?.pathname ?? "";
    const [, api] = /^\/model\/([^/]+)\/api$/.exec(path) ?? [];
    const [, log] = /^\/model\/([^/]+)\/log$/.exec(path) ?? [];
    if (url && (path === "/" || path === "/api" || api !== undefined))
      return this.#accept(request, socket, head, (ws) => this.#serve(ws, api));
    if (url && log !== undefined)
      return void this.#upgradeLog(request, socket, head, url, log).catch(() => socket.destroy());
    refuse(socket, 404, "Not Found");
  }

  #accept(request: IncomingMessage, socket: Duplex, head: Buffer, use: (ws: WebSocket) => void): void {
    const waiting = [...this.#connections].filter((c) => !c.account).length;
    if (waiting >= maxUnauthenticated) return refuse(socket, 503, "Service Unavailable");
    if ("setNoDelay" in socket) (socket as Socket).setNoDelay(true);
    this.#sockets.handleUpgrade(request, socket, head, use);
  }

  #serve(socket: WebSocket, modelUuid: string | undefined): void {
    const { controller, onAgent, onDefect } = this.#options;
    const model = modelUuid === undefined ? undefined : controller.models.get(modelUuid);
    const connection = new ApiConnection({
      socket,
      controller,
      model,
      unknownModel: model ? undefined : modelUuid,
      login: loginFor(controller),
      onLogin: (c, account) => account.kind === "machine" && model && onAgent(c, account, model),
      onDefect,
    });
    this.#connections.add(connection);
    socket.on("close", () => this.#connections.delete(connection));
  }

  async #upgradeLog(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    url: URL,
    uuid: string,
  ): Promise<void> {
    const { controller } = this.#options;
    const account = await basicAccount(controller, request.headers.authorization, undefined);
    if (!account) return refuse(socket, 401, "Unauthorized", 'WWW-Authenticate: Basic realm="juju"\r\n');
    this.#accept(request, socket, head, (ws) => {
      const model = controller.models.get(uuid);
      if (model) return streamLogs(controller, model, url.searchParams, ws);
      ws.send(
        `${JSON.stringify({ error: { message: `unknown model: "${uuid}"`, code: "model not found" } })}\n`,
      );
      ws.close(1000);
    });
  }
}

function parseUrl(text: string | undefined): URL | undefined {
  return URL.parse(text ?? "/", "https://controller") ?? undefined;
}

function refuse(socket: Duplex, status: number, reason: string, headers = ""): void {
  socket.end(`HTTP/1.1 ${status} ${reason}\r\n${headers}Connection: close\r\nContent-Length: 0\r\n\r\n`);
}

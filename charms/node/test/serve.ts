/** Serves any NodeService on a unix socket as k8sd would, so that the client is tested on its wire. */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  failure,
  success,
  type BootstrapRequest,
  type JoinRequest,
  type NodeStatus,
} from "@cantrip/metadata/k8sd";
import { NodeRefused, type NodeService } from "../src/service.ts";

type Body = Record<string, unknown>;

export interface Served extends AsyncDisposable {
  readonly socketPath: string;
  readonly requests: { route: string; body: Body }[];
}

export async function serve(service: NodeService): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), "k8sd-"));
  const socketPath = join(folder, "control.socket");
  const requests: Served["requests"] = [];
  const server: Server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => (text += chunk.toString()));
    request.on("end", () => {
      const route = `${request.method} ${request.url}`;
      const body = (text ? JSON.parse(text) : {}) as Body;
      requests.push({ route, body });
      const send = (code: number, envelope: object) => response.writeHead(code).end(JSON.stringify(envelope));
      answer(service, route, body).then(
        (metadata) => send(200, success(metadata ?? {})),
        (error: unknown) => {
          if (error instanceof NodeRefused) return send(error.code, failure(error.code, error.reason));
          return request.socket.destroy();
        },
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return {
    socketPath,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(folder, { recursive: true });
    },
  };
}

async function answer(service: NodeService, route: string, body: Body): Promise<unknown> {
  switch (route) {
    case "GET /1.0/k8sd/node":
      return { status: await nodeStatus(service) };
    case "GET /1.0/k8sd/cluster":
      return { status: await service.clusterStatus() };
    case "POST /1.0/k8sd/cluster":
      return service.bootstrap(body as unknown as BootstrapRequest & { config: object });
    case "POST /1.0/k8sd/cluster/join":
      return joinOf(service, body as unknown as JoinRequest & { config: string });
    case "POST /1.0/k8sd/cluster/tokens":
      return { token: await service.createToken(body as { name: string; worker: boolean }) };
    case "POST /1.0/k8sd/cluster/remove":
      return service.removeNode(body as { name: string; force: boolean });
    case "GET /1.0/k8sd/cluster/config":
      return service.config();
    case "PUT /1.0/k8sd/cluster/config":
      return service.setConfig(body["config"] as object);
    case "GET /1.0/k8sd/kubeconfig":
      return { kubeconfig: await service.kubeconfig((body["server"] as string) || undefined) };
    default:
      throw new NodeRefused(route, 404, "not found");
  }
}

async function nodeStatus(service: NodeService): Promise<NodeStatus> {
  const identity = await service.identity();
  if (identity.kind === "none") throw new NodeRefused("", 503, "Daemon not yet initialized");
  return { name: identity.name, address: identity.address, "cluster-role": identity.role };
}

async function joinOf(service: NodeService, body: JoinRequest & { config: string }): Promise<unknown> {
  const identity = await service.identity();
  if (identity.kind === "member")
    throw new NodeRefused("", 521, `node "${body.name}" is part of the cluster`);
  return service.join({ ...body, config: JSON.parse(body.config) as object });
}

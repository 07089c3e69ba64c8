import { afterEach } from "vitest";
import { K8sdClient } from "../src/k8sd/client.ts";
import { FakeCluster } from "../src/testing/index.ts";
import { nodeServiceContract } from "./node-service.contract.ts";
import { serve, type Served } from "./serve.ts";

nodeServiceContract("in memory", () => {
  const cluster = new FakeCluster();
  return async (machine) => cluster.machine(machine).installed().service;
});

const served: Served[] = [];
afterEach(async () => {
  for (const server of served.splice(0)) await server[Symbol.asyncDispose]();
});

nodeServiceContract("the client, over a socket", () => {
  const cluster = new FakeCluster();
  return async (machine) => {
    const server = await serve(cluster.machine(machine).installed().service);
    served.push(server);
    return new K8sdClient({ socketPath: server.socketPath });
  };
});

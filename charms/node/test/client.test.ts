import { deepEqual, equal, rejects } from "node:assert/strict";
import { createServer } from "node:http";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, onTestFinished, test } from "vitest";
import { K8sdClient } from "../src/k8sd/client.ts";
import { NodeRefused, NodeUnavailable } from "../src/service.ts";
import { FakeCluster } from "../src/testing/index.ts";
import { serve } from "./serve.ts";

/** A daemon that answers everything with the same. */
async function daemon(code: number, body: string, { hangs = false } = {}): Promise<string> {
  const socketPath = join(await mkdtemp(join(tmpdir(), "k8sd-")), "s");
  const server = createServer((_, response) => void (hangs || response.writeHead(code).end(body)));
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return socketPath;
}
const error = (code: number, text: string) =>
  JSON.stringify({ type: "error", error_code: code, error: text, metadata: null });

describe("the one answer that means that a node is in no cluster", () => {
  test.each(["daemon not yet initialized", "Daemon not yet initialized"])("%s", async (text) => {
    const socketPath = await daemon(503, error(503, text));
    deepEqual(await new K8sdClient({ socketPath }).identity(), { kind: "none" });
  });

  test.each([
    ["503 of another kind", 503, error(503, "Database is still starting")],
    ["500", 500, error(500, "daemon not yet initialized")],
    ["an error in a 200", 200, error(500, "boom")],
    ["403", 403, error(403, "this action is restricted on workers")],
    ["no JSON", 200, "<html>"],
    ["nothing", 503, ""],
  ])("%s is an error instead", async (_, code, body) => {
    const socketPath = await daemon(code, body);
    await rejects(new K8sdClient({ socketPath }).identity(), NodeRefused);
  });
});

describe("no answer", () => {
  test("without a daemon nothing was sent", async () => {
    const client = new K8sdClient({ socketPath: "/nonexistent/socket" });
    await rejects(
      client.identity(),
      (e) => e instanceof NodeUnavailable && e.effect === "none" && /ENOENT/u.test(e.message),
    );
  });

  test("a daemon that does not answer in time may still do what it was asked", async () => {
    const socketPath = await daemon(200, "", { hangs: true });
    const client = new K8sdClient({ socketPath, timeoutMs: 50 });
    await rejects(
      client.setConfig({}),
      (e) => e instanceof NodeUnavailable && e.effect === "unknown" && /within 0.05 s/u.test(e.message),
    );
  });

  test("a connection that breaks leaves the effect unknown", async () => {
    const cluster = new FakeCluster();
    const machine = cluster.machine("cp").installed().failOnce("bootstrap", "unanswered");
    await using server = await serve(machine.service);
    const client = new K8sdClient({ socketPath: server.socketPath });
    const order = { name: "cp", address: "10.0.0.1:6400", config: {} };
    await rejects(client.bootstrap(order), (e) => e instanceof NodeUnavailable && e.effect === "unknown");
    equal((await client.identity()).kind, "member");
  });
});

test("requests have the wire format of Canonical's daemon", async () => {
  const cluster = new FakeCluster();
  await using cp = await serve(cluster.machine("n0").installed().service);
  const client = new K8sdClient({ socketPath: cp.socketPath });
  await client.bootstrap({ name: "n0", address: "10.0.0.1:6400", config: { "datastore-type": "etcd" } });
  const token = await client.createToken({ name: "n1", worker: true });
  await using w = await serve(cluster.machine("n1").installed().service);
  await new K8sdClient({ socketPath: w.socketPath }).join({
    name: "n1",
    address: "10.0.0.2:6400",
    token,
    config: { "extra-node-kubelet-args": { "--node-ip": "10.0.0.2" } },
  });
  await client.removeNode({ name: "n1", force: true });
  deepEqual(cp.requests, [
    {
      route: "POST /1.0/k8sd/cluster",
      body: { name: "n0", address: "10.0.0.1:6400", config: { "datastore-type": "etcd" }, timeout: 180e9 },
    },
    { route: "POST /1.0/k8sd/cluster/tokens", body: { name: "n1", worker: true, ttl: 3600e9 } },
    { route: "POST /1.0/k8sd/cluster/remove", body: { name: "n1", force: true, timeout: 90e9 } },
  ]);
  deepEqual(w.requests[0], {
    route: "POST /1.0/k8sd/cluster/join",
    body: {
      name: "n1",
      address: "10.0.0.2:6400",
      token,
      config: '{"extra-node-kubelet-args":{"--node-ip":"10.0.0.2"}}',
      timeout: 120e9,
    },
  });
});

/** The watcher as it runs on a machine: a real shell and a real curl against a TLS server, a juju-exec that takes notes. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { afterEach, beforeEach, test } from "vitest";
import { run, until } from "../src/index.ts";
import { WATCH_NODE } from "../src/wake/watch-node.sh.ts";

let folder: string;
let server: Server;
let watcher: ChildProcess | undefined;
let streams: ServerResponse[];
let requests: { url: string; client: string }[];
const at = (name: string) => join(folder, name);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "watch-node-"));
  streams = [];
  requests = [];
  await makeCertificates();
  server = await serveTls();
  await mkdir(at("bin"));
  await mkdir(at("run"));
  await writeFile(at("watch-node"), WATCH_NODE);
  await writeFile(
    at("bin/juju-exec"),
    `#!/bin/sh\nprintf '%s|%s\\n' "$1" "$2" >> ${at("wakes")}\n[ ! -e ${at("busy")} ]\n`,
  );
  // No systemd may be there where tests run; it runs what follows the two dashes.
  await writeFile(
    at("bin/systemd-run"),
    '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done; shift; exec "$@"\n',
  );
  for (const name of ["watch-node", "bin/juju-exec", "bin/systemd-run"]) await chmod(at(name), 0o755);
});

afterEach(async () => {
  if (watcher?.pid) process.kill(-watcher.pid, "SIGKILL");
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

async function makeCertificates(): Promise<void> {
  const openssl = (...args: string[]) => run(["openssl", ...args], { timeoutMs: 20_000, cwd: folder });
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await openssl("req", "-x509", ...ec, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca");
  for (const [name, extra] of [
    ["server", "subjectAltName=IP:127.0.0.1"],
    ["client", "extendedKeyUsage=clientAuth"],
  ] as const) {
    await openssl(
      "req",
      ...ec,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.csr`,
      "-subj",
      `/CN=system:node:${name}`,
      "-addext",
      extra,
    );
    await openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      "ca.crt",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-copy_extensions",
      "copy",
      "-out",
      `${name}.crt`,
    );
  }
}

async function serveTls(port = 0): Promise<Server> {
  const [key, cert, ca] = await Promise.all(
    ["server.key", "server.crt", "ca.crt"].map((name) => readFile(at(name))),
  );
  const options = { key: key!, cert: cert!, ca: ca!, requestCert: true, rejectUnauthorized: true };
  const made = createServer(options, (request, response) => {
    requests.push({
      url: request.url ?? "",
      client: String((request.socket as TLSSocket).getPeerCertificate().subject.CN),
    });
    response.writeHead(200);
    response.flushHeaders();
    streams.push(response);
  });
  made.listen(port, "127.0.0.1");
  await once(made, "listening");
  return made;
}

const url = () => `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
const node = (ready: string, version = "v1.36.3") => ({
  kind: "Node",
  metadata: { name: "n1", managedFields: [{ fieldsV1: { 'k:{"type":"Ready"}': {} } }] },
  status: {
    conditions: [
      { type: "MemoryPressure", status: "False" },
      { type: "Ready", status: ready, lastHeartbeatTime: new Date().toISOString() },
    ],
    nodeInfo: { kubeletVersion: version },
  },
});
const say = (type: string, object: object) => streams.at(-1)!.write(`${JSON.stringify({ type, object })}\n`);
const wakes = async () => (await readFile(at("wakes"), "utf8").catch(() => "")).split("\n").slice(0, -1);
const wokenTimes = (count: number) =>
  until(`the unit is woken ${count} times`, async () => (await wakes()).length >= count, {
    timeoutMs: 30_000,
  });
const watched = (count = 1) =>
  until(`the watcher connects ${count} times`, async () => streams.length >= count, { timeoutMs: 30_000 });

async function start(kubeconfig: string): Promise<void> {
  await writeFile(at("kubeconfig"), kubeconfig);
  watcher = spawn(at("watch-node"), ["gpu/0", "n1", at("kubeconfig")], {
    detached: true,
    stdio: "ignore",
    env: { PATH: `${at("bin")}:${process.env["PATH"]}`, RUNTIME_DIRECTORY: at("run") },
  });
  await watched();
}
const named = () =>
  JSON.stringify(
    {
      clusters: [{ name: "k8s", cluster: { server: url(), "certificate-authority": at("ca.crt") } }],
      users: [
        {
          name: "k8s-user",
          user: { "client-certificate": at("client.crt"), "client-key": at("client.key") },
        },
      ],
    },
    undefined,
    2,
  );
async function embedded(): Promise<string> {
  const data = async (name: string) => (await readFile(at(name))).toString("base64");
  return `apiVersion: v1
clusters:
- name: k8s
  cluster:
    certificate-authority-data: ${await data("ca.crt")}
    server: ${url()}
users:
- name: k8s-user
  user:
    client-certificate-data: ${await data("client.crt")}
    client-key-data: ${await data("client.key")}
`;
}

test("it watches its own node alone, with the node's own credentials", async () => {
  await start(named());
  deepEqual(requests, [
    {
      url: "/api/v1/nodes?watch=true&allowWatchBookmarks=true&fieldSelector=metadata.name%3Dn1",
      client: "system:node:client",
    },
  ]);
});

test("credentials may be embedded", async () => {
  await start(await embedded());
  equal(requests[0]?.client, "system:node:client");
});

test("the unit is woken when readiness or version change, and by nothing else", async () => {
  await start(named());
  say("ADDED", node("False"));
  await wokenTimes(1);
  say("MODIFIED", node("False"));
  say("BOOKMARK", { kind: "Node", metadata: { resourceVersion: "7" } });
  say("MODIFIED", node("True"));
  await wokenTimes(2);
  say("MODIFIED", node("True"));
  say("MODIFIED", node("True", "v1.36.4"));
  await wokenTimes(3);
  say("DELETED", node("True", "v1.36.4"));
  await wokenTimes(4);
  deepEqual(new Set(await wakes()), new Set(["gpu/0|JUJU_DISPATCH_PATH=hooks/update-status ./dispatch"]));
  equal((await wakes()).length, 4);
});

test("a node that is Ready at the first look wakes the unit while the watch stays open", async () => {
  await start(named());
  say("ADDED", node("True"));
  await wokenTimes(1);
  equal(streams.length, 1);
  ok(!streams[0]!.writableEnded && !streams[0]!.destroyed);
});

test("a watch that ends is taken up again, and tells nothing twice", async () => {
  await start(named());
  say("ADDED", node("True"));
  await wokenTimes(1);
  streams.at(-1)!.end();
  await watched(2);
  say("ADDED", node("True"));
  say("MODIFIED", node("False"));
  await wokenTimes(2);
  equal((await wakes()).length, 2);
});

test("an API that goes away wakes the unit once, and again when it is back", async () => {
  await start(named());
  say("ADDED", node("True"));
  await wokenTimes(1);
  const { port } = server.address() as AddressInfo;
  server.closeAllConnections();
  server.close();
  await wokenTimes(2);
  server = await serveTls(port);
  await watched(2);
  say("ADDED", node("True"));
  await wokenTimes(3);
  equal((await wakes()).length, 3);
});

test("a wake that fails is repeated", async () => {
  await writeFile(at("busy"), "");
  await start(named());
  say("ADDED", node("True"));
  await wokenTimes(1);
  await rm(at("busy"));
  await wokenTimes(2);
});

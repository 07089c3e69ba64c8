/** The own Node over TLS, with a kubeconfig of either form. */
import { deepEqual, equal, rejects } from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, test } from "vitest";
import { ApiRefused, ApiUnavailable, KubeconfigApi, run } from "../src/index.ts";

let folder: string;
let server: Server;
let answer: { code: number; body: string };
let requests: { line: string; type: string | undefined; body: string }[];
const at = (name: string) => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "node-api-"));
  const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const subject = ["-subj", "/CN=api", "-addext", "subjectAltName=IP:127.0.0.1"];
  await run(["openssl", "req", "-x509", ...ec, "-keyout", at("key"), "-out", at("crt"), ...subject], {
    timeoutMs: 20_000,
  });
  const [key, cert] = [await readFile(at("key")), await readFile(at("crt"))];
  server = createServer(
    { key, cert, ca: cert, requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        requests.push({
          line: `${request.method} ${request.url}`,
          type: request.headers["content-type"],
          body,
        });
        response.writeHead(answer.code).end(answer.body);
      });
    },
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
});
afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});
beforeEach(() => {
  requests = [];
  answer = { code: 200, body: "{}" };
});

async function api(kubeconfig: string): Promise<KubeconfigApi> {
  await writeFile(at("conf"), kubeconfig);
  return new KubeconfigApi(at("conf"));
}
const url = () => `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
const named = () => `clusters:
- cluster:
    server: ${url()}
    certificate-authority: ${at("crt")}
users:
- user:
    client-certificate: "${at("crt")}"
    client-key: ${at("key")}
`;
const NODE = JSON.stringify({
  metadata: { labels: { a: "b" }, annotations: { c: "d" } },
  status: {
    conditions: [{ type: "Ready", status: "False", message: "no network yet" }],
    nodeInfo: { kubeletVersion: "v1.36.3" },
  },
});

test("a node is read", async () => {
  answer.body = NODE;
  deepEqual(await (await api(named())).node("n1"), {
    ready: false,
    message: "no network yet",
    kubeletVersion: "v1.36.3",
    labels: { a: "b" },
    annotations: { c: "d" },
  });
  equal(requests[0]?.line, "GET /api/v1/nodes/n1");
});

test("embedded credentials in JSON serve as well", async () => {
  answer.body = NODE;
  const data = async (name: string) => (await readFile(at(name))).toString("base64");
  const cluster = { server: url(), "certificate-authority-data": await data("crt") };
  const user = { "client-certificate-data": await data("crt"), "client-key-data": await data("key") };
  const text = JSON.stringify({ clusters: [{ cluster }], users: [{ user }] }, undefined, 2);
  equal((await (await api(text)).node("n1"))?.kubeletVersion, "v1.36.3");
});

test("a node that is not there is none, and no error", async () => {
  answer = { code: 404, body: '{"kind":"Status","message":"nodes \\"n1\\" not found"}' };
  equal(await (await api(named())).node("n1"), undefined);
});

test("a patch merges", async () => {
  await (await api(named())).patchNode("n1", { labels: { a: "b", c: null }, annotations: {} });
  deepEqual(requests[0], {
    line: "PATCH /api/v1/nodes/n1",
    type: "application/merge-patch+json",
    body: '{"metadata":{"labels":{"a":"b","c":null},"annotations":{}}}',
  });
});

test("what the API server refuses comes with its reason", async () => {
  answer = { code: 403, body: '{"kind":"Status","message":"is not allowed to modify labels"}' };
  const refused = (error: unknown) =>
    error instanceof ApiRefused && error.code === 403 && /not allowed/u.test(error.message);
  await rejects((await api(named())).patchNode("n1", { labels: {}, annotations: {} }), refused);
});

test.each([
  ["no server listens", () => named().replace(url(), "https://127.0.0.1:1"), /ECONNREFUSED/u],
  ["the kubeconfig names no server", () => named().replace(/server:.*/u, ""), /names no server/u],
  [
    "the kubeconfig has no key",
    () => named().replace(/client-key:.*/u, ""),
    /neither client-key nor client-key-data/u,
  ],
  [
    "the certificate is not by its authority",
    () => named().replace(at("crt"), "/dev/null"),
    /self-signed|unable to verify/u,
  ],
])("%s: nothing is known about the node", async (_, kubeconfig, reason) => {
  const unavailable = (error: unknown) => error instanceof ApiUnavailable && reason.test(error.message);
  await rejects((await api(kubeconfig())).node("n1"), unavailable);
});

test("without a kubeconfig nothing is known either", async () => {
  await rejects(new KubeconfigApi("/nonexistent").node("n1"), ApiUnavailable);
});

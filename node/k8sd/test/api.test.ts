/** The REST API of a node that belongs to no cluster, over a real socket. */
import { mkdtemp, rm, stat } from "node:fs/promises";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { pathsBelow, type Paths } from "../src/base/paths.ts";
import { writeAtomically } from "../src/base/files.ts";
import { K8sdClient, K8sdError } from "../src/client.ts";
import { Daemon } from "../src/cluster/daemon.ts";
import { parseJoinConfig } from "../src/cluster/documents.ts";
import { encodeToken } from "../src/cluster/tokens.ts";
import { close, listenOnSocket } from "../src/server/listen.ts";
import { Router } from "../src/server/router.ts";
import { routes } from "../src/server/routes.ts";

let root: string;
let paths: Paths;
let server: Server;
let client: K8sdClient;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "k8sd-api-"));
  paths = pathsBelow(root);
  const daemon = new Daemon(paths, () => Promise.resolve());
  await daemon.load();
  server = await listenOnSocket(routes(daemon), paths.socket);
  client = new K8sdClient(paths.socket);
});
afterAll(async () => {
  await close(server);
  await rm(root, { recursive: true });
});

const failure = (error_code: number, error: unknown) => ({
  type: "error",
  status: "",
  status_code: 0,
  operation: "",
  error_code,
  error,
  metadata: null,
});
const bootstrap = { name: "n1", address: "10.0.0.1:6400" };
const workerToken = encodeToken({
  role: "worker",
  secret: "worker::0",
  addresses: ["10.0.0.9:6400"],
  fingerprint: "0".repeat(64),
});

test("the socket is root's alone", async () => expect((await stat(paths.socket)).mode & 0o777).toBe(0o600));

test("success has the envelope of the reference", async () => {
  expect(await client.raw("GET", "/")).toEqual({
    type: "sync",
    status: "Success",
    status_code: 200,
    operation: "",
    error_code: 0,
    error: "",
    metadata: ["/1.0"],
  });
  expect(await client.raw("GET", "/core/1.0/ready")).toMatchObject({ status_code: 200 });
  expect(await client.raw("GET", "/core/1.0")).toMatchObject({
    metadata: { name: "", address: "", ready: false, extensions: [] },
  });
});

test.each([
  ["GET", "/1.0/k8sd/cluster", undefined, 503, "daemon not yet initialized"],
  ["GET", "/1.0/k8sd/node", undefined, 503, "daemon not yet initialized"],
  ["GET", "/1.0/k8sd/cluster/config", undefined, 503, "daemon not yet initialized"],
  ["POST", "/1.0/k8sd/cluster/tokens", { name: "w1", worker: true }, 503, "daemon not yet initialized"],
  ["GET", "/1.0/nope", undefined, 404, /not found/],
  ["DELETE", "/1.0/k8sd/cluster", undefined, 501, /not implemented/],
  ["POST", "/1.0/snap/refresh", {}, 501, /not implemented/],
  ["GET", "/core/1.0/cluster", undefined, 501, /not implemented/],
  ["DELETE", "/core/1.0/cluster/n1", undefined, 501, /not implemented/],
  ["PUT", "/core/1.0/cluster/n1", {}, 501, /not implemented/],
  ["DELETE", "/core/1.0/cluster/n1?force=1", undefined, 501, /not implemented/],
  ["DELETE", "/core/1.0/tokens/n1", undefined, 501, /not implemented/],
  ["PUT", "/core/1.0/certificates/n1", {}, 501, /not implemented/],
  ["PUT", "/core/internal/cluster/n1?force=1", {}, 501, /not implemented/],
  ["POST", "/core/internal/truststore", {}, 501, /not implemented/],
  ["DELETE", "/core/internal/truststore/n1", undefined, 501, /not implemented/],
  ["POST", "/core/internal/hooks/pre-remove", {}, 501, /not implemented/],
  ["POST", "/core/internal/database", {}, 501, /not implemented/],
  ["POST", "/core/1.0", {}, 501, "method POST is not implemented for /core/1.0"],
  ["DELETE", "/core/1.0/ready", undefined, 501, "method DELETE is not implemented for /core/1.0/ready"],
  ["DELETE", "/core/1.0/cluster/", undefined, 404, /not found/],
  ["DELETE", "/core/1.0/cluster/n1/more", undefined, 404, /not found/],
  ["POST", "/core/internal/hooks", {}, 404, /not found/],
  ["OPTIONS", "/1.0/k8sd/cluster", undefined, 404, "Method 'OPTIONS' not found"],
  ["PATCH", "/1.0/k8sd/cluster", undefined, 501, /not implemented/],
  ["POST", "/1.0/k8sd/worker/info", { address: "10.0.0.3" }, 503, "daemon not yet initialized"],
  ["POST", "/1.0/k8sd/cluster", "{", 400, /expected JSON/],
  ["POST", "/1.0/k8sd/cluster", {}, 400, /name: is required.*address: is required/],
  ["POST", "/1.0/k8sd/cluster", { ...bootstrap, nope: 1 }, 400, /unknown field "nope"/],
  ["POST", "/1.0/k8sd/cluster", { ...bootstrap, timeout: "90s" }, 400, /timeout: expected integer/],
  ["POST", "/1.0/k8sd/cluster", { ...bootstrap, name: "N 1" }, 400, /invalid hostname/],
  [
    "POST",
    "/1.0/k8sd/cluster",
    { ...bootstrap, config: { "containerd-base-dir": "/x" } },
    400,
    /only \/ is supported yet/,
  ],
  ["POST", "/1.0/k8sd/cluster", bootstrap, 400, /it is on no interface of this machine/],
  ["POST", "/1.0/k8sd/cluster/join", { ...bootstrap, token: "x" }, 400, /Cannot read the join token/],
  [
    "POST",
    "/1.0/k8sd/cluster/join",
    { ...bootstrap, token: workerToken, config: "a: [" },
    400,
    /invalid join configuration/,
  ],
] as const)("%s %s %j is answered %i", async (method, path, body, code, message) => {
  const answer = await client.raw(method, path, body);
  expect(answer).toEqual(
    failure(code, typeof message === "string" ? message : expect.stringMatching(message)),
  );
});

test("a body that is too large is cut off", async () => {
  const body = JSON.stringify({ name: "x".repeat(3 * 1024 * 1024) });
  const answer = await client.raw("POST", "/1.0/k8sd/cluster", body).catch((error: Error) => error.message);
  if (typeof answer === "string") expect(answer).toMatch(/EPIPE|ECONNRESET|hang up/);
  else expect(answer).toMatchObject({ error_code: 413 });
});

test("only the one answer means that a node belongs to no cluster", async () => {
  const error = await client.call("getClusterStatus").catch((e: unknown) => e);
  expect(error).toBeInstanceOf(K8sdError);
  expect((error as K8sdError).isNotInitialized).toBe(true);
  expect(new K8sdError(503, "Daemon is still starting").isNotInitialized).toBe(false);
  expect(new K8sdError(500, "daemon not yet initialized").isNotInitialized).toBe(false);
});

test("an identity that cannot be read is not taken for none", async () => {
  const other = pathsBelow(join(root, "other"));
  await writeAtomically(other.identity, "{");
  const daemon = new Daemon(other, () => Promise.resolve());
  await daemon.load();
  expect(() => daemon.joined()).toThrow(/restore it from a backup/);
  await expect(daemon.bootstrap(bootstrap, {})).rejects.toThrow("cluster is already bootstrapped");
});

describe("callers", () => {
  const router = new Router()
    .add({ method: "GET", path: "/x", handle: () => "secret" })
    .add({ method: "GET", path: "/open", for: () => true, handle: () => "hello" });
  test.each([
    [{ kind: "local" }, 200],
    [{ kind: "control-plane", name: "c", credential: "1" }, 200],
    [{ kind: "worker", name: "w", credential: "2" }, 403],
    [{ kind: "unknown" }, 403],
  ] as const)("%j gets %i", async (caller, status) => {
    expect((await router.answer({ method: "GET", path: "/x", text: "", caller })).status).toBe(status);
    expect((await router.answer({ method: "GET", path: "/open", text: "", caller })).status).toBe(200);
  });
});

describe("join configurations as text", () => {
  test.each([
    ["", {}],
    ["{}", {}],
    [
      "extra-node-kubelet-args:\n  --max-pods: '5'\n  --node-ip: null\n",
      { "extra-node-kubelet-args": { "--max-pods": "5", "--node-ip": null } },
    ],
    ['{"disable-system-tuning": true}', { "disable-system-tuning": true }],
  ])("%j", async (text, expected) => expect(await parseJoinConfig("worker", text)).toEqual(expected));

  const layer = (name: string, of: string) =>
    `${name}: &${name} [${Array.from({ length: 10 }, () => `*${of}`).join(", ")}]\n`;
  const bomb = `a: &a [x, x]\n${["b", "c", "d", "e", "f", "g", "h"].map((name, at) => layer(name, "abcdefg"[at]!)).join("")}`;
  test.each([
    ["an unknown key", "nope: 1", /unknown field "nope"/],
    [
      "several problems at once",
      "nope: 1\ndisable-system-tuning: 3",
      /nope.*disable-system-tuning: expected boolean/,
    ],
    ["no mapping", "- 1", /expected object, got array/],
    ["a broken text, with its line", "disable-system-tuning: true\nb: [", /line \d/],
    ["a mapping in a mapping's line", "a: b: c", /line 1/],
    ["a key twice", "containerd-base-dir: /\ncontainerd-base-dir: /x", /duplicated mapping key/],
    ["a tag of a language", "a: !!js/function 'x'", /unknown scalar tag/],
    ["a bomb", bomb, /far beyond its size|unknown field/],
    ["something that holds itself", "extra-node-containerd-config: &a {b: *a}", /part of|unidentified alias/],
    [
      "a deep one",
      `extra-node-containerd-config: ${"{a: ".repeat(500)}1${"}".repeat(500)}`,
      /nesting exceeded/,
    ],
    ["no UTF-8", "containerd-base-dir: \uFFFD", /not valid UTF-8/],
    ["a huge one", "x".repeat(2e6), /at most 1048576 characters/],
  ])("%s is refused", async (_, text, reason) => {
    await expect(parseJoinConfig("worker", text)).rejects.toMatchObject({
      code: 400,
      message: expect.stringMatching(reason) as string,
    });
  });

  test("text within a text is no alias", async () => {
    const text = "extra-node-config-files:\n  run.sh: |\n    a && b\n    - *x\n";
    expect(await parseJoinConfig("worker", text)).toEqual({
      "extra-node-config-files": { "run.sh": "a && b\n- *x\n" },
    });
  });
});

/** The door on :6400 against strangers who mean no good. */
import { connect as connectPlain, type AddressInfo } from "node:net";
import type { Server } from "node:https";
import { connect, type TLSSocket } from "node:tls";
import { object, text } from "@cantrip/metadata/k8sd";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAuthority, issue, type KeyPair } from "../src/pki/certificates.ts";
import { k8sdLeaf } from "../src/pki/leaves.ts";
import { close, listenOnTls } from "../src/server/listen.ts";
import { Router } from "../src/server/router.ts";

const limits = { connections: 20, handshakeMs: 500, headersMs: 500, requestMs: 800 };
let ca: KeyPair;
let server: Server;
let port: number;
const clients: Record<string, KeyPair> = {};

beforeAll(async () => {
  ca = await createAuthority("k8sd-ca");
  const foreign = await createAuthority("k8sd-ca");
  const leaf = k8sdLeaf("control-plane", { name: "c1", address: "127.0.0.1", credential: "ab" });
  const { certificate, key } = await issue(ca, leaf);
  clients["control plane"] = await issue(ca, leaf);
  clients["worker"] = await issue(
    ca,
    k8sdLeaf("worker", { name: "w1", address: "127.0.0.1", credential: "cd" }),
  );
  clients["stranger with the same names"] = await issue(foreign, leaf);
  const router = new Router().add({ method: "GET", path: "/x", handle: (_, caller) => caller }).add({
    method: "POST",
    path: "/open",
    for: () => true,
    body: object({ a: text() }),
    handle: () => "hello",
  });
  server = await listenOnTls(
    router,
    "127.0.0.1",
    { ca: ca.certificate, cert: certificate, key },
    { port: 0, limits },
  );
  port = (server.address() as AddressInfo).port;
});
afterAll(async () => {
  server.closeAllConnections();
  await close(server);
});

const open = (pair?: KeyPair): TLSSocket =>
  connect({
    host: "127.0.0.1",
    port,
    ca: ca.certificate,
    ...(pair && { cert: pair.certificate, key: pair.key }),
  });

/** Everything that comes until the other side ends the connection. */
function talk(text: string | Buffer, pair?: KeyPair): Promise<string> {
  const socket = open(pair);
  return new Promise((resolve) => {
    let heard = "";
    socket.on("data", (chunk: Buffer) => (heard += chunk.toString()));
    socket.on("error", (error) => (heard += ` ${error.message}`));
    socket.on("close", () => resolve(heard));
    socket.on("secureConnect", () => socket.write(text));
  });
}
const request = (line: string, body = "", length = Buffer.byteLength(body)) =>
  `${line} HTTP/1.1\r\nhost: c1\r\nconnection: close\r\ncontent-length: ${length}\r\n\r\n${body}`;

test.each([
  ["control plane", 200],
  ["worker", 403],
  ["stranger with the same names", 403],
  [undefined, 403],
])("a client that is a %s gets %i", async (who, status) => {
  expect(await talk(request("GET /x"), who === undefined ? undefined : clients[who])).toContain(
    `HTTP/1.1 ${status} `,
  );
});

test.each([
  ["no JSON", "{", 400, "expected JSON"],
  ["no object", "[1]", 400, "expected object"],
  ["a deep one", "[".repeat(200_000), 400, "expected JSON"],
  ["an unknown field", '{"b":1}', 400, "unknown field"],
  ["a key that is none", '{"__proto__":{"a":"x"}}', 400, "unknown field"],
  ["bytes that are no text", "\u0000\ufffd", 400, "expected JSON"],
])("a body with %s is refused", async (_, body, status, reason) => {
  const answer = await talk(request("POST /open", body));
  expect(answer).toContain(`HTTP/1.1 ${status} `);
  expect(answer).toContain(reason);
});

test("a body that is too large is cut off while it comes", async () => {
  const answer = await talk(request("POST /open", "x".repeat(3 << 20), 1 << 30));
  expect(answer).toMatch(/HTTP\/1\.1 413 |EPIPE|ECONNRESET/);
});

test.each([
  ["says half a header and waits", "POST /open HTTP/1.1\r\nhost:"],
  ["promises a body that never comes", request("POST /open", "{", 100)],
  ["says nothing", ""],
])("who %s is shown out", async (_, words) => {
  expect(await talk(words)).not.toContain("hello");
});

test("who does not speak TLS is shown out, and others are served meanwhile", async () => {
  const idle = Array.from({ length: 10 }, () => connectPlain(port, "127.0.0.1"));
  idle[0]!.write("GET / HTTP/1.1\r\n\r\n");
  const ended = idle.map(
    (socket) =>
      new Promise((resolve) =>
        socket
          .on("error", () => undefined)
          .on("close", resolve)
          .resume(),
      ),
  );
  expect(await talk(request("GET /x"), clients["control plane"])).toContain("HTTP/1.1 200 ");
  await Promise.all(ended);
});

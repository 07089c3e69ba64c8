import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { createServer, connect } from "node:tls";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fits, loadAuthority, loadServerCertificate, type KeyPair } from "../src/server/certificates.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ct-tls-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** @returns the error's code, or "ok" */
function handshake(server: KeyPair, ca: string, servername: string): Promise<string> {
  return new Promise((resolve) => {
    const listener = createServer({ key: server.key, cert: server.certificate }, (s) => s.end());
    listener.on("tlsClientError", () => undefined);
    listener.listen(0, "127.0.0.1", () => {
      const address = listener.address();
      const port = typeof address === "object" && address ? address.port : 0;
      const done = (result: string) => listener.close(() => resolve(result));
      const socket = connect({ host: "127.0.0.1", port, ca, servername }, () => done("ok"));
      socket.on("error", (error: NodeJS.ErrnoException) => done(error.code ?? error.message));
      socket.on("close", () => undefined);
      socket.resume();
    });
  });
}

test.each(["juju-apiserver", "localhost", "anything"])(
  "clients that verify the name %s are content",
  async (name) => {
    const ca = await loadAuthority(directory, "c1");
    const server = await loadServerCertificate(directory, ca, ["127.0.0.1"]);
    expect(await handshake(server, ca.certificate, name)).toBe("ok");
  },
);

test("another name, and another CA, are refused", async () => {
  const ca = await loadAuthority(directory, "c1");
  const server = await loadServerCertificate(directory, ca, ["127.0.0.1"]);
  expect(await handshake(server, ca.certificate, "example.org")).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  const other = mkdtempSync(join(directory, "other-"));
  expect(await handshake(server, (await loadAuthority(other, "c2")).certificate, "localhost")).not.toBe("ok");
});

test("both are kept on disk, closed to others, and renewed when addresses change or time runs out", async () => {
  const ca = await loadAuthority(directory, "c1");
  expect(await loadAuthority(directory, "c1")).toEqual(ca);
  const first = await loadServerCertificate(directory, ca, ["127.0.0.1"]);
  expect(await loadServerCertificate(directory, ca, ["127.0.0.1"])).toEqual(first);
  const second = await loadServerCertificate(directory, ca, ["127.0.0.1", "10.1.2.3"]);
  expect(second.certificate).not.toBe(first.certificate);
  expect(new X509Certificate(second.certificate).checkIP("10.1.2.3")).toBe("10.1.2.3");
  expect(statSync(join(directory, "ca.pem")).mode & 0o777).toBe(0o600);
  expect(fits(second, ca, ["10.1.2.3"], Date.now() + 370 * 24 * 3_600_000)).toBe(false);
});

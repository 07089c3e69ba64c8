import { createHash, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { connect } from "node:tls";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { WebSocket, type ClientOptions } from "ws";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openController, type OpenController } from "../src/controller.ts";
import { ApiError, defineFacade } from "../src/facade.ts";
import { failureText, parseRequest, successText } from "../src/server/envelope.ts";
import type { LiveModel } from "../src/models.ts";
import { packCharm } from "./support/charm.ts";

describe("envelope", () => {
  test("keys are taken in any case, null is not given", () => {
    const text =
      '{"Request-Id":7,"TYPE":"Client","version":8,"Request":"FullStatus","Id":"3","Params":{"Patterns":null,"Args":[{"A":1}]}}';
    expect(parseRequest(text)).toEqual({
      requestId: 7,
      type: "Client",
      version: 8,
      request: "FullStatus",
      id: "3",
      params: { args: [{ A: 1 }] },
    });
  });

  test("a success has a response and no error, a failure both", () => {
    expect(JSON.parse(successText(1, undefined))).toEqual({ "request-id": 1, response: {} });
    expect(successText(1, { results: [{ error: null }, { error: { message: "x" } }] })).toBe(
      '{"request-id":1,"response":{"results":[{},{"error":{"message":"x"}}]}}',
    );
    expect(JSON.parse(failureText(2, new ApiError("not found", "no", { a: 1 })))).toEqual({
      "request-id": 2,
      error: "no",
      "error-code": "not found",
      "error-info": { a: 1 },
      response: {},
    });
  });

  test("whatever is sent is a request or a refusal", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.anything().map((v) => JSON.stringify(v) ?? ""),
        ),
        (text) => {
          try {
            expect(Number.isSafeInteger(parseRequest(text).requestId)).toBe(true);
          } catch (error) {
            expect(error).toBeInstanceOf(ApiError);
          }
        },
      ),
    );
  });
});

describe("server", () => {
  let directory: string;
  let controller: OpenController;
  let model: LiveModel;
  const defects: string[] = [];

  beforeAll(async () => {
    defineFacade({
      name: "Probe",
      versions: [2],
      methods: {
        Echo: (_connection, params) => params,
        Never: () => new Promise(() => undefined),
        Nothing: () => undefined,
        Large: () => ({ text: "x".repeat(3 << 20) }),
      },
    });
    const methods = { Echo: (_connection: unknown, params: object) => params };
    defineFacade({ name: "Unlisted", versions: [1], isListed: false, methods });
    directory = mkdtempSync(join(tmpdir(), "ct-server-"));
    controller = await openController({
      state: join(directory, "state"),
      port: 0,
      log: (level, text) => level === "error" && defects.push(text),
    });
    model = await controller.models.create("m");
  });
  afterAll(async () => {
    await controller.close();
    rmSync(directory, { recursive: true, force: true });
    expect(defects).toEqual([]);
  });

  const socketTo = (path: string, headers: Record<string, string> = {}): WebSocket => {
    const options: ClientOptions & { servername: string } = {
      ca: controller.caCert,
      servername: "juju-apiserver",
      headers,
    };
    return new WebSocket(`wss://${controller.addresses[0]}${path}`, options);
  };
  const basic = () => ({
    authorization: `Basic ${Buffer.from(`user-admin:${controller.adminPassword}`).toString("base64")}`,
  });

  class Client {
    readonly socket: WebSocket;
    readonly #answers = new Map<number, (answer: Answer) => void>();
    frames = 0;
    constructor(path: string) {
      this.socket = socketTo(path);
      this.socket.on("message", (data: Buffer) => {
        const answer = JSON.parse(data.toString()) as Answer;
        this.#answers.get(answer["request-id"])?.(answer);
      });
    }
    async call(
      id: number,
      type: string,
      version: number,
      method: string,
      params: object = {},
    ): Promise<Answer> {
      if (this.socket.readyState === WebSocket.CONNECTING)
        await new Promise((done) => this.socket.once("open", done));
      this.socket.send(JSON.stringify({ "request-id": id, type, version, request: method, params }));
      return new Promise((resolve) => this.#answers.set(id, resolve));
    }
    async login(password = controller.adminPassword): Promise<Answer> {
      return this.call(1, "Admin", 3, "Login", {
        "auth-tag": "user-admin",
        credentials: password,
        nonce: "",
        macaroons: null,
      });
    }
  }
  interface Answer {
    "request-id": number;
    error?: string;
    "error-code"?: string;
    response: Record<string, unknown>;
  }

  test("a user logs in and sees the facades of the connection", async () => {
    const client = new Client(`/model/${model.uuid}/api`);
    const { response } = await client.login();
    expect(response).toMatchObject({
      "model-tag": `model-${model.uuid}`,
      "user-info": { identity: "user-admin" },
    });
    expect(response["facades"]).toEqual(
      expect.arrayContaining([
        { name: "Pinger", versions: [1] },
        { name: "Probe", versions: [2] },
      ]),
    );
    expect(JSON.stringify(response["facades"])).not.toMatch(/"(Agent|Unlisted)"/);
    expect(await client.call(3, "Unlisted", 1, "Echo", { a: 1 })).toEqual({
      "request-id": 3,
      response: { a: 1 },
    });
    expect(await client.call(2, "Pinger", 1, "Ping")).toEqual({ "request-id": 2, response: {} });
    client.socket.close();
  });

  test.each([
    [
      "a wrong password",
      "/api",
      "user-admin",
      "nope",
      "invalid entity name or password",
      "unauthorized access",
    ],
    [
      "an unknown user",
      "/api",
      "user-nobody",
      "nope",
      "invalid entity name or password",
      "unauthorized access",
    ],
    ["an empty password", "/api", "user-admin", "", "invalid entity name or password", "unauthorized access"],
    [
      "a machine that there is not",
      `/api`,
      "machine-0",
      "nope",
      "invalid entity name or password",
      "unauthorized access",
    ],
  ])("%s is refused", async (_what, path, tag, password, message, code) => {
    const client = new Client(path);
    const answer = await client.call(1, "Admin", 3, "Login", {
      "auth-tag": tag,
      credentials: password,
      nonce: "x",
    });
    expect(answer).toEqual({ "request-id": 1, error: message, "error-code": code, response: {} });
    expect(await client.call(2, "Probe", 2, "Echo")).toMatchObject({ error: "not logged in" });
    client.socket.close();
  });

  test("an unknown model, method or facade is named", async () => {
    const lost = new Client("/model/00000000-0000-4000-8000-000000000000/api");
    expect(await lost.login()).toMatchObject({
      error: 'unknown model: "00000000-0000-4000-8000-000000000000"',
      "error-code": "model not found",
    });
    lost.socket.close();
    const client = new Client("/api");
    await client.login();
    const refusal = {
      error: "no such request - method Probe(9).Echo is not implemented",
      "error-code": "not implemented",
      response: {},
    };
    expect(await client.call(2, "Probe", 9, "Echo")).toMatchObject(refusal);
    expect(await client.call(3, "Probe", 2, "toString")).toMatchObject({ "error-code": "not implemented" });
    expect(await client.call(4, "Agent", 1, "Next")).toMatchObject({ "error-code": "not implemented" });
    expect(await client.call(5, "Admin", 3, "RedirectInfo")).toMatchObject({ error: "not redirected" });
    client.socket.close();
  });

  test("a call that waits does not hold up another, and long answers arrive whole", async () => {
    const client = new Client("/api");
    await client.login();
    void client.call(2, "Probe", 2, "Never");
    expect(await client.call(3, "Probe", 2, "Nothing")).toEqual({ "request-id": 3, response: {} });
    expect(String((await client.call(4, "Probe", 2, "Large")).response["text"]).length).toBe(3 << 20);
    client.socket.close();
  });

  test("garbage is answered, and the server lives on", async () => {
    const client = new Client("/api");
    await client.login();
    const answers: string[] = [];
    client.socket.on("message", (data: Buffer) => answers.push(data.toString()));
    const garbage = [
      "",
      "{",
      "[]",
      "null",
      '{"request-id":"x"}',
      '{"request-id":-1}',
      "[".repeat(100_000),
      `{"request-id":9,"type":7}`,
    ];
    for (const text of garbage) client.socket.send(text);
    client.socket.send(Buffer.from([0xff, 0x00]));
    expect(await client.call(10, "Probe", 2, "Echo", { X: 1 })).toMatchObject({ response: { x: 1 } });
    expect(answers.filter((a) => a.includes('"error-code":"bad request"')).length).toBe(garbage.length + 1);
    client.socket.close();
  });

  test("random frames do not stop it", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.json(), fc.string(), fc.uint8Array({ maxLength: 200 })), { maxLength: 8 }),
        async (frames) => {
          const client = new Client("/api");
          await new Promise((done) => client.socket.once("open", done));
          for (const frame of frames) client.socket.send(frame);
          await client.login();
          client.socket.terminate();
        },
      ),
      { numRuns: 30 },
    );
    expect((await http("GET", "/health")).status).toBe(200);
  });

  test("bytes that are no TLS, and a message above the bound, end their connection only", async () => {
    const { hostname, port } = new URL(`https://${controller.addresses[0]}`);
    await new Promise<void>((done) => {
      const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () =>
        socket.end("\0\0garbage\r\n\r\n"),
      );
      socket.on("error", () => done());
      socket.on("close", () => done());
      socket.resume();
    });
    const client = new Client("/api");
    await client.login();
    const closed = new Promise((done) => client.socket.once("close", done));
    client.socket.on("error", () => undefined);
    client.socket.send("x".repeat(17 << 20));
    expect(await closed).toBe(1009);
    expect((await http("GET", "/health")).status).toBe(200);
  });

  interface HttpAnswer {
    status: number;
    headers: Record<string, string | string[] | undefined>;
    text: string;
  }
  const http = (
    method: string,
    path: string,
    { headers = {}, body }: { headers?: Record<string, string>; body?: Buffer } = {},
  ): Promise<HttpAnswer> =>
    new Promise((resolve, reject) => {
      const call = request(
        `https://${controller.addresses[0]}${path}`,
        { method, headers, ca: controller.caCert, servername: "juju-apiserver", agent: false },
        (response) => {
          const chunks: Buffer[] = [];
          response.on("data", (chunk: Buffer) => chunks.push(chunk));
          response.on("end", () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text: Buffer.concat(chunks).toString("latin1"),
            }),
          );
        },
      );
      call.on("error", reject);
      call.end(body);
    });

  test("a charm is uploaded in both forms, and downloaded whole and by file", async () => {
    const archive = readFileSync(
      await packCharm(directory, { name: "tiny", dispatch: "exit 0\n", files: { "icon.svg": "<svg/>" } }),
    );
    const headers = { ...basic(), "content-type": "application/zip" };
    const posted = await http("POST", `/model/${model.uuid}/charms?series=None`, { headers, body: archive });
    expect([posted.status, JSON.parse(posted.text)]).toEqual([200, { "charm-url": "local:tiny-0" }]);
    const sha7 = createHash("sha256").update(archive).digest("hex").slice(0, 7);
    const put = await http("PUT", `/model-${model.uuid}/charms/tiny-${sha7}`, {
      headers: { ...headers, "juju-curl": "local:tiny-0" },
      body: archive,
    });
    expect([put.status, put.headers["juju-curl"]]).toEqual([200, "local:tiny-1"]);
    const wrong = await http("PUT", `/model-${model.uuid}/charms/tiny-0000000`, {
      headers: { ...headers, "juju-curl": "local:tiny-0" },
      body: archive,
    });
    expect(wrong.status).toBe(400);
    const download = (file: string) =>
      http("GET", `/model/${model.uuid}/charms?url=local:tiny-0&file=${file}`, { headers: basic() });
    expect((await download("*")).text.length).toBe(archive.length);
    expect((await download("icon.svg")).text).toBe("<svg/>");
    expect(JSON.parse((await download("")).text)).toMatchObject({
      files: expect.arrayContaining(["dispatch", "metadata.yaml"]),
    });
    expect((await download("none")).status).toBe(404);
  });

  test.each([
    ["no zip", Buffer.from("PK not really"), "cannot open the charm archive"],
    ["nothing", Buffer.alloc(0), "cannot open the charm archive"],
  ])("what is %s is no charm", async (_what, body, message) => {
    const answer = await http("POST", `/model/${model.uuid}/charms?series=`, { headers: basic(), body });
    expect([answer.status, JSON.parse(answer.text)]).toEqual([
      400,
      { error: expect.stringContaining(message), "error-code": "bad request" },
    ]);
  });

  test("without the password nothing is served", async () => {
    const answer = await http("POST", `/model/${model.uuid}/charms`, { body: Buffer.from("x") });
    expect([answer.status, answer.headers["www-authenticate"]]).toEqual([401, 'Basic realm="juju"']);
    expect((await http("GET", "/nowhere", { headers: basic() })).status).toBe(404);
    expect(
      (await http("GET", `/model/${model.uuid}/blobs/${"0".repeat(64)}`, { headers: basic() })).status,
    ).toBe(403);
  });

  test("the log stream begins with an empty object, then the records", async () => {
    controller.logs.append(model.uuid, [
      {
        at: Date.UTC(2026, 0, 2),
        entity: "unit-k8s-0",
        module: "juju.worker",
        level: "INFO",
        message: "hello",
      },
    ]);
    const socket = socketTo(`/model/${model.uuid}/log?noTail=true&level=INFO`, basic());
    const lines: string[] = [];
    socket.on("message", (data: Buffer) => lines.push(data.toString()));
    await new Promise((done) => socket.once("close", done));
    expect(lines[0]).toBe("{}\n");
    expect(JSON.parse(lines[1] ?? "")).toEqual({
      tag: "unit-k8s-0",
      ts: "2026-01-02T00:00:00.000Z",
      sev: "INFO",
      mod: "juju.worker",
      loc: "",
      msg: "hello",
      lab: [],
    });
    const refused = socketTo(`/model/${model.uuid}/log`);
    const status = await new Promise((done) =>
      refused.once("unexpected-response", (_request, response) => done(response.statusCode)),
    );
    expect(status).toBe(401);
  });

  test("a second controller in the same state directory finds the same identity", async () => {
    expect(new X509Certificate(controller.caCert).ca).toBe(true);
    const found = JSON.parse(readFileSync(join(directory, "state", "controller.json"), "utf8")) as Record<
      string,
      unknown
    >;
    expect(found).toMatchObject({
      uuid: controller.uuid,
      caCert: controller.caCert,
      addresses: controller.addresses,
    });
  });
});

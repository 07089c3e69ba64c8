/**
 * A connection to the controller's API by @canonical/jujulib: login, calls, uploads. Calls in flight fail when the
 * connection is lost, instead of waiting for ever.
 */
import { connectAndLogin } from "@canonical/jujulib";
import { WebSocket, type ClientOptions } from "ws";
import { CommandError, RequestError } from "./errors.ts";
import { clientVersion } from "./protocol.ts";
import type { ControllerTarget } from "./target.ts";

/** The versions that this client speaks. */
const versions: Record<string, number> = {
  Action: 7,
  AllWatcher: 3,
  Annotations: 2,
  Application: 19,
  Charms: 7,
  Client: 8,
  Cloud: 7,
  Controller: 12,
  Insight: 1,
  KeyManager: 1,
  MachineManager: 10,
  ModelConfig: 3,
  ModelManager: 10,
  Pinger: 1,
  Resources: 3,
  SSHClient: 4,
  Secrets: 2,
  StringsWatcher: 1,
};
const connectMs = 10_000;
const pingMs = 20_000;

interface JujuConnection {
  transport: {
    write(request: object, resolve: (value: unknown) => void, reject: (error: Error) => void): void;
  };
}

export class Api {
  readonly endpoint: string;
  readonly #connection: JujuConnection;
  readonly #logout: () => void;
  readonly #lost: Promise<never>;
  readonly #keepAlive: NodeJS.Timeout;

  constructor(parts: {
    endpoint: string;
    connection: JujuConnection;
    logout: () => void;
    lost: Promise<never>;
  }) {
    this.endpoint = parts.endpoint;
    this.#connection = parts.connection;
    this.#logout = parts.logout;
    this.#lost = parts.lost;
    this.#keepAlive = setInterval(() => void this.call("Pinger", "Ping").catch(() => undefined), pingMs);
    this.#keepAlive.unref();
  }

  /** @throws RequestError when the server refuses, CommandError when the connection is lost */
  call<Result>(facade: string, request: string, params: object = {}, id = ""): Promise<Result> {
    const version = versions[facade];
    if (version === undefined) throw new Error(`no version of facade ${facade} is known here`);
    const answer = new Promise<Result>((resolve, reject) => {
      const message = { type: facade, version, request, params, ...(id ? { id } : {}) };
      this.#connection.transport.write(
        message,
        (value) => resolve(value as Result),
        (error) => {
          reject(new RequestError(error.message, ""));
        },
      );
    });
    return Promise.race([answer, this.#lost]);
  }

  close(): void {
    clearInterval(this.#keepAlive);
    this.#logout();
  }
}

/** Tries the controller's addresses in order. @throws CommandError naming the controller and what failed */
export async function connect(target: ControllerTarget, modelUuid?: string): Promise<Api> {
  const failures: string[] = [];
  for (const endpoint of target.controller["api-endpoints"]) {
    try {
      return await connectTo(endpoint, target, modelUuid);
    } catch (error) {
      if (error instanceof LoginError) throw refusedLogin(error, target);
      failures.push(`${endpoint}: ${(error as Error).message}`);
    }
  }
  throw new CommandError(
    `cannot connect to controller "${target.name}" (${failures.join("; ") || "it has no address"}). ` +
      'Is it running? Start it, or resume it, with "cantrip up"',
  );
}

class LoginError extends Error {
  override readonly name = "LoginError";
}

function refusedLogin(error: LoginError, { name, account }: ControllerTarget): CommandError {
  const isPassword = error.message.startsWith("Have you been granted permission");
  const why = isPassword ? "invalid entity name or password" : error.message;
  return new CommandError(`cannot log in to controller "${name}" as "${account.user}": ${why}`);
}

async function connectTo(endpoint: string, target: ControllerTarget, modelUuid?: string): Promise<Api> {
  const path = modelUuid === undefined ? "api" : `model/${modelUuid}/api`;
  const { lost, closed, fail } = lossOf(endpoint);
  let failure: Error | undefined;
  let isOpen = false;
  let socket: WebSocket | undefined;
  const options = {
    wsclass: socketClass(target.controller["ca-cert"]),
    facades: [],
    closeCallback: closed,
    onWSCreated: (created: unknown): void => {
      const ws = created as WebSocket;
      // the library would print it on stdout
      ws.removeAllListeners("error");
      ws.on("open", () => (isOpen = true));
      socket = ws;
      ws.on("error", (error: Error) => fail((failure = error)));
    },
  };
  try {
    const login = connectAndLogin(
      `wss://${endpoint}/${path}`,
      options as unknown as Parameters<typeof connectAndLogin>[1],
      { username: target.account.user, password: target.account.password ?? "" },
      clientVersion,
    );
    const { conn, logout } = await Promise.race([login, lost, loginBound()]);
    return new Api({
      endpoint,
      connection: conn as unknown as JujuConnection,
      logout: () => (logout(undefined as never), hangUp(socket)),
      lost,
    });
  } catch (error) {
    if (isOpen && !(error instanceof CommandError)) throw new LoginError((error as Error).message);
    throw failure === undefined ? error : new Error(plainly(failure), { cause: error });
  }
}

/** A server that is gone does not answer the closing handshake: nobody waits for it. */
function hangUp(socket: WebSocket | undefined): void {
  const timer = setTimeout(() => socket?.terminate(), 300);
  socket?.once("close", () => clearTimeout(timer));
}

function loginBound(): Promise<never> {
  return new Promise((_resolve, reject) => {
    const refuse = (): void =>
      reject(new CommandError(`no answer to the login within ${connectMs / 1000} s`));
    setTimeout(refuse, connectMs).unref();
  });
}

/** A promise that rejects when the connection ends before it is closed on purpose. */
function lossOf(endpoint: string): {
  lost: Promise<never>;
  closed: () => void;
  fail: (error: Error) => void;
} {
  const { promise, reject } = Promise.withResolvers<never>();
  promise.catch(() => undefined);
  const fail = (error: Error): void =>
    reject(new CommandError(`connection to ${endpoint} lost: ${error.message}`));
  return { lost: promise, fail, closed: () => fail(new Error("closed by the controller")) };
}

/** Trusts this controller's CA alone, and knows the server by the name that every controller's certificate has. */
function socketClass(ca: string): typeof WebSocket {
  const options: ClientOptions = { ca, handshakeTimeout: connectMs, maxPayload: 64 * 1024 * 1024 };
  return class extends WebSocket {
    constructor(url: string | URL) {
      super(url, [], Object.assign({ servername: "juju-apiserver" }, options));
    }
  } as unknown as typeof WebSocket;
}

function plainly(error: Error & { code?: string }): string {
  if (error.code === "ECONNREFUSED") return "connection refused";
  return error.message || error.code || "unknown error";
}

/**
 * One websocket: messages in, answers out, in any order. It survives whatever is sent, and is cut when it sends too much,
 * reads too slowly or does not log in.
 */
import type { WebSocket } from "ws";
import { ApiError, findMethod, type Connection, type ConnectionResource } from "../facade.ts";
import type { Account, Controller, LiveModel } from "../models.ts";
import { failureText, parseRequest, successText, type RequestEnvelope } from "./envelope.ts";

export const limits = {
  /** one message from a client or agent */
  messageBytes: 16 << 20,
  /** what may wait for a client that reads slowly */
  backlogBytes: 64 << 20,
  /** jujulib refuses frames above 1 MiB */
  frameBytes: 512 << 10,
  concurrentRequests: 512,
  loginMs: 30_000,
};

export type Login = (
  envelope: RequestEnvelope,
  model: LiveModel | undefined,
) => Promise<{ account: Account; response: unknown }>;

export interface ApiConnectionOptions {
  readonly socket: WebSocket;
  readonly controller: Controller;
  readonly model: LiveModel | undefined;
  /** asked for in the path, but not there: the login says so */
  readonly unknownModel: string | undefined;
  readonly login: Login;
  readonly onLogin?: (connection: ApiConnection, account: Account) => void;
  readonly onDefect: (error: unknown, what: string) => void;
}

export class ApiConnection {
  readonly #options: ApiConnectionOptions;
  readonly #resources = new Map<string, ConnectionResource>();
  readonly #closed = new AbortController();
  #context: Connection | undefined;
  #nextResource = 1;
  #running = 0;

  constructor(options: ApiConnectionOptions) {
    this.#options = options;
    const { socket } = options;
    const deadline = setTimeout(
      () => this.#context ?? socket.close(1008, "no login"),
      limits.loginMs,
    ).unref();
    socket.on(
      "message",
      (data: Buffer, isBinary) => void this.#receive(isBinary ? undefined : data.toString()),
    );
    socket.on("error", () => socket.terminate());
    socket.on("close", () => {
      clearTimeout(deadline);
      this.#close();
    });
  }

  get account(): Account | undefined {
    return this.#context?.user;
  }
  get closed(): AbortSignal {
    return this.#closed.signal;
  }
  get socket(): WebSocket {
    return this.#options.socket;
  }

  async #receive(text: string | undefined): Promise<void> {
    let requestId = 0;
    try {
      if (text === undefined) throw new ApiError("bad request", "expected text messages, got a binary one");
      const envelope = parseRequest(text);
      requestId = envelope.requestId;
      if (this.#running >= limits.concurrentRequests)
        throw new ApiError("try again", `more than ${limits.concurrentRequests} requests wait for an answer`);
      this.#running += 1;
      try {
        this.#send(successText(requestId, await this.#dispatch(envelope)));
      } finally {
        this.#running -= 1;
      }
    } catch (error) {
      this.#answerFailure(requestId, error);
    }
  }

  #answerFailure(requestId: number, error: unknown): void {
    const known = error instanceof ApiError ? error.info?.["requestId"] : undefined;
    if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError)
      this.#options.onDefect(error, "answering a request");
    this.#send(failureText(typeof known === "number" ? known : requestId, error));
  }

  async #dispatch(envelope: RequestEnvelope): Promise<unknown> {
    const { type, version, request, params, id } = envelope;
    if (type === "Admin") return this.#admin(envelope);
    const context = this.#context;
    if (!context) throw new ApiError("unauthorized access", "not logged in");
    const method = findMethod(type, version, request, context.user, context.model !== undefined);
    return method(context, params, id, version);
  }

  async #admin(envelope: RequestEnvelope): Promise<unknown> {
    if (envelope.version !== 3)
      throw new ApiError(
        "not implemented",
        `no such request - method Admin(${envelope.version}).${envelope.request} is not implemented`,
      );
    if (envelope.request === "RedirectInfo") throw new ApiError("", "not redirected");
    if (envelope.request !== "Login")
      throw new ApiError(
        "not implemented",
        `no such request - method Admin(3).${envelope.request} is not implemented`,
      );
    if (this.#context) throw new ApiError("", "already logged in");
    const { controller, model, unknownModel } = this.#options;
    const { account, response } = await this.#options.login(envelope, model);
    if (unknownModel !== undefined) throw new ApiError("model not found", `unknown model: "${unknownModel}"`);
    this.#context = {
      controller,
      user: account,
      closed: this.#closed.signal,
      ...(model ? { model } : {}),
      resources: {
        add: (resource) => this.#addResource(resource),
        get: (id) => this.#resources.get(id),
        remove: (id) => this.#removeResource(id),
      },
    };
    this.#options.onLogin?.(this, account);
    return response;
  }

  #addResource(resource: ConnectionResource): string {
    if (this.#resources.size >= 1_000)
      throw new ApiError("quota limit exceeded", "more than 1000 watchers on one connection");
    const id = String(this.#nextResource++);
    this.#resources.set(id, resource);
    return id;
  }

  #removeResource(id: string): void {
    const resource = this.#resources.get(id);
    this.#resources.delete(id);
    resource?.stop();
  }

  #send(text: string): void {
    const { socket } = this.#options;
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount > limits.backlogBytes) return socket.terminate();
    sendText(socket, text);
  }

  #close(): void {
    this.#closed.abort();
    for (const id of this.#resources.keys()) this.#removeResource(id);
  }
}

/** Long texts go as several frames. */
export function sendText(socket: WebSocket, text: string): void {
  if (text.length < limits.frameBytes / 3) return socket.send(text);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += limits.frameBytes) {
    const end = at + limits.frameBytes;
    socket.send(bytes.subarray(at, end), { binary: false, fin: end >= bytes.length });
  }
}

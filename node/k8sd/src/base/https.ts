/** JSON over verified TLS with kept connections: the one client for the API server, etcd and other daemons. */
import {
  Agent as PlainAgent,
  request as plainRequest,
  type ClientRequest,
  type IncomingMessage,
} from "node:http";
import { Agent, request as httpsRequest, type RequestOptions } from "node:https";
import type { Socket } from "node:net";

export interface TlsMaterial {
  /** The authorities that the other side is held to; the machine's own where there is none. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const CONNECT_TIMEOUT_MS = 4_000;
/** Answers beyond this are refused: nothing that this daemon asks for is larger. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** No answer came: the other side is away, slower than the bound, or not who it should be. */
export class Unreachable extends Error {
  override readonly name = "Unreachable";
  readonly code: string | undefined;

  constructor(what: string, cause: unknown) {
    super(`Cannot reach ${what}: ${(cause as Error).message}`, { cause });
    this.code = (cause as NodeJS.ErrnoException).code;
  }
}

export class HttpsClient {
  readonly #origin: URL;
  #agent: Agent | PlainAgent;

  constructor(origin: string, tls: TlsMaterial) {
    this.#origin = new URL(origin);
    this.#agent = this.#agentFor(tls);
  }

  /** Shows another certificate from the next connection on; those that are open end in their time. */
  use(tls: TlsMaterial): void {
    this.#agent = this.#agentFor(tls);
  }

  #agentFor(tls: TlsMaterial): Agent | PlainAgent {
    const pool = { keepAlive: true, maxSockets: 8, maxFreeSockets: 2, timeout: 60_000 };
    // Only a datastore that others run may be without TLS, if its administrator says so.
    return this.#isPlain ? new PlainAgent(pool) : new Agent({ ...tls, ...pool });
  }

  get #isPlain(): boolean {
    return this.#origin.protocol === "http:";
  }

  /** The parsed answer, whatever its status. @throws Unreachable */
  async call(call: Call): Promise<Answer> {
    const response = await this.open(call);
    const text = await this.#bounded(call, readText(response));
    return { status: response.statusCode ?? 0, body: parseBody(text) };
  }

  /** The answer's head with its body still to be read: for watches. @throws Unreachable */
  open(call: Call): Promise<IncomingMessage> {
    const { timeoutMs = 10_000 } = call;
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const text = textOf(call.body);
    const request = this.#isPlain ? plainRequest : httpsRequest;
    const outgoing = request(this.#options(call, text), resolve);
    const timer = setTimeout(
      () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    outgoing.on("error", reject);
    outgoing.on("socket", (socket) => boundConnect(socket, outgoing));
    outgoing.end(text);
    return this.#bounded(call, promise).finally(() => clearTimeout(timer));
  }

  close(): void {
    this.#agent.destroy();
  }

  #options({ method, path, signal, contentType = "application/json" }: Call, text: string | undefined) {
    // Without the length Node sends the body of a DELETE unannounced, and the server takes it for the next request.
    const body =
      text === undefined ? {} : { "content-type": contentType, "content-length": Buffer.byteLength(text) };
    return {
      method,
      host: this.#origin.hostname.replace(/^\[|\]$/g, ""),
      port: this.#origin.port || (this.#isPlain ? 80 : 443),
      path,
      agent: this.#agent,
      headers: { accept: "application/json", ...body },
      ...(signal && { signal }),
    } satisfies RequestOptions;
  }

  async #bounded<T>({ method, path }: Call, answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw new Unreachable(`${this.#origin.host} (${method} ${path.split("?")[0]})`, error);
    }
  }
}

/** A machine that is switched off never answers: that is known long before an answer could be due. */
function boundConnect(socket: Socket, outgoing: ClientRequest) {
  if (!socket.connecting) return;
  const late = () => outgoing.destroy(new Error(`no connection within ${CONNECT_TIMEOUT_MS} ms`));
  const timer = setTimeout(late, CONNECT_TIMEOUT_MS);
  for (const event of ["connect", "close"]) socket.once(event, () => clearTimeout(timer));
}

const textOf = (body: unknown): string | undefined =>
  body === undefined || typeof body === "string" ? body : JSON.stringify(body);

function readText(response: IncomingMessage): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const chunks: Buffer[] = [];
  let size = 0;
  response.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (size > MAX_ANSWER_BYTES) response.destroy(new Error(`answer exceeds ${MAX_ANSWER_BYTES} bytes`));
    else chunks.push(chunk);
  });
  response.on("end", () => resolve(Buffer.concat(chunks).toString("utf8")));
  response.on("error", reject);
  return promise;
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

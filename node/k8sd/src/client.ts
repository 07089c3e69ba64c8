/** A typed client of k8sd's REST API over its control socket. */
import { request } from "node:http";
import {
  CONTROL_SOCKET,
  ENDPOINTS,
  isNotInitialized,
  type EndpointName,
  type Envelope,
  type Requests,
  type Responses,
} from "@cantrip/metadata/k8sd";

/** k8sd answered with an error. */
export class K8sdError extends Error {
  override readonly name = "K8sdError";
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }

  /** True only if this node belongs to no cluster; every other failure leaves that open. */
  get isNotInitialized(): boolean {
    return isNotInitialized(this.code, this.message);
  }
}

/** No answer came: the daemon is not running, or slower than the bound. */
export class K8sdUnreachable extends Error {
  override readonly name = "K8sdUnreachable";
}

export interface CallOptions {
  readonly timeoutMs?: number;
}

export class K8sdClient {
  readonly #socketPath: string;

  constructor(socketPath: string = CONTROL_SOCKET) {
    this.#socketPath = socketPath;
  }

  /** The metadata of the answer. @throws K8sdError, K8sdUnreachable */
  async call<E extends EndpointName>(
    endpoint: E,
    body?: Requests[E],
    options: CallOptions = {},
  ): Promise<Responses[E]> {
    const { method, path } = ENDPOINTS[endpoint];
    const envelope = await this.raw<Responses[E]>(method, `/1.0/${path}`, body, options);
    if (envelope.type === "error") throw new K8sdError(envelope.error_code, envelope.error);
    return envelope.metadata;
  }

  /** Any request, with the envelope as it came. @throws K8sdUnreachable */
  raw<T>(
    method: string,
    path: string,
    body?: unknown,
    { timeoutMs = 320_000 }: CallOptions = {},
  ): Promise<Envelope<T>> {
    const { promise, resolve, reject } = Promise.withResolvers<Envelope<T>>();
    const unreachable = (cause: Error) =>
      reject(new K8sdUnreachable(`Cannot reach k8sd at ${this.#socketPath}: ${cause.message}`, { cause }));
    const text = body === undefined ? "" : typeof body === "string" ? body : JSON.stringify(body);
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) };
    const outgoing = request({ socketPath: this.#socketPath, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", unreachable);
      response.on("end", () => {
        try {
          resolve(JSON.parse(Buffer.concat(chunks).toString("utf8")) as Envelope<T>);
        } catch (error) {
          unreachable(error as Error);
        }
      });
    });
    const timer = setTimeout(
      () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    outgoing.on("close", () => clearTimeout(timer));
    outgoing.on("error", unreachable);
    outgoing.end(text);
    return promise;
  }
}
